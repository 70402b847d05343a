"""The tables of engines, and what a profile makes of them."""

import msgspec
import pytest

from blocklists import defaults, domain, policy, search, url
from blocklists.clients import Client
from blocklists.index import EmptyIndex
from blocklists.policy import Action, Kind, Policy, Reason, Request, decide
from blocklists.profile import Pages, Profile, Search, Unknown, Watch
from blocklists.rulebook import Permit, Permits, Severity
from blocklists.search import By, Setting
from blocklists.verdict import Hit

SHIPPED = search.shipped()
ENGINE = {"engine": "oak", "title": "Oak", "class": "general", "hosts": "oak.test", "force": "", "link": ""}
PLACE = {"engine": "oak", "path": "/s", "kind": "search", "place": "query", "keys": "q", "when": ""}
KNOWN = {"elm": ("elm.test", "www.elm.test")}


def read(*engines: dict[str, str], places: tuple[dict[str, str], ...] = ()) -> search.Engines:
    return search.read([ENGINE | row for row in engines], [PLACE | row for row in places], KNOWN)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www.google.com", "google"),
        ("google.co.uk", "google"),
        ("www.google.com.na", "google"),
        ("uk.search.yahoo.com", "yahoo"),
        ("a.b.search.yahoo.com", "yahoo"),
        ("search.yahoo.com", "yahoo"),
        ("en.wikipedia.org", "wikipedia"),
        ("suggestqueries.google.com", "youtube"),
    ],
)
def test_an_engine_is_known_by_its_hosts(host: str, name: str) -> None:
    assert SHIPPED.of(host).name == name


@pytest.mark.parametrize(
    "host", ["mail.google.com", "google.good.test", "xsearch.yahoo.com", "yahoo.com", "com", "notgoogle.com", "::1"]
)
def test_other_hosts_are_no_engines(host: str) -> None:
    assert SHIPPED.of(host) is None


def test_every_shipped_engine_is_whole() -> None:
    for engine in SHIPPED.by_name.values():
        assert all(domain.canonical(host.removeprefix("*.")) == host.removeprefix("*.") for host in engine.hosts)
        assert engine.places or engine.name == "tineye"
        if engine.link:
            asked = url.canonical(engine.link.replace("{}", "oak"))
            assert SHIPPED.of(asked.host) is engine


@pytest.mark.parametrize(
    ("force", "settings", "always"),
    [
        ("", (), False),
        ("always", (), True),
        ("query safe=on", (Setting(By.QUERY, "safe", "on"),), False),
        ("cookie A=1; cookie B C=D", (Setting(By.COOKIE, "A", "1"), Setting(By.COOKIE, "B", "C=D")), False),
        ("header X-Safe Strict", (Setting(By.HEADER, "X-Safe", "Strict"),), False),
    ],
)
def test_what_forces_strict_results_is_read(force: str, settings: tuple[Setting, ...], always: bool) -> None:
    engine = read({"force": force}).by_name["oak"]
    assert (engine.settings, engine.always) == (settings, always)


def test_the_hosts_of_the_other_table_are_taken_over() -> None:
    assert read({"hosts": "=elm oak.test"}).by_name["oak"].hosts == ("elm.test", "www.elm.test", "oak.test")


@pytest.mark.parametrize(
    "row",
    [
        {"hosts": "oak"},
        {"hosts": "OAK.test"},
        {"hosts": "=ash"},
        {"class": "tree"},
        {"force": "query safe"},
        {"force": "prayer a=b"},
        {"link": "http://oak.test/{}"},
        {"link": "https://oak.test/"},
    ],
    ids=lambda row: " ".join(row.values()),
)
def test_an_engine_that_cannot_be_read_is_named(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"search_engines\.csv"):
        read(row)


@pytest.mark.parametrize(
    "row",
    [
        {"path": "/S"},
        {"path": "s"},
        {"place": ""},
        {"place": "sky"},
        {"keys": ""},
        {"place": "path"},
        {"kind": "tree"},
        {"when": "a"},
        {"engine": "ash"},
    ],
    ids=lambda row: " ".join(row.items().__iter__().__next__()),
)
def test_a_page_that_cannot_be_read_is_named(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"search_places\.csv"):
        read({}, places=(row,))


def test_a_host_of_two_engines_is_named() -> None:
    with pytest.raises(ValueError, match=r"oak\.test is of ash and oak"):
        read({}, {"engine": "ash"})


