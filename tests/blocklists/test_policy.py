import datetime
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults, domain, policy, sealed, url
from blocklists.calendar import Calendar, Period, Span, Window
from blocklists.clients import Client
from blocklists.compile import Source, compile_lists
from blocklists.index import EmptyIndex, Index, Listing
from blocklists.policy import NAME_KINDS, ORDER, Action, Kind, Policy, Reason, Request, Verdict, decide
from blocklists.profile import Code, Pages, Profile, Unknown, Unseen, Watch
from blocklists.rulebook import Category, ListUse, Permit, Permits, Role, Rulebook, Severity

ALLOW, BLOCK = Action.ALLOW, Action.BLOCK
SITE = "site.test"
PAGE = "https://site.test/a/page"
KEY = bytes(range(32))
NUMBER = 7


def at(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/London"))
    return int(moment.timestamp()) * 10**9


LESSON, BREAK, LUNCH = at("2026-03-02T09:00:00"), at("2026-03-02T10:30:00"), at("2026-03-02T12:30:00")
EVENING, WEEKEND, HOLIDAY = at("2026-03-02T18:00:00"), at("2026-03-07T11:00:00"), at("2026-04-08T11:00:00")
LATER = LESSON + 3600 * 10**9

CALENDAR = Calendar(
    school_day=(Window(datetime.time(8, 30), datetime.time(15, 30)),),
    breaks=(Window(datetime.time(10, 30), datetime.time(10, 45)), Window(datetime.time(12), datetime.time(13))),
    terms=(
        Span(datetime.date(2026, 1, 5), datetime.date(2026, 3, 27)),
        Span(datetime.date(2026, 4, 13), datetime.date(2026, 7, 17)),
    ),
)

PROFILES = {
    "ks2": Profile("KS2", "ks2", Pages.KS2, unknown=Unknown.SCAN, scan_limit=60),
    "ks1": Profile("KS1", "ks1", Pages.KS1, approved_only=True, approved=("approved",), watch=Watch.DEVICE),
    "byod": Profile("BYOD", "ks2", Pages.SECONDARY, certificate=False),
    "staff": Profile("Staff", "staff", Pages.STAFF, unknown=Unknown.OPEN, watch=Watch.STAFF),
    "visitor": Profile(
        "Visitor", "visitor", Pages.STAFF, certificate=False, unknown_unopened=Unknown.OPEN, watch=Watch.NONE
    ),
}


def category(code: Code, **more: object) -> Category:
    codes = {"ks1": code, "ks2": code, "staff": code, "visitor": code}
    return msgspec.structs.replace(Category(code.name, "closed", codes, alert="NOTE"), **more)


NAMES = {code: "dash" if code is Code.APPROVED else code.name.lower() for code in Code}
CATEGORIES = {NAMES[code]: category(code) for code in Code} | {
    "self_harm": category(Code.LOCKED, harm=True, theme="self-harm", alert="URGENT"),
    "extremism": category(Code.CLOSED, harm=True, theme="radicalisation", alert="CONCERN", alerts={"staff": "URGENT"}),
    "harm_open": category(Code.OPEN, harm=True, theme="grooming", alert="CONCERN"),
}
LISTS = {name: ListUse(Role.CATEGORY, name) for name in CATEGORIES} | {
    role.value: ListUse(role) for role in Role if role is not Role.CATEGORY
}
BOOK = Rulebook("Testbury School", "Europe/London", CALENDAR, PROFILES, CATEGORIES, LISTS)


class PlainNames:
    """An index as a dict of sets: what the compiled one must answer like (test_index)."""

    def __init__(self, listed: Mapping[str, Iterable[str]]) -> None:
        self.by_host = {host: tuple(sorted(lists)) for host, lists in listed.items() if lists}

    def listed(self, host: str) -> tuple[Listing, ...]:
        return tuple(Listing(s, self.by_host[s]) for s in domain.suffixes(host) if s in self.by_host)

    def listed_pages(self, host: str, path: str) -> tuple[Listing, ...]:
        return tuple(
            Listing(rule, lists)
            for suffix in domain.suffixes(host)
            for rule, lists in self.by_host.items()
            if rule in {suffix + path, suffix + path.partition("?")[0]}
            or (rule.endswith("/") and (suffix + path).startswith(rule))
        )

    def lists_with_pages(self, host: str) -> tuple[str, ...]:
        return tuple(
            name
            for rule, lists in self.by_host.items()
            if "/" in rule and domain.is_within(host, rule.partition("/")[0])
            for name in lists
        )


def school(
    listed: Mapping[str, Iterable[str]] | None = None,
    *permits: Permit,
    seal: Iterable[str] = (),
    profiles: Mapping[str, dict[str, object]] | None = None,
) -> Policy:
    changed = {name: msgspec.structs.replace(PROFILES[name], **more) for name, more in (profiles or {}).items()}
    lists = sealed.SealedLists({"watch": sealed.seal([line.encode() for line in seal], KEY)[0]})
    book = msgspec.structs.replace(BOOK, profiles=PROFILES | changed)
    return Policy(book, PlainNames(listed or {}), Permits(permits), sealed.Sealed(lists, KEY))


def ask(
    rules: Policy,
    target: str = SITE,
    profile: str = "ks2",
    kind: Kind | None = None,
    when: int = LESSON,
    **more: object,
) -> Verdict:
    parsed = url.canonical(target) if "/" in target else None
    kind = kind or (Kind.URL if parsed else Kind.DNS)
    client = Client("10.0.0.1", profile, number=NUMBER)
    host = parsed.host if parsed else target
    return decide(rules, Request(kind, client, host, when, url=parsed, **more))


def opening(*entries: str, until: int = LATER, **more: object) -> Permit:
    return Permit(**({"number": 1, "opens": True, "entries": entries, "until": until, "profiles": ("ks2",)} | more))


def closing(*entries: str, until: int = LATER) -> Permit:
    return Permit(2, opens=False, entries=entries, until=until)


# The order -----------------------------------------------------------------------------------------------------------

STEPS = {
    "sealed": (BLOCK, Reason.SEALED),
    "always_open": (ALLOW, Reason.ALWAYS_OPEN),
    "emergency": (BLOCK, Reason.EMERGENCY),
    "pass": (ALLOW, Reason.PASS),
    "block rule": (BLOCK, Reason.PROFILE_RULE),
    "approved": (ALLOW, Reason.APPROVED),
    "education": (ALLOW, Reason.EDUCATION),
    "category": (BLOCK, Reason.CATEGORY),
    "unknown": (BLOCK, Reason.UNKNOWN),
}


def world(steps: Iterable[str]) -> Policy:
    """A school where each of *steps*, and no other, has an answer for SITE and KS2."""
    steps = set(steps)
    listed = {step: step for step in ("always_open", "approved", "education") if step in steps}
    listed |= {"category": "closed"} if "category" in steps else {}
    listed |= {} if "unknown" in steps else {"positive": "positive"}
    ks2: dict[str, object] = {"unknown": Unknown.CLOSED, "block": (SITE,) if "block rule" in steps else ()}
    ks2 |= {"approved_only": True, "approved": ("approved",)} if "approved" in steps else {}
    permits = [closing(SITE)] * ("emergency" in steps) + [opening(SITE)] * ("pass" in steps)
    return school({SITE: listed.values()}, *permits, seal=[SITE] if "sealed" in steps else [], profiles={"ks2": ks2})


@pytest.mark.parametrize("kind", [Kind.DNS, Kind.URL])
@pytest.mark.parametrize(("higher", "lower"), list(itertools.pairwise(STEPS)))
def test_of_two_neighbouring_steps_the_higher_wins(higher: str, lower: str, kind: Kind):
    target = PAGE if kind is Kind.URL else SITE
    for step in (higher, lower):
        alone = ask(world([step]), target, kind=kind)
        assert (alone.action, alone.reason) == STEPS[step]
    both = ask(world([higher, lower]), target, kind=kind)
    assert (both.action, both.reason) == STEPS[higher]


@given(st.sets(st.sampled_from(sorted(STEPS))), st.sampled_from(Kind))
def test_of_any_steps_the_highest_wins(steps: set[str], kind: Kind):
    verdict = ask(world(steps), SITE if kind in NAME_KINDS else PAGE, kind=kind)
    expected = next((STEPS[step] for step in STEPS if step in steps), (ALLOW, Reason.OPEN))
    if expected[1] is Reason.UNKNOWN and "approved" in steps:
        expected = (BLOCK, Reason.NOT_APPROVED)
    assert (verdict.action, verdict.reason) == expected


def test_an_approved_only_profile_closes_the_rest_before_education_and_everything_below():
    rules = school({SITE: ["education", "positive", "scan"]})
    assert ask(rules, profile="ks1").reason is Reason.NOT_APPROVED
    assert ask(rules, profile="ks2").action is ALLOW


def test_a_category_that_is_open_where_others_are_for_approved_sites_is_open_to_an_approved_only_profile():
    rules = school({SITE: ["open"], "mixed.test": ["open", "dash"]})
    verdict = ask(rules, profile="ks1")
    assert (verdict.action, verdict.reason, verdict.code) == (ALLOW, Reason.CATEGORY, "O")
    assert ask(rules, "mixed.test", "ks1").reason is Reason.NOT_APPROVED


def test_an_approved_only_profile_in_the_column_of_others_sees_nothing_of_what_is_open_to_them():
    rules = school({SITE: ["open"]}, profiles={"ks1": {"column": "ks2"}})
    assert ask(rules, profile="ks1").reason is Reason.NOT_APPROVED


def test_without_a_code_for_approved_sites_in_its_column_an_approved_only_profile_sees_those_alone():
    book = msgspec.structs.replace(BOOK, categories={name: c for name, c in CATEGORIES.items() if name != "dash"})
    assert ask(Policy(book, PlainNames({SITE: ["open"]})), profile="ks1").reason is Reason.NOT_APPROVED


SHIPPED = defaults.rulebook("Testbury School")
APPROVED_ONLY = sorted(name for name, profile in SHIPPED.profiles.items() if profile.approved_only)


@pytest.mark.parametrize("profile", APPROVED_ONLY)
def test_of_the_shipped_categories_essential_services_alone_are_open_to_approved_only_profiles(profile: str):
    names = {f"{name.replace('_', '-')}.test": name for name in SHIPPED.categories}
    lists = {category: name for name, use in SHIPPED.lists.items() if (category := use.category)}
    listed = PlainNames({host: [lists[name]] for host, name in names.items() if name in lists})
    rules = Policy(SHIPPED, listed)
    opened = {name for host, name in names.items() if not ask(rules, host, profile).blocked}
    assert opened == ({"essential"} if profile in {"eyfs", "ks1"} else set())


@pytest.mark.parametrize(("name", "quiet"), [("quiet", True), ("locked", False), ("dash", False), ("positive", False)])
def test_what_is_closed_quietly_is_quiet_where_only_approved_sites_are_open(name: str, quiet: bool):
    for target in (SITE, PAGE):
        verdict = ask(school({SITE: [name]}), target, "ks1")
        assert (verdict.action, verdict.reason, verdict.quiet) == (BLOCK, Reason.NOT_APPROVED, quiet)


def test_the_steps_are_the_list_that_users_are_shown():
    names = [name for name, _, _ in policy.walk(world([]), Request(Kind.DNS, Client("", "ks2"), SITE, LESSON))]
    steps = ["sealed", "always open", "emergency", "pass", "profile rule", "approved only", "education", "category"]
    assert names == [*steps, "unknown", "open"]
    assert len(ORDER) == len(names) - 1


@given(st.sets(st.sampled_from(sorted(STEPS))))
def test_walking_the_steps_ends_with_the_verdict(steps: set[str]):
    rules = world(steps)
    request = Request(Kind.DNS, Client("", "ks2"), SITE, LESSON)
    walked = list(policy.walk(rules, request))
    assert walked[-1][2] == decide(rules, request)
    assert all(says and answer is None for _, says, answer in walked[:-1])


# Sealed --------------------------------------------------------------------------------------------------------------

SEALED_PAGE = "https://site.test/private/one.jpg"
EVERYTHING_OPEN = {
    name: {"allow": (SITE, "site.test/private", "site.test/private/one.jpg"), "unknown": Unknown.OPEN}
    for name in PROFILES
}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_no_setting_reaches_past_a_sealed_list(profile: str):
    rules = school(
        {SITE: ["always_open", "approved", "education", "positive", "open"]},
        opening(SITE, "site.test/private", profiles=tuple(PROFILES)),
        seal=["harm.test", SEALED_PAGE],
        profiles=EVERYTHING_OPEN,
    )
    for target in (SEALED_PAGE, "http://SITE.test:8080/private/one%2ejpg?x#y", "harm.test", "https://a.harm.test/b"):
        for kind in [Kind.DNS, Kind.CONNECT, Kind.SNI] if "/" not in target else [Kind.URL, Kind.SEARCH, Kind.PAGE]:
            verdict = ask(rules, target, profile, kind)
            assert (verdict.action, verdict.reason, verdict.severity) == (BLOCK, Reason.SEALED, Severity.ILLEGAL)
            assert (verdict.category, verdict.theme, verdict.list) == ("illegal", "illegal", "watch")
            assert len(verdict.rule) == 2 * sealed.DIGEST_SIZE
            assert "site" not in repr(verdict)
            assert "harm" not in repr(verdict)


@pytest.mark.parametrize("listed", [[], ["always_open"], ["approved"], ["education"], ["open"], ["positive"]])
@pytest.mark.parametrize("kind", sorted(NAME_KINDS))
def test_the_host_of_a_sealed_url_is_opened_where_that_can_be(listed: list[str], kind: Kind):
    rules = school({SITE: listed}, seal=[SEALED_PAGE])
    for profile in ("ks2", "ks1", "staff"):
        verdict = ask(rules, "www.site.test", profile, kind)
        assert verdict.inspect or verdict.blocked
        assert verdict.reason is not Reason.SEALED
    assert not ask(school({SITE: listed}), "www.site.test", "staff", kind).inspect


@pytest.mark.parametrize("kind", sorted(NAME_KINDS))
@pytest.mark.parametrize("profile", ["byod", "visitor"])
def test_the_host_of_a_sealed_url_is_closed_where_it_cannot_be_opened_and_nobody_is_accused(profile: str, kind: Kind):
    rules = school({SITE: ["always_open", "open"]}, seal=[SEALED_PAGE], profiles=EVERYTHING_OPEN)
    assert ask(rules, SITE, profile, kind) == Verdict(BLOCK, Reason.SEALED, category="illegal")
    assert ask(rules, "other.test", "visitor", kind).action is ALLOW
    assert ask(rules, "http://site.test/", profile).action is ALLOW  # a page without TLS can be told apart


def test_a_name_is_judged_as_a_name_whatever_url_comes_with_it():
    rules = school(seal=["site.test/private"], profiles={"ks2": {"unknown": Unknown.OPEN}})
    parsed = url.canonical("https://site.test/private")
    request = Request(Kind.CONNECT, Client("", "ks2"), SITE, LESSON, url=parsed)
    assert (decide(rules, request).action, decide(rules, request).inspect) == (ALLOW, True)


def test_without_sealed_lists_a_sealed_url_is_as_any_other():
    assert ask(Policy(BOOK, EmptyIndex()), SEALED_PAGE, "staff").action is ALLOW


# Always open ---------------------------------------------------------------------------------------------------------


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


# Emergency blocks and passes -----------------------------------------------------------------------------------------


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


# Profile rules -------------------------------------------------------------------------------------------------------


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


# Approved, education, categories -------------------------------------------------------------------------------------


def test_an_approved_only_profile_sees_its_own_lists_and_no_others():
    rules = school(
        {SITE: ["approved", "locked"], "other.test": ["approved_ks9"]},
        profiles={"ks1": {"approved": ("approved", "gone")}},
    )
    assert ask(rules, "www.site.test", "ks1") == Verdict(
        ALLOW, Reason.APPROVED, category="locked", list="approved", rule=SITE, code="L"
    )
    assert ask(rules, "other.test", "ks1").reason is Reason.NOT_APPROVED
    assert ask(rules, "nowhere.test", "ks1") == Verdict(BLOCK, Reason.NOT_APPROVED)
    assert ask(school({SITE: ["approved"]}, profiles={"ks1": {"approved": ()}}), SITE, "ks1").blocked


@pytest.mark.parametrize("name", sorted(CATEGORIES))
def test_education_outranks_every_category_that_is_not_harm(name: str):
    verdict = ask(school({SITE: ["education", name]}))
    assert (verdict.reason is Reason.EDUCATION) is not CATEGORIES[name].harm


def test_harm_beats_education_and_then_only_harm_is_weighed():
    assert ask(school({SITE: ["education", "self_harm"]})).category == "self_harm"
    assert ask(school({SITE: ["education", "extremism", "locked"]})).category == "extremism"
    assert ask(school({SITE: ["education", "harm_open", "closed"]})).action is ALLOW
    assert ask(school({SITE: ["harm_open", "closed"]})).category == "closed"


DAY = {"lesson": LESSON, "break": BREAK, "lunch": LUNCH, "evening": EVENING, "weekend": WEEKEND, "holiday": HOLIDAY}


@pytest.mark.parametrize(
    ("code", "open_at"),
    [
        ("L", ""),
        ("X", ""),
        ("P", ""),
        ("B", "break lunch evening weekend holiday"),
        ("T", "evening weekend holiday"),
        ("S", "lesson break lunch evening weekend holiday"),
        ("O", "lesson break lunch evening weekend holiday"),
        ("Q", ""),
        ("-", ""),
    ],
)
def test_a_code_opens_when_it_says(code: str, open_at: str):
    name = NAMES[Code(code)]
    for moment, when in DAY.items():
        for target in (SITE, PAGE):
            verdict = ask(school({SITE: [name]}), target, when=when)
            assert verdict.reason is Reason.CATEGORY
            assert verdict.blocked is (moment not in open_at.split())
            assert (verdict.category, verdict.list, verdict.rule, verdict.code) == (name, name, SITE, code)
            assert verdict.quiet is (code == "Q")
            assert verdict.inspect is (code == "S")
            assert verdict.until == (CALENDAR.next_change(when, BOOK.zone) if code in "BT" else None)


@pytest.mark.parametrize("code", "BT")
def test_by_a_clock_that_cannot_be_believed_it_is_always_a_lesson(code: str):
    for when in DAY.values():
        assert ask(school({SITE: [NAMES[Code(code)]]}), when=when, clock_ok=False).blocked


def test_a_dash_opens_what_is_on_a_list_that_is_approved_for_the_profile():
    mine = {"ks2": {"approved": ("approved",)}}
    assert ask(school({SITE: ["dash", "approved"]}, profiles=mine)).action is ALLOW
    assert ask(school({SITE: ["dash"]}, profiles=mine)).action is BLOCK
    assert ask(school({SITE: ["dash", "approved"]})).action is BLOCK


def test_a_category_without_a_code_for_the_column_is_closed():
    rules = school({SITE: ["open"]}, profiles={"ks2": {"column": "ks9"}})
    assert (ask(rules).action, ask(rules).code) == (BLOCK, "X")


def test_a_scanned_category_is_open_unscanned_where_nothing_can_be_opened():
    verdict = ask(school({SITE: ["scan"]}), profile="byod")
    assert (verdict.action, verdict.inspect) == (ALLOW, False)


@pytest.mark.parametrize(("score", "action"), [(None, ALLOW), (0, ALLOW), (59, ALLOW), (60, BLOCK), (1000, BLOCK)])
@pytest.mark.parametrize("listed", [[], ["scan"]])
def test_a_scanned_page_is_closed_from_the_profiles_limit_on(listed: list[str], score: int | None, action: Action):
    verdict = ask(school({SITE: listed}), PAGE, kind=Kind.PAGE, score=score)
    assert (verdict.action, verdict.inspect) == (action, True)
    assert verdict.reason is (Reason.CATEGORY if listed else Reason.UNKNOWN)
    assert (f"score {score} of 60" == verdict.rule) is (action is BLOCK)


def test_an_open_category_is_not_scanned_whatever_the_score():
    assert ask(school({SITE: ["open"]}), PAGE, kind=Kind.PAGE, score=1000).action is ALLOW


def closed_moments(name: str) -> frozenset[str]:
    return frozenset(m for m, when in DAY.items() if ask(school({SITE: [name]}), when=when).blocked)


@pytest.mark.parametrize("first", sorted(CATEGORIES))
@pytest.mark.parametrize("second", sorted(CATEGORIES))
def test_of_two_categories_the_strictest_decides(first: str, second: str):
    both = frozenset(m for m, when in DAY.items() if ask(school({SITE: [first, second]}), when=when).blocked)
    assert both == closed_moments(first) | closed_moments(second)


def test_a_listed_parent_counts_for_the_names_under_it_as_much_as_its_own_list():
    rules = school({"site.test": ["locked"], "www.site.test": ["open"]})
    assert ask(rules, "www.site.test").category == "locked"


def test_of_equally_strict_categories_the_gravest_decides():
    rules = school({SITE: ["locked", "self_harm", "closed"]})
    assert (ask(rules).theme, ask(rules).severity) == ("self-harm", Severity.URGENT)


def test_a_list_that_the_rulebook_does_not_know_means_nothing():
    assert ask(school({SITE: ["of another version"]}), profile="staff").reason is Reason.UNKNOWN


def test_a_list_of_a_category_that_is_gone_means_nothing():
    book = msgspec.structs.replace(BOOK, lists={"gone": ListUse(Role.CATEGORY, "gone")})
    assert ask(Policy(book, PlainNames({SITE: ["gone"]})), profile="staff").reason is Reason.UNKNOWN


# Unknown sites -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "rule", "action", "inspect"),
    [
        ("ks2", {"unknown": Unknown.OPEN}, ALLOW, False),
        ("ks2", {"unknown": Unknown.SCAN}, ALLOW, True),
        ("ks2", {"unknown": Unknown.CLOSED}, BLOCK, False),
        ("byod", {"unknown": Unknown.OPEN}, BLOCK, False),
        ("byod", {"unknown": Unknown.SCAN}, BLOCK, False),
        ("byod", {"unknown_unopened": Unknown.OPEN}, ALLOW, False),
        ("byod", {"unknown_unopened": Unknown.SCAN}, BLOCK, False),
    ],
)
def test_an_unknown_site_is_what_the_profile_says(profile: str, rule: dict[str, object], action: Action, inspect: bool):
    for target in (SITE, PAGE):
        verdict = ask(school({}, profiles={profile: rule}), target, profile)
        assert verdict == Verdict(action, Reason.UNKNOWN, inspect=inspect, scan=inspect)


