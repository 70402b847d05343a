import pytest

from blocklists.formats import Format
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    "line", ["*.gambling.test", ".gambling.test", "gambling.test", "*.Gambling.test.", ".gambling.test # all of it"]
)
def test_a_star_or_a_dot_stands_for_the_name_and_what_is_under_it(line: str):
    assert rules(Format.WILDCARD, line) == listed(["gambling.test"])


def test_a_top_level_domain_is_listed_if_it_is_written_with_its_star():
    assert rules(Format.WILDCARD, "*.zip", ".mov") == listed(["mov", "zip"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("*", "names every site"),
        ("*.", "names every site"),
        (".", "names every site"),
        ("*gambling.test", "a star inside a name"),
        ("ads.*.test", "a star inside a name"),
        ("*.*.test", "a star inside a name"),
        ("..test", "not the name of a host"),
        ("*.one two", "not the name of a host"),
        ("*.gambling.test/page", "not the name of a host"),
    ],
)
def test_a_line_that_is_no_name_is_left_out(line: str, reason: str):
    assert rules(Format.WILDCARD, line) == [reason]
