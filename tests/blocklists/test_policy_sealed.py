"""Sealed lists: nothing reaches past them, and nobody is accused for a neighbour."""

import pytest

from blocklists import sealed, url
from blocklists.clients import Client
from blocklists.index import EmptyIndex
from blocklists.policy import NAME_KINDS, Kind, Policy, Reason, Request, Verdict, decide
from blocklists.profile import Unknown
from blocklists.rulebook import Severity
from tests.support.small_policy import ALLOW, BLOCK, BOOK, LESSON, PROFILES, SITE, ask, opening, school

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