@pytest.mark.parametrize("target", ["192.0.2.7", "2001:db8::7", "http://192.0.2.7/page"])
@pytest.mark.parametrize("profile", ["ks2", "byod", "staff"])
def test_an_address_without_a_name_is_closed_unless_the_profile_lets_pass_what_nobody_sees(profile: str, target: str):
    rule = {"unknown": Unknown.OPEN, "unknown_unopened": Unknown.OPEN}
    closed = ask(school({}, profiles={profile: rule}), target, profile)
    assert closed == Verdict(BLOCK, Reason.UNKNOWN, rule="an address without a name")
    opened = ask(school({}, profiles={profile: rule | {"unseen": Unseen.OPEN}}), target, profile)
    assert (opened.action, opened.reason) == (ALLOW, Reason.UNKNOWN)
    listed = ask(school({"192.0.2.7": ["positive"], "2001:db8::7": ["positive"]}, profiles={profile: rule}), target)
    assert listed.action is ALLOW


@pytest.mark.parametrize(
    ("name", "reason"),
    [("positive", Reason.OPEN), ("education", Reason.EDUCATION), ("approved", Reason.OPEN), ("open", Reason.CATEGORY)],
)
def test_a_site_on_a_list_without_risk_is_known(name: str, reason: Reason):
    verdict = ask(school({SITE: [name]}, profiles={"ks2": {"unknown": Unknown.CLOSED}}), "www.site.test")
    assert (verdict.action, verdict.reason) == (ALLOW, reason)


