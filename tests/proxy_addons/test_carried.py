"""What a permitted request carries or is for: uploads, tenants, hidden pictures, parts of pages, grey sites, URLs."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blocklists.compile import Source, compile_lists
from blocklists.profile import Youtube
from blocklists.rulebook import Rulebook
from tests.proxy_addons.conftest import House, furnished
from tests.support.proxy_school import HOSTS, LISTS, School, rulebook, tunnel

MORE_HOSTS = (
    "www.youtube.com",
    "login.microsoftonline.com",
    "login.live.com",
    "accounts.google.com",
    "www.google.com",
    "th.bing.com",
    "grey.test",
    "pages.good.test",
    "cdn.test",
    "pictures.test",
)

STRICT_FORMS = ("restrict.youtube.com", "restrictmoderate.youtube.com", "forcesafesearch.google.com", "strict.bing.com")
"""The names at whose addresses search engines are reached."""


def book() -> Rulebook:
    """The rulebook of the other tests, with what these are about."""
    made = rulebook()
    profiles = {
        **made.profiles,
        "ks1": msgspec.structs.replace(made.profiles["ks1"], thumbnails=False),
        "ks2": msgspec.structs.replace(made.profiles["ks2"], scan=("grey.test",), youtube=Youtube.STRICT),
        "ks3": msgspec.structs.replace(made.profiles["ks3"], youtube=Youtube.MODERATE, thumbnails=False),
        "staff": msgspec.structs.replace(made.profiles["staff"], youtube=Youtube.OFF, tenants=False),
    }
    tenants = {"microsoft": "oaklane.test", "microsoft_directory": "number", "google": "oaklane.test"}
    embedded = {"pictures.test": ("cdn.test", "harm.test", "gambling.test")}
    return msgspec.structs.replace(made, profiles=profiles, tenants=tenants, embedded=embedded)


@pytest.fixture(scope="module")
def carrying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    school = School(tmp_path_factory.mktemp("carrying"))
    school.write_policy(book())
    lists = LISTS | {
        "positive": [*LISTS["positive"], *MORE_HOSTS[:8]],
        "gambling": ["gambling.test", "good.test/bets/"],
    }
    sources = {}
    for name, hosts in lists.items():
        path = school.folder / f"{name}.txt"
        path.write_text("\n".join(hosts) + "\n")
        sources[name] = (Source(path),)
    compile_lists(sources, school.files.index, built_ns=2)
    names = (*HOSTS, *MORE_HOSTS)
    with furnished(school, {name: ["127.0.0.1"] for name in (*names, *STRICT_FORMS)}, hosts=names) as house:
        yield house


@pytest.fixture
def origin(carrying: House) -> House:
    carrying.forget()
    return carrying


def sent(house: House) -> dict[str, str]:
    """The headers of the newest request that arrived, by lower-case name."""
    seen = (house.secure.requests or house.plain.requests)[-1]
    return {name.lower(): value for name, value in seen.headers}


def ask(house: House, url: str, *more: str, profile: str = "ks2") -> str:
    return house.worker.curl("--suppress-connect-headers", *more, url, profile=profile, ca=house.school.ca)


# Tenants


@pytest.mark.parametrize(("profile", "mode"), [("ks2", "Strict"), ("ks3", "Moderate")])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_youtube_is_told_of_the_profiles_restricted_mode(origin: House, profile: str, mode: str, version: str) -> None:
    forged = ("-H", "youtube-restrict: None", "-H", "YouTube-Restrict: Off")
    assert "hello" in ask(origin, origin.url("www.youtube.com"), version, *forged, profile=profile)
    values = [value for name, value in origin.secure.requests[-1].headers if name.lower() == "youtube-restrict"]
    assert values == [mode]


def test_a_profile_without_restricted_mode_sends_none(origin: House) -> None:
    ask(origin, origin.plain_url("www.youtube.com"), profile="staff")
    assert "youtube-restrict" not in sent(origin)


def test_microsoft_is_told_of_the_schools_tenant_and_no_other(origin: House) -> None:
    ask(origin, origin.url("login.microsoftonline.com"), "-H", "Restrict-Access-To-Tenants: mine.test")
    assert sent(origin)["restrict-access-to-tenants"] == "oaklane.test"
    assert sent(origin)["restrict-access-context"] == "number"


def test_personal_microsoft_accounts_are_not_let_in(origin: House) -> None:
    ask(origin, origin.url("login.live.com"))
    assert sent(origin)["sec-restrict-tenant-access-policy"] == "restrict-msa"


def test_google_is_told_of_the_schools_domain_wherever_it_is_opened(origin: House) -> None:
    ask(origin, origin.url("accounts.google.com"))
    assert sent(origin)["x-googapps-allowed-domains"] == "oaklane.test"
    ask(origin, origin.plain_url("www.google.com"))
    assert {n.lower(): v for n, v in origin.plain.requests[-1].headers}["x-googapps-allowed-domains"] == "oaklane.test"


def test_a_profile_that_is_not_held_to_the_schools_accounts_sends_nothing_and_forges_nothing(origin: House) -> None:
    ask(origin, origin.plain_url("login.live.com"), "-H", "sec-Restrict-Tenant-Access-Policy: x", profile="staff")
    assert "sec-restrict-tenant-access-policy" not in sent(origin)


def test_other_hosts_get_no_header_of_ours(origin: House) -> None:
    ask(origin, origin.plain_url("good.test"))
    assert not {"youtube-restrict", "x-googapps-allowed-domains", "restrict-access-to-tenants"} & sent(origin).keys()


# Pictures of a search


def test_small_pictures_of_a_search_are_a_pixel_and_no_breach(origin: House) -> None:
    for profile in ("ks1", "ks3"):
        answer = ask(
            origin,
            origin.url("th.bing.com", "/th?id=1"),
            "-H",
            "Sec-Fetch-Dest: image",
            "-o",
            "-",
            "-I",
            profile=profile,
        )
        assert "image/gif" in answer
    assert not [b for b in origin.school.breaches() if b.host == "th.bing.com"]
    assert not origin.secure.requests


@pytest.mark.parametrize("path", ["/TH?id=1", "/th/id/1", "//th", "/%74h"])
def test_they_are_hidden_however_they_are_written(origin: House, path: str) -> None:
    answer = ask(origin, origin.url("th.bing.com", path), "--path-as-is", profile="ks3")
    assert " 403" in answer.splitlines()[0]


def test_the_other_pages_of_that_host_and_other_profiles_are_not_hidden(origin: House) -> None:
    assert "hello" in ask(origin, origin.url("th.bing.com", "/other"), profile="ks3")
    assert "hello" in ask(origin, origin.plain_url("th.bing.com", "/th"), profile="ks2")


# Grey sites, and pages on lists


def issuer(house: House, host: str, profile: str = "ks2") -> str:
    """Who has signed the certificate that a device of *profile* is shown for *host*."""
    raw, _ = house.worker.connect(host, house.secure.port, profile)
    with tunnel(house.school, raw, host) as connection:
        told = connection.getpeercert()
    return dict(part[0] for part in told["issuer"]).get("commonName", "")


def test_a_grey_site_is_opened_though_it_is_known(origin: House) -> None:
    assert "web filter" in issuer(origin, "grey.test")
    assert "web filter" not in issuer(origin, "grey.test", "staff")


def test_a_host_with_a_listed_page_is_opened_and_the_page_closed(origin: House) -> None:
    assert "web filter" in issuer(origin, "good.test")
    assert "hello" in ask(origin, origin.url("good.test", "/news"))
    answer = ask(origin, origin.url("good.test", "/bets/today"))
    assert "about betting or gambling" in answer
    assert [b.path for b in origin.school.breaches() if b.host == "good.test"] == ["/bets/today"]


def test_a_host_that_carries_our_header_is_opened_where_it_is_known(origin: House) -> None:
    assert "web filter" in issuer(origin, "login.live.com")
    assert "web filter" not in issuer(origin, "login.live.com", "staff")


# Parts of a permitted page

PART = ("-H", "Sec-Fetch-Dest: image", "-H", "Sec-Fetch-Site: cross-site", "-H", "Referer: https://pictures.test/")
PICTURE = "/serve?type=image/png&hex=89504e47"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_part_of_a_permitted_page_is_loaded_from_the_host_that_the_school_named(origin: House, version: str) -> None:
    assert " 200" in ask(origin, origin.url("cdn.test", PICTURE), version, *PART, profile="ks1").splitlines()[0]


@pytest.mark.parametrize(
    ("host", "path", "more"),
    [
        ("cdn.test", PICTURE, ("-H", "Sec-Fetch-Dest: document")),
        ("cdn.test", PICTURE, ("-H", "Sec-Fetch-Dest: iframe")),
        ("cdn.test", PICTURE, ("-H", "Sec-Fetch-Dest: empty")),
        ("cdn.test", PICTURE, ("-H", "Sec-Fetch-Dest: image", "-H", "Sec-Fetch-Site: none")),
        ("cdn.test", PICTURE, (*PART[:4], "-H", "Referer: https://unknown.test/")),
        ("cdn.test", PICTURE, (*PART[:4], "-H", "Referer: https://gambling.test/")),
        ("cdn.test", PICTURE, PART[:4]),
        ("cdn.test", PICTURE, (*PART, "-X", "POST", "-d", "x")),
        ("cdn.test", "/page", PART),
        ("cdn.test", "/serve?type=application/pdf&hex=25", PART),
        ("cdn.test", "/serve?hex=3c", PART),
        ("other.test", PICTURE, PART),
        ("harm.test", PICTURE, PART),
        ("gambling.test", PICTURE, PART),
        ("sealed.test", PICTURE, PART),
    ],
)
def test_forging_what_a_browser_says_gains_no_page_and_no_other_host(
    origin: House, host: str, path: str, more: tuple[str, ...]
) -> None:
    answer = ask(origin, origin.url(host, path), *more, profile="ks1")
    assert " 403" in answer.splitlines()[0]
    assert "hello" not in answer


# Uploads


@pytest.fixture
def long(tmp_path: Path) -> str:
    """What curl is told to send more than a megabyte."""
    path = tmp_path / "long"
    path.write_bytes(b"x" * 2_000_000)
    return f"@{path}"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_upload_that_is_too_long_is_refused_before_a_byte_of_it_leaves(
    origin: House, long: str, version: str
) -> None:
    answer = ask(origin, origin.url("unknown.test", "/up"), version, "-d", long, profile="ks3")
    assert "this may not be sent there" in answer
    assert not origin.secure.requests


def test_one_that_is_not_too_long_arrives(origin: House) -> None:
    assert "hello" in ask(origin, origin.url("unknown.test", "/up"), "-d", "x" * 90_000, profile="ks3")
    assert origin.secure.requests[-1].body == 90_000


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_upload_without_a_length_is_cut_off_where_it_passes_the_bound(
    origin: House, long: str, version: str
) -> None:
    chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", long)
    answer = ask(origin, origin.url("unknown.test", "/up"), version, *chunked, profile="ks3")
    assert "this may not be sent there" in answer
    assert "hello" in ask(origin, origin.url("unknown.test", "/next"), version, profile="ks3")
    assert max(request.body for request in origin.secure.requests) <= 1_000_000


def test_a_short_upload_without_a_length_arrives(origin: House) -> None:
    chunked = ("-H", "Transfer-Encoding: chunked", "-d", "x" * 1000)
    assert "hello" in ask(origin, origin.url("unknown.test", "/up"), "--http1.1", *chunked, profile="ks3")
    assert origin.secure.requests[0].body == 1000


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/up", ("-H", "Content-Type: application/x-msdownload", "--data-binary", "x")),
        ("/up", ("-F", "file=no program;filename=setup.exe")),
        ("/a.exe", ("-X", "PUT", "-H", "Content-Type: application/octet-stream", "-d", "no program")),
        ("/up", ("-H", "Content-Type: image/png", "-d", "\x7fELF and more")),
    ],
)
def test_an_upload_of_a_closed_kind_is_refused(origin: House, version: str, path: str, more: tuple[str, ...]) -> None:
    answer = ask(origin, origin.url("unknown.test", path), version, *more, profile="ks3")
    assert "this may not be sent there" in answer
    found = [b for b in origin.school.breaches() if b.reason == "upload"]
    assert found[-1].rule == "program"
    assert not any(seen.body for seen in origin.secure.requests)


def test_where_work_is_handed_in_neither_holds(origin: House, long: str) -> None:
    more = ("-H", "Content-Type: application/x-msdownload", "-d", long)
    assert "hello" in ask(origin, origin.url("other.test", "/up"), *more, profile="ks3")


def test_a_refused_upload_says_its_size_as_the_rule(origin: House, long: str) -> None:
    ask(origin, origin.url("unknown.test", "/sized"), "-d", long, profile="ks3")
    assert [(b.reason, b.rule) for b in origin.school.breaches() if b.path == "/sized"] == [("upload", "size")]


def test_what_is_refused_is_counted_by_what_it_was(origin: House, long: str) -> None:
    line = 'schoolgate_proxy_carried_total{what="upload"}'
    before = origin.worker.metric(line)
    ask(origin, origin.plain_url("unknown.test", "/up"), "-d", long, profile="ks3")
    assert origin.worker.metric(line) == before + 1
