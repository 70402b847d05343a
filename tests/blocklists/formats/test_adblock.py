import pytest

from blocklists.formats import Ahead, Format, adblock
from blocklists.rule import Effect, NameRule, PageRule, PatternRule, Subject
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("@@||fine.test^", NameRule("fine.test", Effect.ALLOWED)),
        ("@@|fine.test^", NameRule("fine.test", Effect.ALLOWED, exact=True)),
        ("||x.test^$important", NameRule("x.test", Effect.IMPORTANT)),
        ("@@||fine.test^$important", NameRule("fine.test", Effect.ALLOWED_IMPORTANT)),
        ("|x.test^", NameRule("x.test", exact=True)),
        ("@@x.test/", NameRule("x.test", Effect.ALLOWED)),
        ("@@|com^", NameRule("com", Effect.ALLOWED, exact=True)),
        ("@@/ads/", PatternRule("ads", Subject.HOST, Effect.ALLOWED)),
        ("192.0.2.7/", NameRule("192.0.2.7")),
        ("192.0/", PatternRule(r"192\.0/", Subject.URL)),
        ("banners/", PatternRule("banners/", Subject.URL)),
        ("||[2001:db8::1]^", NameRule("2001:db8::1")),
        ("@@||[2001:db8::1]^", NameRule("2001:db8::1", Effect.ALLOWED)),
        ("||x.test?a=1", PageRule("x.test", "/?a=1", begins=True)),
        ("||x.test:80?a=1", PageRule("x.test", "/?a=1", begins=True)),
        ("|http://x.test?a=", PatternRule(r"^x\.test/\?a=", Subject.URL)),
        ("||ads*.x.test^", PatternRule(r"(^|\.)ads.*\.x\.test$", Subject.HOST)),
        (r"/^ads[0-9]+\.x\.test$/", PatternRule(r"^ads[0-9]+\.x\.test$", Subject.HOST)),
        (r"/ads$/$important", PatternRule("ads$", Subject.HOST, Effect.IMPORTANT)),
        (r"@@/ads # 7/", PatternRule("ads # 7", Subject.HOST, Effect.ALLOWED)),
    ],
)
def test_a_rule_has_the_effect_that_it_asks_for(line: str, rule: NameRule):
    assert rules(Format.ADBLOCK, line) == [rule]


@pytest.mark.parametrize(
    "line",
    [
        "||x.test^",
        "||x.test^$all",
        "||x.test^$_____,",
        "||x.test^$dnsrewrite=NXDOMAIN",
        "||x.test^$dnsrewrite=REFUSED;;",
        "||x.test^$dnsrewrite=NOERROR",
        "||x.test^$dnsrewrite=0.0.0.0",
        "||x.test^$dnsrewrite=NOERROR;A;0.0.0.0",
        "x.test",
        "x.test/",
        "X.test/$all",
        "x.test # a comment",
        "0.0.0.0 x.test # a comment",
        "127.0.0.1 localhost x.test",
    ],
)
def test_other_ways_to_list_a_name(line: str):
    assert rules(Format.ADBLOCK, line) == listed(["x.test"])


@pytest.mark.parametrize(
    "line",
    ["", "! Title: a list", "!#if (adguard)", "# a list", "## a list", "#####", "#", "[Adblock Plus 2.0]", "###"],
)
def test_comments_and_headers_say_nothing(line: str):
    assert rules(Format.ADBLOCK, line) == []


@pytest.mark.parametrize(
    "line",
    [
        "##.advert",
        "###advert",
        "x.test##.advert",
        "x.test###advert",
        "x.test#@#.advert",
        "x.test#?#.advert:has(a)",
        "x.test#$#body { color: red }",
        "x.test#@$?#body { color: red }",
        "x.test#%#//scriptlet('x')",
        "x.test$$script[data-src]",
        "x.test$@$script[data-src]",
        "x.test%%advert%%",
        "[$path=/page]##.advert",
    ],
)
def test_what_changes_a_pages_looks_is_left_out(line: str):
    assert rules(Format.ADBLOCK, line)[-1:] == ["a cosmetic rule"]