# Severity and theme --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "name", "theme", "severity"),
    [
        ("ks2", "closed", "", Severity.NOTE),
        ("ks2", "self_harm", "self-harm", Severity.URGENT),
        ("ks2", "extremism", "radicalisation", Severity.CONCERN),
        ("byod", "self_harm", "self-harm", Severity.URGENT),
        ("ks1", "self_harm", "self-harm", Severity.URGENT),
        ("staff", "closed", "", Severity.NONE),
        ("staff", "self_harm", "", Severity.NONE),
        ("staff", "extremism", "radicalisation", Severity.URGENT),
        ("visitor", "self_harm", "", Severity.NONE),
        ("visitor", "extremism", "", Severity.NONE),
    ],
)
def test_whose_themes_are_watched_and_how_grave_they_are(profile: str, name: str, theme: str, severity: Severity):
    for target in (SITE, PAGE):
        verdict = ask(school({SITE: [name]}), target, profile)
        assert verdict.blocked
        assert (verdict.theme, verdict.severity) == (theme, severity)


def test_what_is_permitted_has_no_theme_and_no_severity():
    verdict = ask(school({SITE: ["extremism"]}, opening(SITE)))
    assert (verdict.action, verdict.category, verdict.theme, verdict.severity) == (
        ALLOW,
        "extremism",
        "",
        Severity.NONE,
    )