def test_the_more_exact_page_decides() -> None:
    places = ({"path": "/*"}, {"path": "/s*", "kind": "shop"}, {"path": "/s", "kind": "image", "when": "t=i u=1"})
    engine = read({}, places=(*places, {"path": "/s", "kind": "video"})).by_name["oak"]
    assert engine.place("/s", {"t": "i"}).looking == "image"
    assert engine.place("/S/", {"u": "1"}).looking == "image"
    assert engine.place("/s", {"t": "v"}).looking == "video"
    assert engine.place("/s/more", {}).looking == "shop"
    assert engine.place("/other", {}).looking == "search"


# What a profile makes of them

PUPIL = Profile("KS3", "ks3", Pages.SECONDARY, unknown=Unknown.OPEN, unknown_unopened=Unknown.OPEN)
GOOGLE, YAHOO, BAIDU, KIDDLE = "www.google.com", "search.yahoo.com", "www.baidu.com", "www.kiddle.co"


@pytest.mark.parametrize(
    ("host", "changes", "permitted"),
    [
        (GOOGLE, {}, True),
        (YAHOO, {}, True),
        (BAIDU, {}, False),
        (KIDDLE, {}, True),
        ("www.amazon.co.uk", {"search": Search.ADULT}, True),
        (GOOGLE, {"certificate": False}, True),
        ("images.google.com", {"certificate": False}, False),
        (YAHOO, {"certificate": False}, False),
        (KIDDLE, {"certificate": False}, True),
        (BAIDU, {"search": Search.ANY}, True),
        (GOOGLE, {"search": Search.ADULT}, False),
        (KIDDLE, {"search": Search.ADULT}, False),
        (KIDDLE, {"search": Search.APPROVED, "engines": ("kiddle",)}, True),
        (GOOGLE, {"search": Search.APPROVED, "engines": ("kiddle",)}, False),
    ],
)
def test_a_profile_may_search_with(host: str, changes: dict[str, object], permitted: bool) -> None:
    assert search.permits(SHIPPED.of(host), host, msgspec.structs.replace(PUPIL, **changes)) is permitted


@pytest.mark.parametrize(
    ("host", "changes", "opened"),
    [
        (GOOGLE, {}, True),
        (GOOGLE, {"watch": Watch.STAFF, "search": Search.ANY}, True),
        (GOOGLE, {"watch": Watch.NONE, "search": Search.ANY, "safe_search": False}, False),
        (GOOGLE, {"watch": Watch.NONE, "search": Search.STRICT, "safe_search": False}, True),
        ("www.amazon.co.uk", {}, True),
        ("www.amazon.co.uk", {"watch": Watch.DEVICE}, True),
        ("www.amazon.co.uk", {"watch": Watch.STAFF}, False),
        ("www.amazon.co.uk", {"certificate": False}, False),
        ("mail.google.com", {}, False),
    ],
)
@pytest.mark.parametrize("kind", [Kind.CONNECT, Kind.SNI])
def test_connections_to_engines_are_opened(host: str, changes: dict[str, object], opened: bool, kind: Kind) -> None:
    assert ask(host, kind=kind, **changes).inspect is opened


def rules(*permits: Permit, **changes: object) -> Policy:
    book = defaults.rulebook("School")
    profile = msgspec.structs.replace(PUPIL, **changes)
    return Policy(msgspec.structs.replace(book, profiles={"ks3": profile}), EmptyIndex(), Permits(permits))


def ask(target: str, kind: Kind = Kind.URL, **changes: object) -> policy.Verdict:
    asked = url.canonical(f"https://{target}")
    request = Request(kind, Client("", "ks3"), asked.host, 1, url=None if kind in policy.NAME_KINDS else asked)
    return decide(rules(**changes), request)


OWN = {"search": Search.APPROVED, "engines": ("kiddle",), "search_engine": "kiddle"}


@pytest.mark.parametrize(
    ("target", "closed"),
    [
        ("www.google.com/search?q=a", True),
        ("www.google.com/", True),
        ("www.google.com/search/;x?q=a", True),
        ("www.google.com/complete/search?q=a", True),
        ("www.google.com/maps/search/oak", False),
        ("www.google.com/recaptcha/a.js", False),
        ("www.kiddle.co/s.php?q=a", False),
        ("www.baidu.com/img/logo.png", True),
    ],
)
def test_another_engine_is_closed_by_its_pages_that_search(target: str, closed: bool) -> None:
    verdict = ask(target, **OWN)
    assert (verdict.action is Action.BLOCK, verdict.reason is Reason.SEARCH) == (closed, closed)
    assert verdict.quiet is closed
    assert verdict.inspect


