"""What is always open, emergency blocks, passes, and the entries of a profile itself."""

import itertools

import pytest

from blocklists.clients import Client
from blocklists.policy import NAME_KINDS, Action, Kind, Reason, Request, Verdict, decide
from blocklists.profile import Code, Unknown
from blocklists.rulebook import Permit
from tests.support.small_policy import (
    ALLOW,
    BLOCK,
    CATEGORIES,
    EVENING,
    HOLIDAY,
    LATER,
    LESSON,
    NUMBER,
    PAGE,
    PROFILES,
    SITE,
    ask,
    closing,
    opening,
    school,
)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_helpline_is_open_in_every_state_and_leaves_no_trace_of_a_category(profile: str):
    rules = school(
        {SITE: ["always_open", "self_harm"]},
        closing(SITE),
        profiles={profile: {"block": (SITE,), "unknown": Unknown.CLOSED}},
    )
    for target, when in itertools.product((SITE, f"chat.{SITE}", PAGE), (LESSON, EVENING)):
        for clock_ok in (True, False):
            verdict = ask(rules, target, profile, when=when, clock_ok=clock_ok)
            assert verdict == Verdict(ALLOW, Reason.ALWAYS_OPEN, list="always_open", rule=SITE)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_an_emergency_closes_a_host_for_everybody_until_it_ends(profile: str):
    rules = school(
        {SITE: ["approved", "education"]},
        closing(SITE),
        opening(SITE, profiles=tuple(PROFILES)),
        profiles={profile: {"allow": (SITE, PAGE)}},
    )
    for target in (SITE, "www.site.test", PAGE):
        verdict = ask(rules, target, profile)
        assert (verdict.action, verdict.reason, verdict.until) == (BLOCK, Reason.EMERGENCY, LATER)
        assert (verdict.rule, verdict.list) == (SITE, "")
    assert ask(rules, SITE, profile, when=LATER - 1).reason is Reason.EMERGENCY
    assert ask(rules, SITE, profile, when=LATER).reason is not Reason.EMERGENCY


def test_an_emergency_stays_in_force_by_a_clock_that_cannot_be_believed():
    rules = school({SITE: ["open"]}, closing(SITE))
    assert ask(rules, when=HOLIDAY, clock_ok=False).reason is Reason.EMERGENCY


def test_an_emergency_on_a_page_closes_the_page_and_the_name_only_where_nothing_can_be_opened():
    rules = school({SITE: ["open"]}, closing("site.test/a"))
    assert ask(rules, PAGE).reason is Reason.EMERGENCY
    assert ask(rules, "https://site.test/b").action is ALLOW
    assert (ask(rules, SITE).action, ask(rules, SITE).inspect) == (ALLOW, True)
    assert ask(rules, SITE, "byod").reason is Reason.EMERGENCY
    assert ask(rules, "other.test", "visitor").action is ALLOW


def test_an_emergency_on_a_page_with_a_query_closes_the_page_with_every_query():
    rules = school({SITE: ["open"]}, closing("https://site.test/watch?v=1"))
    assert ask(rules, "https://site.test/watch?v=1").reason is Reason.EMERGENCY
    assert ask(rules, "https://site.test/watch?v=1&x").reason is Reason.EMERGENCY
    assert ask(rules, "https://site.test/").action is ALLOW


@pytest.mark.parametrize(
    ("permit", "holds"),
    [
        (opening(SITE), True),
        (opening("test"), True),
        (opening("other.test", SITE), True),
        (opening(SITE, profiles=("staff",)), False),
        (opening(SITE, profiles=(), clients=(NUMBER,)), True),
        (opening(SITE, profiles=(), clients=(8, 9)), False),
        (opening(SITE, profiles=()), False),
        (opening("other.test"), False),
        (opening("www.site.test"), False),
        (opening("notsite.test"), False),
        (opening("*"), False),
        (opening(SITE, until=LESSON), False),
        (opening(SITE, until=LESSON + 1), True),
    ],
)
def test_a_pass_opens_its_sites_for_whom_it_names_until_it_ends(permit: Permit, holds: bool):
    verdict = ask(school({SITE: ["closed"]}, permit))
    assert (verdict.reason is Reason.PASS) is holds
    assert verdict.blocked is not holds
    assert verdict.until == (permit.until if holds else None)


def test_a_pass_for_client_numbers_opens_nothing_for_a_client_without_one():
    rules = school({SITE: ["closed"]}, opening(SITE, profiles=(), clients=(0,)))
    assert decide(rules, Request(Kind.DNS, Client("10.0.0.1", "ks2"), SITE, LESSON)).blocked


@pytest.mark.parametrize("name", sorted(CATEGORIES))
def test_a_pass_opens_every_category_that_is_not_locked(name: str):
    verdict = ask(school({SITE: [name]}, opening(SITE)))
    assert verdict.blocked is (CATEGORIES[name].codes["ks2"] is Code.LOCKED)
    assert ask(school({SITE: [name, "locked"]}, opening(SITE))).blocked