# Failure -------------------------------------------------------------------------------------------------------------


class BrokenNames:
    def listed(self, host: str) -> tuple[Listing, ...]:
        raise RuntimeError(f"the map is gone, {host} with it")


def test_an_index_that_raises_gives_a_block():
    rules = Policy(BOOK, BrokenNames())
    assert ask(rules) == Verdict(BLOCK, Reason.FAILURE, rule="RuntimeError")


def test_a_profile_that_is_not_there_gives_a_block():
    assert ask(school({SITE: ["open"]}), profile="gone") == Verdict(BLOCK, Reason.FAILURE, rule="KeyError")


@pytest.mark.parametrize(
    "host",
    [
        "SITE.test",
        "site.test.",
        "",
        ".",
        "site..test",
        "site.test:80",
        "s\u00edte.test",
        "::ffff:1.2.3.4",
        "\ud800",
        "0x7f.1",
    ],
)
def test_a_host_that_is_not_in_canonical_form_gives_a_block(host: str):
    rules = school({"site.test": ["closed"]}, profiles={"staff": {"allow": ("test", "site.test")}})
    assert ask(rules, host, "staff") == Verdict(BLOCK, Reason.FAILURE, rule="ValueError")


@pytest.mark.parametrize("kind", [Kind.URL, Kind.SEARCH, Kind.PAGE])
@pytest.mark.parametrize("target", [None, "https://other.test/", "https://www.site.test/"])
def test_a_url_that_is_missing_or_stands_on_another_host_gives_a_block(kind: Kind, target: str | None):
    parsed = url.canonical(target) if target else None
    request = Request(kind, Client("", "staff"), SITE, LESSON, url=parsed)
    assert decide(school({SITE: ["open"]}), request) == Verdict(BLOCK, Reason.FAILURE, rule="ValueError")


