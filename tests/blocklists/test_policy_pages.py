"""Pages: however an address is written, on a list of pages, and by what a scan found."""

from pathlib import Path

import msgspec
import pytest

from blocklists.compile import Source, compile_lists
from blocklists.index import EmptyIndex, Index
from blocklists.policy import NAME_KINDS, Kind, Policy, Reason
from blocklists.profile import Code, Pages, Profile, Unknown
from blocklists.rulebook import ListUse, Role, Severity
from tests.support.small_policy import (
    ALLOW,
    BLOCK,
    BOOK,
    CATEGORIES,
    LISTS,
    NAMES,
    PAGE,
    SITE,
    PlainNames,
    ask,
    category,
    opening,
    school,
)


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