def test_a_pass_for_a_host_does_not_reach_a_locked_name_under_it():
    rules = school({"bad.site.test": ["locked"]}, opening(SITE))
    assert ask(rules, SITE).reason is Reason.PASS
    assert ask(rules, "bad.site.test").reason is Reason.CATEGORY
    assert ask(rules, "www.bad.site.test").reason is Reason.CATEGORY


def test_no_pass_opens_by_a_clock_that_cannot_be_believed():
    assert ask(school({SITE: ["closed"]}, opening(SITE)), clock_ok=False).reason is Reason.CATEGORY


def test_a_pass_for_a_page_opens_the_page_and_lets_the_name_through_only_to_be_opened():
    rules = school({SITE: ["closed"]}, opening("site.test/a", profiles=("ks2", "byod")))
    assert ask(rules, PAGE).reason is Reason.PASS
    assert ask(rules, "https://site.test/b").reason is Reason.CATEGORY
    assert (ask(rules, SITE).reason, ask(rules, SITE).inspect) == (Reason.PASS, True)
    assert ask(rules, SITE, "byod").reason is Reason.CATEGORY


def test_whoever_shares_profile_and_permits_shares_what_decides():
    rules = school({}, opening(SITE), opening(SITE, number=3, profiles=(), clients=(8,)), closing(SITE))
    assert rules.effective(Client("", "ks2", number=7), LESSON) == ("ks2", (1, 2))
    assert rules.effective(Client("", "ks2", number=8), LESSON) == ("ks2", (1, 3, 2))
    assert rules.effective(Client("", "staff"), LESSON) == ("staff", (2,))
    assert rules.effective(Client("", "ks2"), LATER) == ("ks2", ())


@pytest.mark.parametrize(
    ("allow", "block", "target", "action"),
    [
        ("site.test", "", "www.site.test", ALLOW),
        ("", "site.test", "www.site.test", BLOCK),
        ("site.test", "site.test", SITE, ALLOW),
        ("site.test", "test", "www.site.test", ALLOW),
        ("test", "site.test", "www.site.test", BLOCK),
        ("site.test", "www.site.test", "a.www.site.test", BLOCK),
        ("www.site.test", "site.test", "a.www.site.test", ALLOW),
        ("site.test/a", "site.test", "https://site.test/a", ALLOW),
        ("site.test/a", "site.test", "https://site.test/b", BLOCK),
        ("site.test", "site.test/a", "https://site.test/a/b", BLOCK),
        ("site.test", "site.test/a", "https://site.test/ab", ALLOW),
        ("site.test/a/b", "site.test/a", "https://site.test/a/b/c", ALLOW),
        ("site.test/a", "site.test/a/b", "https://site.test/a/b/c", BLOCK),
        ("site.test/a", "site.test/a", "https://site.test/a", ALLOW),
        ("site.test/a", "www.site.test", "https://www.site.test/a", BLOCK),
        ("site.test/a", "site.test", "https://site.test/a/../b", BLOCK),
        ("site.test/a", "site.test", "https://site.test/a%2f..%2fb", BLOCK),
        ("site.test/a", "site.test", "https://site.test/a/..%5Cb", BLOCK),
        ("site.test", "site.test/a", "https://site.test/%61", BLOCK),
        ("site.test", "site.test/a", "https://site.test//a?b", BLOCK),
        ("192.0.2.7", "test", "192.0.2.7", ALLOW),
    ],
)
def test_the_more_exact_entry_wins_and_an_allow_wins_a_tie(allow: str, block: str, target: str, action: Action):
    rules = school({}, profiles={"ks2": {"allow": (allow,) * bool(allow), "block": (block,) * bool(block)}})
    verdict = ask(rules, target)
    assert (verdict.action, verdict.reason) == (action, Reason.PROFILE_RULE)
    assert verdict.rule == (allow if action is ALLOW else block)


@pytest.mark.parametrize(
    ("profile", "rules", "action", "reason", "inspect"),
    [
        ("ks2", {"allow": ("site.test/a",)}, ALLOW, Reason.PROFILE_RULE, True),
        ("ks2", {"block": ("site.test/a",)}, ALLOW, Reason.OPEN, True),
        ("ks2", {"block": (SITE, "site.test/a")}, BLOCK, Reason.PROFILE_RULE, True),
        ("ks2", {"allow": (SITE,)}, ALLOW, Reason.PROFILE_RULE, False),
        ("ks2", {"allow": (SITE, "site.test/a")}, ALLOW, Reason.PROFILE_RULE, True),
        ("byod", {"allow": ("site.test/a",)}, ALLOW, Reason.OPEN, False),
        ("byod", {"block": ("site.test/a",)}, BLOCK, Reason.PROFILE_RULE, False),
        ("byod", {"allow": ("other.test/a",), "block": ("other.test/a",)}, ALLOW, Reason.OPEN, False),
    ],
)
def test_a_page_of_a_site_at_name_level(
    profile: str, rules: dict[str, object], action: Action, reason: Reason, inspect: bool
):
    for kind in NAME_KINDS:
        verdict = ask(school({SITE: ["positive"]}, profiles={profile: rules}), SITE, profile, kind)
        assert verdict.action is action
        assert verdict.reason is reason
        assert verdict.inspect is (inspect and not (verdict.blocked and kind is Kind.DNS))