def test_a_comment_is_no_cosmetic_rule():
    assert rules(Format.ADBLOCK, "0.0.0.0 x.test ## the worst") == listed(["x.test"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||x.test^$client=192.0.2.7", "the modifier $client is not supported"),
        (r"||x.test^$client='Ann\'s\, and Bob\'s',important", "the modifier $client is not supported"),
        ("||x.test^$dnstype=AAAA", "the modifier $dnstype is not supported"),
        ("||x.test^$ctag=device_phone", "the modifier $ctag is not supported"),
        ("||x.test^$dnsrewrite=192.0.2.7", "the modifier $dnsrewrite is not supported"),
        ("||x.test^$dnsrewrite=safe.test", "the modifier $dnsrewrite is not supported"),
        ("@@||x.test^$dnsrewrite=NXDOMAIN", "the modifier $dnsrewrite is not supported"),
        ("||x.test^$third-party", "the modifier $third-party is not supported"),
        ("||x.test^$~script,image", "the modifier $script is not supported"),
        ("||x.test^$IMPORTANT,DOMAIN=y.test", "the modifier $domain is not supported"),
        ("||x.test^$~important", "the modifier $important is not supported"),
        ("/ads/$popup", "the modifier $popup is not supported"),
        ("||x.test^$nonsense=7", "a modifier that is not known"),
        ("||x.test/a$b", "a modifier that is not known"),
        ("*$denyallow=x.test", "matches every site"),
        ("||x.test^$denyallow=*.y.test", "the modifier $denyallow is not supported"),
        ("||x.test^$denyallow=", "the modifier $denyallow is not supported"),
        ("@@||x.test^$denyallow=y.x.test", "the modifier $denyallow is not supported"),
        ("||x.test^$important,denyallow=y.x.test", "the modifier $denyallow beside $important is not supported"),
        ("|x.test^$denyallow=y.x.test", "the modifier $denyallow beside a pattern is not supported"),
        ("/ads/$denyallow=x.test", "the modifier $denyallow beside a pattern is not supported"),
        ("@@||com^", "would take every site that ends in it off the list"),
        ("@@||com^$important", "would take every site that ends in it off the list"),
        ("@@||*.com^", "would take every site that ends in it off the list"),
        ("@@*.com^", "would take every site that ends in it off the list"),
        ("@@.com|", "would take every site that ends in it off the list"),
        ("@@", "matches every site"),
        ("not a rule", "more than one word on a line"),
    ],
)
def test_a_rule_that_cannot_be_applied_as_it_is_meant_is_left_out(line: str, reason: str):
    assert rules(Format.ADBLOCK, line) == [reason]


def test_denyallow_leaves_names_under_the_rule_alone():
    assert rules(Format.ADBLOCK, "||test^$denyallow=fine.test|y.fine.test|other.example") == [
        NameRule("test"),
        NameRule("fine.test", Effect.APART),
        NameRule("y.fine.test", Effect.APART),
    ]


@pytest.mark.parametrize("value", ["x.test", "test|other.example"])
def test_denyallow_of_all_that_a_rule_matches_leaves_nothing(value: str):
    assert rules(Format.ADBLOCK, f"||x.test^$denyallow={value}") == []


@pytest.mark.parametrize(
    "lines",
    [
        ["||x.test^", "||x.test^$badfilter", "||bets.test^"],
        ["||x.test^$badfilter", "||bets.test^", "||X.TEST^"],
        ["||bets.test^", "||x.test^$important", "||x.test^$badfilter,important"],
        ["||bets.test^", "@@||x.test^", "@@||x.test^$badfilter"],
        ["||bets.test^", "/x[0-9]/$badfilter", "/x[0-9]/"],
        ["x.test", "||bets.test^", "x.test$badfilter"],
    ],
)
def test_badfilter_takes_back_the_same_rule_anywhere_in_the_list(lines: list[str]):
    assert rules(Format.ADBLOCK, *lines) == listed(["bets.test"])


def test_badfilter_takes_back_no_other_rule():
    lines = ["@@||x.test^$badfilter", "||x.test^$badfilter,important", "||x.test^", "||y.x.test^"]
    assert rules(Format.ADBLOCK, *lines) == listed(["x.test", "y.x.test"])


def test_a_word_that_only_holds_the_modifiers_name_takes_nothing_back():
    assert rules(Format.ADBLOCK, "||badfilter.test^", "! badfilter") == listed(["badfilter.test"])


def test_more_than_a_list_may_take_back_is_counted():
    blocks = [b"".join(b"||n%d.test^$badfilter\n" % number for number in range(adblock.MAX_CANCELLED + 5))]
    ahead = adblock.look_ahead(blocks)
    assert len(ahead.cancelled) == adblock.MAX_CANCELLED
    assert list(adblock.rules("||n1.test^", cancelled=ahead.cancelled)) == []
    (left_out,) = adblock.rules(f"||n{adblock.MAX_CANCELLED + 1}.test^$badfilter", cancelled=ahead.cancelled)
    assert left_out == adblock.Unread("the modifier $badfilter is not supported")
    assert adblock.look_ahead([b"||" + b"x" * 5000 + b"^$badfilter"]) == Ahead()