def test_a_moment_beyond_every_calendar_gives_a_block():
    assert ask(school({SITE: ["breaks"]}), when=2**80).reason is Reason.FAILURE


# Laws ----------------------------------------------------------------------------------------------------------------

HOSTS = st.sampled_from(["site.test", "www.site.test", "a.www.site.test", "other.test", "test", "192.0.2.7"])
PATHS = st.sampled_from(["", "/a", "/a/b", "/b"])
ENTRIES = st.builds("".join, st.tuples(HOSTS, PATHS))
LISTED = st.dictionaries(HOSTS, st.sets(st.sampled_from(sorted(LISTS)), max_size=3), max_size=4)
RULES = st.fixed_dictionaries(
    {"allow": st.lists(ENTRIES, max_size=3).map(tuple), "block": st.lists(ENTRIES, max_size=3).map(tuple)}
)
WHO = st.sampled_from(sorted(PROFILES))
WHEN = st.sampled_from(sorted(DAY.values()))
PERMITS = st.lists(
    st.builds(
        Permit,
        number=st.just(1),
        opens=st.booleans(),
        entries=st.lists(ENTRIES, min_size=1, max_size=2).map(tuple),
        until=st.sampled_from([LESSON, LATER, HOLIDAY + 1]),
        profiles=st.lists(WHO, max_size=2).map(tuple),
    ),
    max_size=2,
)


