import pytest

from blocklists.formats import Unread, pattern
from blocklists.rule import Effect, PatternRule, Subject


@pytest.mark.parametrize("text", [r"^ads[0-9]+\.", "tracker", r"(/banner/|/sponsor/)", "x{1,3}y", "a" * 1000])
def test_an_expression_is_kept_as_it_is(text: str):
    assert pattern.rule(text, Subject.URL, Effect.ALLOWED) == PatternRule(text, Subject.URL, Effect.ALLOWED)


@pytest.mark.parametrize(
    "text", ["", ".*", "*", "^", "$", ".+", ".{3,}", r"\w+", r"[\s\S]*", "(.*)", "(?i).*", r"^.*\..*$"]
)
def test_one_that_matches_everything_is_left_out(text: str):
    assert pattern.rule(text, Subject.HOST) == Unread("matches every site")


@pytest.mark.parametrize("text", ["bücher", "tab\there", "line\nfeed", "nul\0", "del\x7f"])
def test_one_that_is_not_printable_ascii_is_left_out(text: str):
    assert pattern.rule(text, Subject.HOST) == Unread("a pattern with other letters than ASCII")


def test_a_long_one_is_left_out():
    assert pattern.rule("a" * 1001, Subject.HOST) == Unread("a pattern of more than 1000 bytes")


@pytest.mark.parametrize(
    ("text", "subject", "opens", "closes", "made"),
    [
        ("ads*.x.test", Subject.HOST, pattern.LABEL, True, r"(^|\.)ads.*\.x\.test$"),
        ("ads", Subject.HOST, pattern.ANYWHERE, False, "ads"),
        ("ads.", Subject.HOST, pattern.START, False, r"^ads\."),
        ("a***b", Subject.HOST, pattern.ANYWHERE, False, "a.*b"),
        ("x.test/ads", Subject.URL, pattern.LABEL, False, r"^([^/]*\.)?x\.test/ads"),
        ("x.test/a+b", Subject.URL, pattern.START, True, r"^x\.test/a\+b$"),
        ("ad^", Subject.URL, pattern.ANYWHERE, False, "ad([^A-Za-z0-9_.%-]|$)"),
    ],
)
def test_adblocks_signs_become_an_expression(text: str, subject: Subject, opens: str, closes: bool, made: str):
    found = pattern.of_signs(text, subject, opens, closes=closes, effect=Effect.LISTED)
    assert found == PatternRule(made, subject)


@pytest.mark.parametrize("text", ["a{101}", "a{1,5000}b", "a{5000,}", "ab{3,10}c{1000}"])
def test_a_pattern_with_very_many_repeats_is_left_out(text: str):
    assert pattern.rule(text, Subject.URL) == Unread("a pattern with more than 100 repeats")


@pytest.mark.parametrize("text", ["a{100}", "a{1,64}b", "a{2,}", "a{}", "a{,5}", "a{x}"])
def test_a_pattern_with_few_repeats_is_read(text: str):
    assert pattern.rule(text, Subject.URL) == PatternRule(text, Subject.URL)
