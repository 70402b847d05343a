"""The order of a decision, and what each step of it weighs."""

import itertools
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults, policy, url
from blocklists.calendar import Period
from blocklists.clients import Client
from blocklists.index import Listing
from blocklists.policy import NAME_KINDS, ORDER, Action, Kind, Policy, Reason, Request, Verdict, decide
from blocklists.profile import Code, Unknown, Unseen
from blocklists.rulebook import ListUse, Role, Severity
from tests.support.small_policy import (
    ALLOW,
    BLOCK,
    BOOK,
    CALENDAR,
    CATEGORIES,
    DAY,
    LESSON,
    NAMES,
    PAGE,
    SITE,
    PlainNames,
    ask,
    closing,
    opening,
    school,
)

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


def test_every_period_has_a_case_above():
    assert {CALENDAR.period(when, BOOK.zone) for when in DAY.values()} == set(Period)