class World(NamedTuple):
    """Any school, and somebody in it."""

    listed: dict[str, set[str]]
    sealed: list[str]
    permits: list[Permit]
    who: str
    rules: dict[str, tuple[str, ...]]

    def school(self, *permits: Permit, seal: Iterable[str] = (), allow: tuple[str, ...] = ()) -> Policy:
        rules = self.rules | {"allow": (*self.rules["allow"], *allow)}
        return school(self.listed, *self.permits, *permits, seal=[*self.sealed, *seal], profiles={self.who: rules})


WORLDS = st.builds(World, LISTED, st.lists(ENTRIES, max_size=2), PERMITS, WHO, RULES)


def asked(target: str, kind: Kind) -> str:
    return target.partition("/")[0] if kind in NAME_KINDS else f"https://{target}/"


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_an_allow_never_blocks_more(world: World, added: str, target: str, when: int, kind: Kind):
    if not ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        assert not ask(world.school(allow=(added,)), asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_a_pass_never_blocks_more(world: World, added: str, target: str, when: int, kind: Kind):
    if not ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        after = world.school(opening(added, profiles=(world.who,)))
        assert not ask(after, asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_a_seal_or_an_emergency_never_opens_more(world: World, added: str, target: str, when: int, kind: Kind):
    if ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        for after in (world.school(seal=[added]), world.school(closing(added))):
            assert ask(after, asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, WHEN, st.sampled_from(Kind))
def test_a_clock_that_cannot_be_believed_never_opens_more(world: World, target: str, when: int, kind: Kind):
    if ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        assert ask(world.school(), asked(target, kind), world.who, kind, when, clock_ok=False).blocked


@given(
    st.sampled_from(["locked", "closed", "pass", "self_harm"]),
    st.from_regex(r"[a-z0-9-]{1,9}(\.[a-z]{1,9}){0,3}", fullmatch=True),
    WHO,
    WHEN,
)
def test_a_listed_name_blocks_every_name_under_it(name: str, below: str, who: str, when: int):
    rules = school({SITE: [name]})
    for target in (f"{below}.{SITE}", f"https://{below}.{SITE}/a"):
        assert ask(rules, target, who, when=when).blocked


@given(LISTED, WHO, HOSTS, WHEN, st.booleans())
def test_names_and_urls_agree_on_a_bare_host_where_no_page_has_a_rule(listed, who, host, when, clock_ok):
    rules = school(listed, closing("other.test"), opening("site.test"), seal=["www.site.test"])
    kinds = [(host, kind) for kind in NAME_KINDS] + [(f"https://{host}/", Kind.URL)]
    assert len({ask(rules, target, who, kind, when, clock_ok=clock_ok) for target, kind in kinds}) == 1


@given(WORLDS, HOSTS, WHEN)
def test_a_name_is_only_let_through_unopened_where_every_page_of_it_is_open(world: World, host: str, when: int):
    made = world.school()
    name = ask(made, host, world.who, when=when)
    if not (name.blocked or name.inspect):
        pages = [ask(made, f"https://{host}{path}", world.who, when=when) for path in ("/", "/a", "/a/b", "/b")]
        assert not any(page.blocked for page in pages)


@given(WORLDS, st.text(), st.text(), st.sampled_from(Kind), st.integers())
def test_deciding_never_raises_and_a_failure_is_a_block(world: World, host: str, tail: str, kind: Kind, when: int):
    parsed = url.canonical(f"{host}/{tail}")
    verdict = decide(world.school(), Request(kind, Client("", world.who), host, when, url=parsed))
    assert verdict.blocked or domain.canonical(host) == host


@given(WORLDS, HOSTS, WHEN)
def test_a_verdict_holds_until_it_says_to_ask_again(world: World, host: str, when: int):
    made, client = world.school(), Client("", world.who)
    verdict = ask(made, host, world.who, when=when)
    last = when if verdict.until is None else verdict.until - 1
    assert last >= when
    if made.effective(client, when) == made.effective(client, last):
        assert ask(made, host, world.who, when=last) == verdict


def test_every_period_has_a_case_above():
    assert {CALENDAR.period(when, BOOK.zone) for when in DAY.values()} == set(Period)


@pytest.mark.parametrize(
    "path",
    [
        "/news/%252e%252e/allowed",
        "/news/..%252fallowed",
        "/news\\..\\allowed",
        "/news/..%5callowed",
        "/allowed/..;/news",
    ],
)
@pytest.mark.parametrize("opened_by", ["entry", "pass"])
def test_a_page_is_not_opened_by_an_address_that_servers_read_differently(path: str, opened_by: str):
    listed = {"closed.test": ["closed"]}
    rules = (
        school(listed, profiles={"ks2": {"allow": ("closed.test/allowed",)}})
        if opened_by == "entry"
        else school(listed, opening("closed.test/allowed"))
    )
    assert not ask(rules, "https://closed.test/allowed").blocked
    assert ask(rules, f"https://closed.test{path}").blocked


def test_a_page_is_closed_however_its_address_is_written():
    rules = school({}, profiles={"ks2": {"block": ("open.test/closed",)}})
    for path in ("/closed", "/x/%252e%252e/closed", "/x\\..\\closed"):
        assert ask(rules, f"https://open.test{path}").blocked


PAGES = {"mixed.test/bad/": ["closed"], "mixed.test/fine/": ["open"]}


def test_a_listed_folder_closes_what_is_in_it_and_the_name_is_opened_to_tell():
    rules = school({"mixed.test": ["positive"], **PAGES})
    for kind in NAME_KINDS:
        verdict = ask(rules, "www.mixed.test", kind=kind)
        assert (verdict.action, verdict.inspect) == (ALLOW, True)
    found = ask(rules, "https://www.mixed.test/bad/page?x=1")
    assert (found.action, found.list, found.rule) == (BLOCK, "closed", "mixed.test/bad/")
    assert not ask(rules, "https://mixed.test/other").blocked


@pytest.mark.parametrize(
    "path",
    [
        *("/x/%252e%252e/bad/", "/x\\..\\bad/", "/bad;v=1/", "/bad./", "/bad;v=1/page", "/bad", "/bad;x?y"),
        *("/.;/bad/x", "/;x/bad/x", "/%00/bad/x", "/%20/bad/x", "/BAD/x", "/Bad"),
    ],
)
def test_a_listed_folder_is_closed_however_its_address_is_written(path: str):
    assert ask(school({"mixed.test": ["positive"], **PAGES}), f"https://mixed.test{path}").blocked


LISTED_PAGES = {"mixed.test/r/name": ["closed"], "mixed.test/page?id=7": ["closed"], "mixed.test/caf%C3%A9": ["closed"]}


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        ("/r/name", True),
        ("/r/name/", True),
        ("/r/name/?x=1", True),
        ("/R/Name", True),
        ("/R/name;a/", True),
        ("/r/name/under", False),
        ("/r/names", False),
        ("/page?id=7", True),
        ("/page;a?id=7", True),
        ("/Page/?id=7", True),
        ("/page;a?id=8", False),
        ("/page/", False),
        ("/CAF%c3%A9", True),
        ("/", False),
    ],
)
def test_a_listed_page_is_closed_however_its_address_is_written(path: str, closed: bool):
    rules = school({"mixed.test": ["positive"], **LISTED_PAGES})
    assert ask(rules, f"https://mixed.test{path}").blocked is closed


