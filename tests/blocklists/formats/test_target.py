import pytest

from blocklists.formats import Unread, target
from blocklists.rule import Effect, NameRule, PageRule, PatternRule, Subject


def host(text: str) -> PatternRule:
    return PatternRule(text, Subject.HOST)


def page(text: str, host: str = "") -> PatternRule:
    return PatternRule(text, Subject.URL, host=host)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("||x.test^", NameRule("x.test")),
        ("||X.Test^", NameRule("x.test")),
        ("||x.test", NameRule("x.test")),
        ("||x.test|", NameRule("x.test")),
        ("||x.test^|", NameRule("x.test")),
        ("||x.test^*", NameRule("x.test")),
        ("||x.test/", NameRule("x.test")),
        ("||x.test/*", NameRule("x.test")),
        ("||x.test:8080^", NameRule("x.test")),
        ("||x.test.^", NameRule("x.test")),
        ("||bücher.test^", NameRule("xn--bcher-kva.test")),
        ("||192.0.2.7^", NameRule("192.0.2.7")),
        ("||zip^", NameRule("zip")),
        ("||xn--zckzah^", NameRule("xn--zckzah")),
        ("x.test", NameRule("x.test")),
        ("x.test:8080", NameRule("x.test")),
        ("192.0.2.7", NameRule("192.0.2.7")),
        ("|x.test^", NameRule("x.test", exact=True)),
        ("|x.test|", NameRule("x.test", exact=True)),
        ("|https://x.test^", NameRule("x.test", exact=True)),
        ("|https://x.test/", NameRule("x.test", exact=True)),
        ("://x.test^", NameRule("x.test", exact=True)),
    ],
)
def test_a_pattern_that_is_a_name(text: str, rule: NameRule):
    assert target.rule(text, Effect.LISTED) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("||ads*.x.test^", host(r"(^|\.)ads.*\.x\.test$")),
        ("||*.x.test^", host(r"\.x\.test$")),
        ("||*ads^", host("ads$")),
        ("*.x.test", host(r"\.x\.test")),
        ("*ads*", host("ads")),
        ("||ads*", host(r"(^|\.)ads")),
        ("||ads", host(r"(^|\.)ads")),
        ("||ads.*.test|", host(r"(^|\.)ads\..*\.test$")),
        ("|ads.", host(r"^ads\.")),
        ("|x.test", host(r"^x\.test")),
        ("|*ads^", host("ads$")),
        ("x.test^", host(r"x\.test$")),
        ("x.test|", host(r"x\.test$")),
        (".ads.", host(r"\.ads\.")),
        ("||192.0.2.^", host(r"(^|\.)192\.0\.2\.$")),
        ("||7^", host(r"(^|\.)7$")),
        ("||192.0.*", host(r"(^|\.)192\.0\.")),
        (r"/^ads[0-9]+\./", host(r"^ads[0-9]+\.")),
    ],
)
def test_a_pattern_of_hosts(text: str, rule: PatternRule):
    assert target.rule(text, Effect.LISTED) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("||x.test/ads|", PageRule("x.test", "/ads")),
        ("||x.test/ads?id=7|", PageRule("x.test", "/ads?id=7")),
        ("||x.test/|", PageRule("x.test", "/")),
        ("||x.test/ads/", PageRule("x.test", "/ads/", folder=True)),
        ("||x.test/ads/*", PageRule("x.test", "/ads/", folder=True)),
        ("||x.test/ads^", PageRule("x.test", "/ads", folder=True)),
        ("||X.test:8080/Ads/../Bets/", PageRule("x.test", "/Bets/", folder=True)),
        ("||x.test/ads", PageRule("x.test", "/ads", begins=True)),
        ("||x.test/ads?id=", PageRule("x.test", "/ads?id=", begins=True)),
        ("||x.test/ads?id=7^", page(r"^([^/]*\.)?x\.test/ads\?id=7([^A-Za-z0-9_.%-]|$)", "x.test")),
        ("||x.test/%5Eads", PageRule("x.test", "/^ads", begins=True)),
        ("||x.test/%5Eads?id=7^", page(r"^([^/]*\.)?x\.test/%5Eads\?id=7([^A-Za-z0-9_.%-]|$)", "x.test")),
        ("||x.test/*/ads", page(r"^([^/]*\.)?x\.test/.*/ads", "x.test")),
        ("||x.test^*/ads/*", page(r"^([^/]*\.)?x\.test([^A-Za-z0-9_.%-]|$).*/ads/")),
        ("||x*.test/ads/", page(r"^([^/]*\.)?x.*\.test/ads/")),
        ("|https://x.test/ads", page(r"^x\.test/ads")),
        ("http://x.test/ads|", page(r"^x\.test/ads$")),
        ("/ads/banner", page("/ads/banner")),
        ("&ad_id=", page(r"\&ad_id=")),
        ("x.test/ads", page(r"x\.test/ads")),
        ("||bad..name/ads/", page(r"^([^/]*\.)?bad\.\.name/ads/")),
    ],
)
def test_a_pattern_of_pages(text: str, rule: PageRule | PatternRule):
    assert target.rule(text, Effect.LISTED) == rule


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "matches every site"),
        ("*", "matches every site"),
        ("||", "matches every site"),
        ("||^", "matches every site"),
        ("||*^", "matches every site"),
        ("|*|", "matches every site"),
        ("***", "matches every site"),
        ("/.*/", "matches every site"),
        ("ad", "matches every site"),
        ("||x^", "a name with one label"),
        ("forbidden", "a name with one label"),
        ("not a rule", "more than one word on a line"),
        ("{error}", "not a rule of this format"),
        ("||bücher*^", "a pattern with other letters than ASCII"),
        ("||x.test/b*ü", "a pattern with other letters than ASCII"),
    ],
)
def test_a_pattern_that_cannot_be_used(text: str, reason: str):
    assert target.rule(text, Effect.LISTED) == Unread(reason)


@pytest.mark.parametrize("text", ["||x.test^", "|x.test^", "*ads*", "||x.test/ads^", "||x.test/ads|", "/ads/x"])
@pytest.mark.parametrize("effect", [Effect.ALLOWED, Effect.IMPORTANT])
def test_every_kind_of_rule_carries_its_effect(text: str, effect: Effect):
    found = target.rule(text, effect)
    assert not isinstance(found, Unread)
    assert found.effect is effect
