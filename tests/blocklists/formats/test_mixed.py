import pytest

from blocklists.formats import Format, mixed
from blocklists.rule import PageRule
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    ("line", "fmt"),
    [
        ("gambling.test", Format.PLAIN),
        ("192.0.2.7", Format.PLAIN),
        ("not a name", Format.PLAIN),
        ("0.0.0.0 gambling.test", Format.HOSTS),
        ("0 gambling.test", Format.HOSTS),
        ("gambling.test 0", Format.PLAIN),
        ("*.gambling.test", Format.WILDCARD),
        (".gambling.test", Format.WILDCARD),
        ("https://gambling.test/", Format.URLS),
        ("gambling.test/page", Format.URLS),
        ("gambling.test?id=7", Format.URLS),
    ],
)
def test_each_line_is_read_as_what_it_is(line: str, fmt: Format):
    assert mixed.kind(line) is fmt


def test_a_list_put_together_from_others_loses_nothing():
    lines = ["bets.test", "0.0.0.0 gambling.test", "*.casino.test", "https://poker.test/", "dice.test/play"]
    names = ["bets.test", "casino.test", "gambling.test", "poker.test"]
    assert rules(Format.AUTO, *lines) == [*listed(names), PageRule("dice.test", "/play")]


def test_a_comment_is_left_off_a_name_and_a_fragment_makes_no_host_of_a_page():
    lines = ["bets.test#see http://example.test/", "gambling.test # a", "https://dice.test/#/play"]
    assert rules(Format.AUTO, *lines) == [*listed(["bets.test", "gambling.test"]), PageRule("dice.test", "/")]


def test_ten_names_and_a_network_of_addresses():
    lines = [f"n{number}.test" for number in range(10)]
    assert rules(Format.AUTO, *lines, "198.51.100.0/24") == [*listed(lines), "a network, not a page"]
