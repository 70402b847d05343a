"""Grey sites, and hosts that are opened for what we send."""

import msgspec
import pytest

from blocklists.policy import Action, Kind, Policy, Reason
from blocklists.profile import Code
from blocklists.rulebook import ListUse, Permit, Role
from tests.support.small_policy import (
    ALLOW,
    BLOCK,
    BOOK,
    CATEGORIES,
    LATER,
    LISTS,
    NAMES,
    PAGE,
    SITE,
    PlainNames,
    ask,
    category,
    school,
)


@pytest.mark.parametrize("lists", [[], ["positive"], ["education"], [NAMES[Code.PASS]], [NAMES[Code.OPEN]]])
@pytest.mark.parametrize("kind", [Kind.CONNECT, Kind.SNI, Kind.URL])
def test_a_grey_site_is_open_and_opened_whatever_is_known_of_it(lists: list[str], kind: Kind):
    rules = school({SITE: lists}, profiles={"ks2": {"scan": (SITE,)}})
    verdict = ask(rules, PAGE if kind is Kind.URL else "www.site.test", kind=kind)
    assert (verdict.action, verdict.reason, verdict.inspect, verdict.code) == (ALLOW, Reason.PROFILE_RULE, True, "S")
    assert verdict.scan


@pytest.mark.parametrize(("score", "action"), [(59, ALLOW), (60, BLOCK)])
def test_a_grey_site_is_closed_by_what_a_page_of_it_says(score: int, action: Action):
    rules = school({SITE: ["positive"]}, profiles={"ks2": {"scan": (SITE,)}})
    assert ask(rules, PAGE, kind=Kind.PAGE, score=score).action is action


def test_a_grey_site_without_the_certificate_is_closed_as_it_cannot_be_scanned():
    rules = school(profiles={"visitor": {"scan": (SITE,)}})
    assert (ask(rules, SITE, "visitor").action, ask(rules, SITE, "visitor").reason) == (BLOCK, Reason.PROFILE_RULE)


@pytest.mark.parametrize(
    ("entries", "reason", "code"),
    [
        ({"scan": (SITE,), "block": ("www.site.test",)}, BLOCK, ""),
        ({"scan": ("www.site.test",), "block": (SITE,)}, ALLOW, "S"),
        ({"scan": (SITE,), "block": (SITE,)}, ALLOW, "S"),
        ({"scan": (SITE,), "allow": (SITE,)}, ALLOW, "S"),
        ({"scan": (SITE,), "allow": ("www.site.test",)}, ALLOW, ""),
    ],
)
def test_of_a_grey_entry_and_another_the_more_exact_wins(entries: dict[str, object], reason: Action, code: str):
    verdict = ask(school(profiles={"ks2": entries}), "www.site.test")
    assert (verdict.action, verdict.code) == (reason, code)


def test_sealed_and_emergency_reach_a_grey_site():
    rules = school(
        {}, Permit(1, False, (SITE,), LATER), seal=["grey.test"], profiles={"ks2": {"scan": (SITE, "grey.test")}}
    )
    assert ask(rules, SITE).reason is Reason.EMERGENCY
    assert ask(rules, "grey.test").reason is Reason.SEALED


def test_a_host_that_is_sent_a_header_of_ours_is_opened_where_it_is_known():
    rules = school({"www.youtube.com": ["positive"]})
    assert ask(rules, "www.youtube.com", kind=Kind.SNI).inspect
    assert not ask(rules, "www.youtube.com", "visitor", kind=Kind.SNI).inspect


@pytest.mark.parametrize("never", ["essential", "information"])
def test_but_never_one_that_is_nobodys_business(never: str):
    book = msgspec.structs.replace(
        BOOK,
        categories=CATEGORIES | {never: category(Code.OPEN)},
        lists=LISTS | {never: ListUse(Role.CATEGORY, never)},
    )
    rules = Policy(book, PlainNames({"www.youtube.com": [never]}))
    assert not ask(rules, "www.youtube.com", kind=Kind.SNI).inspect