@pytest.mark.parametrize(
    ("target", "lookups"),
    [("other.test/Folder/Page", 1), ("mixed.test/", 1), ("mixed.test/folder/page", 2), ("mixed.test/Folder/Page", 4)],
)
def test_a_page_is_looked_up_once_or_twice_and_more_often_only_for_capitals_where_pages_are_listed(
    target: str, lookups: int
):
    asked: list[str] = []
    rules = school(LISTED_PAGES)
    find = rules.index.listed_pages
    rules.index.listed_pages = lambda host, path: (asked.append(path), find(host, path))[1]
    assert ask(rules, f"https://{target}", "staff").reason is not Reason.FAILURE
    assert len(asked) == lookups


def test_no_lax_reading_of_an_address_opens_a_page():
    others = {"strict": Profile("Strict", "ks2", Pages.KS2, unknown=Unknown.CLOSED)}
    rules = school({"site.test/a": ["open"], "site.test/b": ["gone"], "site.test/c": ["positive"]})
    book = msgspec.structs.replace(
        rules.rulebook,
        profiles=rules.rulebook.profiles | others,
        lists=rules.rulebook.lists | {"gone": ListUse(Role.CATEGORY, "gone")},
    )
    rules = Policy(book, rules.index)
    for path, closed in (("a", False), ("a;x", True), ("A", True), ("a/", True), ("b;x", True), ("c;x", True)):
        assert ask(rules, f"https://site.test/{path}", "strict").blocked is closed


def test_a_page_that_a_list_takes_out_of_a_folder_is_open_with_its_folder_closed(tmp_path: Path):
    listed = {"closed": (Source(tmp_path / "closed.txt"),)}
    (tmp_path / "closed.txt").write_text("||mixed.test/x/\n@@||mixed.test/x/ok|\n@@||mixed.test/x/fine/\n")
    index = Index(compile_lists(listed, tmp_path / "index", built_ns=1).folder)
    rules = Policy(BOOK, index)
    asked = {path: ask(rules, f"https://mixed.test/x/{path}").blocked for path in ("", "page", "ok", "fine/")}
    assert asked == {"": True, "page": True, "ok": False, "fine/": False}