@pytest.mark.parametrize("kind", sorted(policy.NAME_KINDS))
def test_the_name_of_an_engine_with_open_pages_is_let_through(kind: Kind) -> None:
    assert not ask(GOOGLE, kind=kind, **OWN).blocked


@pytest.mark.parametrize(("kind", "inspect"), [(Kind.DNS, False), (Kind.CONNECT, True), (Kind.SNI, True)])
def test_the_name_of_an_engine_that_cannot_be_strict_is_closed_and_opened_to_send_elsewhere(
    kind: Kind, inspect: bool
) -> None:
    verdict = ask(BAIDU, kind=kind, **OWN)
    assert (verdict.reason, verdict.inspect, verdict.rule) == (Reason.SEARCH, inspect, "baidu")


def test_where_nobody_is_sent_elsewhere_a_page_says_so_and_it_is_on_record() -> None:
    verdict = ask("www.google.com/search?q=a", search=Search.ADULT)
    assert (verdict.reason, verdict.quiet) == (Reason.SEARCH, False)
    assert not ask(GOOGLE, kind=Kind.SNI, search=Search.ADULT).blocked


def test_without_the_certificate_the_name_is_closed() -> None:
    verdict = ask(YAHOO, kind=Kind.DNS, certificate=False, search_engine="kiddle")
    assert (verdict.reason, verdict.quiet) == (Reason.SEARCH, False)


def test_an_entry_of_the_profile_opens_an_engine() -> None:
    assert not ask("www.baidu.com/s?wd=a", allow=("baidu.com",)).blocked


# Words with a theme

SELF_HARM = Hit("self-harm", Severity.CONCERN, ("one",))
ABUSE = Hit("abuse", Severity.URGENT, ("two",))


def weigh(*hits: Hit, target: str = "www.google.com/search?q=a", **changes: object) -> policy.Verdict:
    asked = url.canonical(f"https://{target}")
    request = Request(Kind.SEARCH, Client("", "ks3"), asked.host, 1, url=asked, terms="a", hits=hits)
    return decide(rules(**changes), request)


def test_a_theme_closes_nothing_and_the_gravest_counts() -> None:
    verdict = weigh(SELF_HARM, ABUSE)
    assert (verdict.action, verdict.theme, verdict.severity) == (Action.ALLOW, "abuse", Severity.URGENT)


@pytest.mark.parametrize("watch", [Watch.NONE, Watch.STAFF])
def test_a_theme_for_which_nobody_is_watched_is_none(watch: Watch) -> None:
    assert weigh(ABUSE, watch=watch).theme == ""


def test_staff_are_watched_for_their_own_list() -> None:
    assert weigh(ABUSE, Hit("bypass", Severity.NOTE), watch=Watch.STAFF).theme == "bypass"


def test_a_search_that_is_closed_anyway_has_no_theme_of_its_words() -> None:
    assert weigh(ABUSE, target="www.baidu.com/s?wd=a").theme == ""


# What the shipped policy says


def test_the_shipped_profiles_search_as_the_table_says() -> None:
    profiles = defaults.rulebook("School").profiles
    assert {name: str(profile.search) for name, profile in profiles.items()} == {
        "eyfs": "adult",
        "ks1": "approved",
        "ks2": "approved",
        "ks3": "strict",
        "ks4": "strict",
        "ks5": "strict",
        "staff": "any",
        "office": "any",
        "demonstration": "any",
        "visitor": "strict",
        "byod": "strict",
        "exam": "strict",
        "unregistered": "strict",
        "equipment": "strict",
    }
    assert profiles["ks1"].engines == ("swiggle", "kiddle")
    assert not [problem for name, profile in profiles.items() for problem in search.problems(name, profile)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"engines": ("kidle",)}, "profiles.ks3.engines[0]: there is no search engine 'kidle'; did you mean kiddle?"),
        (
            {"search_engine": "zzz"},
            "profiles.ks3.search_engine: nobody can be sent to 'zzz'; write for example kiddle",
        ),
        ({"search_engine": "tineye"}, "profiles.ks3.search_engine: nobody can be sent to 'tineye'"),
        (
            {"search": Search.APPROVED, "search_engine": "kiddle"},
            "profiles.ks3.search_engine: 'kiddle' is none of the engines; write it there too",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_told(changes: dict[str, object], problem: str) -> None:
    [told] = search.problems("ks3", msgspec.structs.replace(PUPIL, **changes))
    assert told.startswith(problem)
