"""Pages of unknown sites are looked at for themes: a concern is put on record, and the page arrives as it is."""

from collections.abc import Iterator

import msgspec
import pytest

from blocklists.profile import MAX_SCAN_LIMIT, Code
from blocklists.rulebook import Category, Severity
from reporting.breach import Breach, BreachKind
from tests.support.pages import Page, Pages
from tests.support.proxy_school import Nameserver, Running, School, rulebook, running
from tests.support.theme_pages import PAGES, ThemePage

HTML = {"Content-Type": "text/html; charset=utf-8"}
BY_PATH = {one.path: one for one in PAGES}
SUICIDE, BYPASS = BY_PATH["/suicide/board"], BY_PATH["/bypass/guide"]
CASINO = ThemePage("bypass", "/casino", BYPASS.body + b"<p>An online casino: free spins and a no deposit bonus.")
ADVERT, FRAME = ThemePage("bypass", "/advert", CASINO.body), ThemePage("bypass", "/frame", BYPASS.body)

type Site = tuple[School, Pages, Running]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A school that closes no page for its words, and whose staff have a site that is open and scanned."""
    school = School(tmp_path_factory.mktemp("themes"))
    book = rulebook()
    for name, more in {
        "ks2": {"scan_limit": MAX_SCAN_LIMIT, "scan": ("gambling.test",)},
        "staff": {"scan_limit": MAX_SCAN_LIMIT, "scan": ("other.test",)},
    }.items():
        book.profiles[name] = msgspec.structs.replace(book.profiles[name], **more)
    codes = dict.fromkeys(book.categories["games"].codes, Code.OPEN)
    book.categories["information"] = Category("Health", "about health", codes, alert="never")
    book.lists["gambling"] = msgspec.structs.replace(book.lists["gambling"], category="information")
    school.write_policy(book)
    served = {one.path: Page([one.body], HTML) for one in (*PAGES, CASINO, ADVERT, FRAME)}
    with Nameserver() as dns, Pages(served) as pages, running(school, school.settings(dns, pages.port)) as worker:
        yield school, pages, worker


def get(site: Site, page: ThemePage, *, profile: str = "ks2", host: str = "unknown.test", more: str = "") -> bytes:
    _, pages, worker = site
    answer = worker.curl(f"http://{host}:{pages.port}{page.path}{more}", profile=profile)
    return answer.partition("\n\n")[2].encode()


def concerns(site: Site, page: ThemePage, profile: str = "ks2") -> list[Breach]:
    return [b for b in site[0].breaches() if b.path == page.path and b.profile == profile]


@pytest.mark.parametrize("page", [p for p in PAGES if p.is_found], ids=lambda page: page.path)
def test_a_page_of_a_theme_is_a_concern_and_stays_open(site: Site, page: ThemePage) -> None:
    assert get(site, page) == page.body
    (breach,) = concerns(site, page)
    assert (breach.kind, breach.theme, breach.host) == (BreachKind.CONCERN, page.kind, "unknown.test")
    assert breach.severity in (Severity.NOTE, Severity.CONCERN)


@pytest.mark.parametrize("page", [p for p in PAGES if not p.is_found], ids=lambda page: page.path)
def test_a_lesson_health_help_and_news_raise_nothing(site: Site, page: ThemePage) -> None:
    assert get(site, page) == page.body
    assert concerns(site, page) == []


def test_the_record_has_our_phrases_and_nothing_that_was_typed(site: Site) -> None:
    get(site, BY_PATH["/violence/plan"], host="other.test", more="?q=words+of+a+child")
    found = next(b for b in site[0].breaches() if b.host == "other.test" and b.profile == "ks2")
    assert "hit list" in found.rule
    assert found.path == "/violence/plan"
    assert (found.terms, found.evidence) == ("", "")


def test_a_page_that_is_closed_for_its_words_is_no_concern_besides(site: Site) -> None:
    assert get(site, CASINO, profile="ks3") != CASINO.body
    assert [b.kind for b in concerns(site, CASINO, "ks3")] == [BreachKind.STOPPED]


@pytest.mark.parametrize(
    ("page", "profile", "kind"),
    [(FRAME, "ks2", BreachKind.CONCERN), (ADVERT, "ks3", BreachKind.STOPPED)],
    ids=["concern", "closed"],
)
def test_a_frame_of_another_site_is_on_record_as_what_a_program_asked_for(
    site: Site, page: ThemePage, profile: str, kind: BreachKind
) -> None:
    _, pages, worker = site
    frame = ("-H", "Sec-Fetch-Dest: iframe", "-H", "Sec-Fetch-Site: cross-site")
    address = f"http://other.test:{pages.port}{page.path}"
    for headers in (frame, ()):
        worker.curl(*headers, address, profile=profile)
    assert [(b.kind, b.background) for b in concerns(site, page, profile)] == [(kind, True), (kind, False)]


def test_staff_are_looked_at_for_what_they_are_watched_for_alone(site: Site) -> None:
    for page in (SUICIDE, BYPASS):
        assert get(site, page, profile="staff", host="other.test") == page.body
    assert [b.theme for b in site[0].breaches() if b.profile == "staff"] == ["bypass"]


def test_whom_nobody_watches_raises_nothing(site: Site) -> None:
    assert get(site, SUICIDE, profile="visitor") == SUICIDE.body
    assert concerns(site, SUICIDE, "visitor") == []


def test_a_helpline_is_not_looked_at(site: Site) -> None:
    assert get(site, SUICIDE, host="help.test") == SUICIDE.body
    assert not [b for b in site[0].breaches() if b.host == "help.test"]


def test_a_site_that_is_nobodys_business_is_scanned_and_not_looked_at(site: Site) -> None:
    before = site[2].metric("schoolgate_proxy_pages_scanned_total")
    assert get(site, SUICIDE, host="gambling.test") == SUICIDE.body
    assert site[2].metric("schoolgate_proxy_pages_scanned_total") == before + 1
    assert not [b for b in site[0].breaches() if b.host == "gambling.test"]