def test_a_name_with_listed_pages_is_let_through_unopened_where_nothing_can_be_opened_or_none_is_closed():
    rules = school({"mixed.test": ["positive"], **PAGES})
    assert ask(rules, "mixed.test", "visitor") == ask(school({"mixed.test": ["positive"]}), "mixed.test", "visitor")
    only_open = school({"mixed.test": ["positive"], "mixed.test/fine/": ["open"]})
    assert not ask(only_open, "mixed.test").inspect


@pytest.mark.parametrize(
    ("role", "profile"), [("education", "ks2"), ("approved", "ks1"), ("positive", "closed_unknown")]
)
def test_a_page_that_a_list_opens_is_open_and_the_rest_of_its_site_is_not(role: str, profile: str):
    others = {"closed_unknown": Profile("Strict", "ks2", Pages.KS2, unknown=Unknown.CLOSED)}
    site = {"site.test": ["pass"]} if role == "education" else {}
    rules = school({**site, "site.test/a/": [role]}, profiles={"ks2": {}})
    book = msgspec.structs.replace(rules.rulebook, profiles=rules.rulebook.profiles | others)
    rules = Policy(book, rules.index)
    assert [ask(rules, x, profile).blocked for x in (SITE, PAGE, "https://site.test/b")] == [False, False, True]
    assert ask(rules, SITE, profile).inspect
    assert ask(rules, "https://site.test/b/%252e%252e/a/", profile).blocked


def test_an_approved_page_of_another_profiles_list_opens_nothing():
    rules = school({"site.test/a/": ["approved"]}, profiles={"ks1": {"approved": ("dash",)}})
    assert ask(rules, SITE, "ks1").blocked


def test_without_a_certificate_a_page_that_a_list_opens_does_not_open_its_site():
    rules = school({"site.test": ["pass"], "site.test/a/": ["education"]})
    assert ask(rules, SITE, "byod").blocked


def test_a_list_that_the_policy_does_not_know_opens_and_closes_no_page():
    assert ask(school({"site.test": ["positive"], "site.test/a/": ["strange"]}), PAGE).action is ALLOW
    assert not ask(school({"site.test": ["positive"], "site.test/a/": ["strange"]}), SITE).inspect


def test_a_page_on_somebodys_list_opens_no_connection_to_a_bank():
    categories = {**CATEGORIES, "essential": category(Code.OPEN)}
    book = msgspec.structs.replace(
        BOOK, categories=categories, lists={**LISTS, "bank": ListUse(Role.CATEGORY, "essential")}
    )
    rules = Policy(book, PlainNames({"bank.test": ["bank"], "bank.test/a/": ["closed"], "other.test/a/": ["closed"]}))
    assert not ask(rules, "www.bank.test", "staff").inspect
    assert ask(rules, "www.other.test", "staff").inspect


# Hosts with sealed URLs, where nothing can be opened


@pytest.mark.parametrize("kind", [Kind.DNS, Kind.CONNECT, Kind.SNI])
@pytest.mark.parametrize(("host", "closed"), [("site.test", False), ("www.site.test", False), ("mysite.test", True)])
def test_a_host_with_sealed_urls_is_reached_without_the_certificate_if_the_school_excepts_it(
    kind: Kind, host: str, closed: bool
):
    rules = school(seal=[f"{host}/private"], profiles={"visitor": {"beside_sealed": ("site.test",)}})
    assert ask(rules, host, "visitor", kind).blocked is closed
    assert ask(rules, host, "byod", kind).reason is Reason.SEALED


def test_what_is_sealed_whole_is_closed_whatever_is_excepted():
    rules = school(seal=["site.test"], profiles={"visitor": {"beside_sealed": ("site.test",)}})
    assert ask(rules, "site.test", "visitor").reason is Reason.SEALED


# Grey sites, and hosts that are opened for what we send


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


# Pages that were scanned


@pytest.mark.parametrize(
    ("topic", "category", "theme", "severity"),
    [
        ("closed", "closed", "", Severity.NOTE),
        ("self_harm", "self_harm", "self-harm", Severity.CONCERN),
        ("no such", "", "", Severity.NONE),
    ],
)
def test_a_scanned_page_is_closed_as_what_its_words_are_about(
    topic: str, category: str, theme: str, severity: Severity
):
    verdict = ask(school(), PAGE, kind=Kind.PAGE, score=100, topic=topic)
    assert (verdict.action, verdict.rule, verdict.category) == (BLOCK, "score 100 of 60", category)
    assert (verdict.theme, verdict.severity) == (theme, severity)
    assert verdict.reason is (Reason.CATEGORY if category else Reason.UNKNOWN)


def test_a_page_about_what_is_open_to_the_profile_is_open():
    assert ask(school(), PAGE, kind=Kind.PAGE, score=1000, topic=NAMES[Code.OPEN]).action is ALLOW


def test_a_site_that_our_scan_found_clean_is_known():
    known = Policy(BOOK, EmptyIndex(), known=frozenset({"site.test"}))
    for target in ("https://site.test/", "https://www.site.test/a"):
        verdict = ask(known, target)
        assert (verdict.action, verdict.reason, verdict.scan, verdict.inspect) == (ALLOW, Reason.OPEN, False, False)
    assert ask(known, "https://site2.test/").scan


def test_what_was_found_clean_opens_nothing_that_is_closed():
    known = Policy(BOOK, PlainNames({"site.test": [NAMES[Code.CLOSED]]}), known=frozenset({"site.test"}))
    assert ask(known, "https://site.test/").blocked
