"""Searches through a worker: what reaches the engine, who is sent elsewhere, who gets help, and what is on record."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from blocklists.profile import Search
from blocklists.rulebook import Severity
from reporting.breach import Breach, BreachKind
from tests.proxy_addons.conftest import House, furnished
from tests.support.origin import Seen
from tests.support.proxy_school import ADDRESSES, School, rulebook

GOOGLE, BING, DUCK, YAHOO = "www.google.com", "www.bing.com", "duckduckgo.com", "uk.search.yahoo.com"
KIDDLE, BAIDU, YOUTUBE = "www.kiddle.co", "www.baidu.com", "www.youtube.com"
ENGINES = (GOOGLE, BING, DUCK, YAHOO, KIDDLE, BAIDU, YOUTUBE, "www.startpage.com", "www.mojeek.com", "api.qwant.com")
STRICT = (
    "forcesafesearch.google.com",
    "strict.bing.com",
    "safe.duckduckgo.com",
    "restrict.youtube.com",
    "safeapi.qwant.com",
)


def book():
    """KS1 and KS2 have engines of their own, KS3 any that can be strict, staff any at all."""
    made = rulebook()
    own = {"search": Search.APPROVED, "engines": ("kiddle",), "search_engine": "kiddle"}
    changed = {"ks1": own, "ks2": own, "staff": {"search": Search.ANY}}
    profiles = {
        name: msgspec.structs.replace(profile, **changed.get(name, {})) for name, profile in made.profiles.items()
    }
    return msgspec.structs.replace(made, profiles=profiles)


ZONE = {host: ["127.0.0.1"] for host in (*ENGINES, *STRICT)}


@pytest.fixture(scope="module")
def engines_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    school = School(tmp_path_factory.mktemp("engines"))
    school.write_policy(book(), version=2)
    with furnished(school, ZONE, hosts=ENGINES, adult="Ms Oak") as house:
        yield house


@pytest.fixture
def house(engines_house: House) -> House:
    engines_house.forget()
    return engines_house


def search(house: House, host: str, path: str, *more: str, profile: str = "ks3") -> str:
    return house.worker.curl(*more, house.url(host, path), profile=profile, ca=house.school.ca)


def only(house: House) -> Seen:
    [seen] = house.secure.requests
    return seen


def header(seen: Seen, name: str) -> list[str]:
    return [value for given, value in seen.headers if given.lower() == name]


def concerns(house: House) -> list[Breach]:
    return [b for b in house.school.breaches() if b.kind is BreachKind.CONCERN]


# Strict results


@pytest.mark.parametrize(
    ("host", "asked", "seen"),
    [
        (GOOGLE, "/search?q=oak+trees", "/search?q=oak+trees&safe=active&ssui=on&safeui=on"),
        (GOOGLE, "/search?safe=off&q=a&SAFE=images&%73afe=off&safe%00x=1", "/search?q=a&safe=active&ssui=on&safeui=on"),
        (GOOGLE, "/setprefs?safeui=off&x=1", "/setprefs?x=1&safeui=on"),
        (GOOGLE, "/style.css?v=1", "/style.css?v=1"),
        (GOOGLE, "/unheard/of?q=a", "/unheard/of?q=a&safe=active&ssui=on&safeui=on"),
        (BING, "/images/search?q=a&adlt=off", "/images/search?q=a&adlt=strict"),
        (DUCK, "/?q=a&kp=-2&kp=-1", "/?q=a&kp=1&p=1"),
        (YAHOO, "/search?p=a&vm=p", "/search?p=a&vm=r"),
        ("www.mojeek.com", "/search?q=a&safe=0", "/search?q=a&safe=1"),
    ],
)
@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_the_engine_is_asked_for_strict_results_and_the_clients_own_setting_is_gone(
    house: House, host: str, asked: str, seen: str, http: str
) -> None:
    assert "hello from" in search(house, host, asked, http)
    assert only(house).path == seen
    assert only(house).protocol == http.removeprefix("--http")[:3].removesuffix(".0")


def test_the_setting_in_a_cookie_is_replaced_and_the_others_stay(house: House) -> None:
    search(house, BING, "/search?q=a", "-H", "Cookie: A=1; srchhpgusr=ADLT=OFF&x=1; B=2", "--http1.1")
    assert header(only(house), "cookie") == ["A=1; B=2; SRCHHPGUSR=ADLT=STRICT"]


def test_a_cookie_is_set_where_the_client_has_none(house: House) -> None:
    search(house, DUCK, "/?q=a")
    assert header(only(house), "cookie") == ["p=1"]


def test_the_cookies_of_http2_that_come_in_lines_of_their_own_are_all_looked_at(house: House) -> None:
    with httpx.Client(proxy=house.worker.url, verify=house.device(), http2=True) as client:
        lines = [("cookie", "SRCHHPGUSR=ADLT=OFF"), ("cookie", "A=1")]
        client.get(house.url(BING, "/maps"), headers=lines)
    assert header(only(house), "cookie") == ["A=1; SRCHHPGUSR=ADLT=STRICT"]


def test_the_referer_is_left_as_it_is(house: House) -> None:
    search(house, GOOGLE, "/search?q=a", "-e", "https://www.google.com/search?q=b&safe=off")
    assert header(only(house), "referer") == ["https://www.google.com/search?q=b&safe=off"]


def test_the_engine_is_reached_at_the_address_of_its_strict_form(house: House) -> None:
    search(house, "api.qwant.com", "/v3/search/web?q=a")
    assert "safeapi.qwant.com" in house.dns.asked
    assert only(house).host.startswith("api.qwant.com")


def test_a_form_sent_as_a_body_is_held_to_strict_results_too(house: House) -> None:
    search(house, DUCK, "/html/", "--data", "q=oak+trees&kp=-2")
    assert only(house).text == b"q=oak+trees&kp=1"


def test_a_form_in_another_code_does_not_reach_the_engine(house: House) -> None:
    assert "HTTP/2 415" in search(house, DUCK, "/html/", "--form", "q=oak trees", "--form", "kp=-2")
    assert not house.secure.requests


def test_a_long_body_that_is_no_search_passes_unheld(house: House) -> None:
    sent = bytes(2_000_000)
    with httpx.Client(proxy=house.worker.url, verify=house.device()) as client:
        client.post(house.url(YOUTUBE, "/upload"), content=sent)
    assert only(house).body == len(sent)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{" + b" " * 300_000, {}, 411),
        (iter([b'{"query": "oak"}']), {}, 411),
        (gzip.compress(bytes(10_000_000)), {"content-encoding": "gzip"}, 415),
        (b"x", {"content-encoding": "br"}, 415),
    ],
    ids=["too long", "of no length", "a bomb", "in a code that nobody here reads"],
)
def test_a_search_that_cannot_be_read_does_not_reach_the_engine(house: House, content, headers, status: int) -> None:
    with httpx.Client(proxy=house.worker.url, verify=house.device()) as client:
        answer = client.post(house.url(YOUTUBE, "/youtubei/v1/search"), content=content, headers=headers)
    assert answer.status_code == status
    assert not house.secure.requests


def test_a_search_without_tls_is_strict_even_where_nothing_is_opened_and_nobody_reads_its_words(house: House) -> None:
    before = len(concerns(house))
    answer = house.worker.curl(house.plain_url(GOOGLE, "/search?q=i+want+to+die&safe=off"), profile="visitor")
    assert "hello from" in answer
    assert [seen.path for seen in house.plain.requests] == ["/search?q=i+want+to+die&safe=active&ssui=on&safeui=on"]
    assert len(concerns(house)) == before


# Which engines


@pytest.mark.parametrize("profile", ["ks1", "ks2"])
@pytest.mark.parametrize(
    ("host", "path", "to"),
    [
        (GOOGLE, "/search?q=oak+trees+%26+bees&tbm=isch", "https://www.kiddle.co/s.php?q=oak%20trees%20%26%20bees"),
        (GOOGLE, "/", "https://www.kiddle.co/"),
        (BAIDU, "/s?wd=oak", "https://www.kiddle.co/s.php?q=oak"),
    ],
)
def test_who_searches_with_another_engine_is_sent_to_the_schools_own_with_the_words(
    house: House, profile: str, host: str, path: str, to: str
) -> None:
    before = len(house.school.breaches())
    answer = search(house, host, path, profile=profile)
    assert "HTTP/2 302" in answer
    assert f"location: {to}" in answer
    assert not house.secure.requests
    assert len(house.school.breaches()) == before


def test_what_a_page_loads_by_itself_is_refused_and_not_sent_elsewhere(house: House) -> None:
    answer = search(house, GOOGLE, "/search?q=oak", "-H", "Sec-Fetch-Dest: script", profile="ks2")
    assert "HTTP/2 403" in answer
    assert "location" not in answer


def test_the_rest_of_another_engines_site_is_open(house: House) -> None:
    assert "hello from" in search(house, GOOGLE, "/recaptcha/api.js", profile="ks2")


def test_an_approved_engine_is_open(house: House) -> None:
    assert "hello from" in search(house, KIDDLE, "/s.php?q=oak", profile="ks2")


def test_an_engine_that_cannot_be_strict_is_closed_to_pupils_and_open_to_staff(house: House) -> None:
    assert "HTTP/2 403" in search(house, BAIDU, "/s?wd=oak")
    assert "hello from" in search(house, BAIDU, "/s?wd=oak", profile="staff")


def test_where_nothing_is_opened_only_engines_with_a_strict_address_are_open(house: House) -> None:
    assert "hello from" in house.worker.curl("-k", house.url(GOOGLE, "/search?q=a"), profile="visitor")
    assert only(house).path == "/search?q=a"
    assert house.worker.curled("-k", house.url(YAHOO, "/search?p=a"), profile="visitor").returncode != 0


# Help


def test_a_search_for_help_is_answered_with_the_panel_once_a_session(house: House) -> None:
    first = search(house, GOOGLE, "/search?q=how+to+stop+self+harm&secret=shown", profile="staff")
    assert "HTTP/2 200" in first
    assert "116 123" in first
    assert "secret" not in first
    assert "self" not in first.lower().replace("default-src 'self'", "")
    assert not house.secure.requests
    again = search(house, GOOGLE, "/search?q=how+to+stop+self+harm", profile="staff")
    assert "hello from" in again


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[House]:
    """A worker that nobody has been shown a panel by."""
    school = School(tmp_path)
    school.write_policy(book(), version=2)
    with furnished(school, ZONE, hosts=ENGINES, adult="Ms Oak") as house:
        yield house


def test_an_urgent_search_is_on_record_when_the_panel_arrives_and_each_child_gets_a_panel(fresh: House) -> None:
    for profile, words in (("ks2", "Ms Oak"), ("ks3", "Go on to the results")):
        answer = search(
            fresh, KIDDLE if profile == "ks2" else GOOGLE, "/s.php?q=x&q=my+dad+hits+me+childline"
            if profile == "ks2"
            else "/search?q=my+dad+hits+me+childline", profile=profile,
        )  # fmt: skip
        assert "0800 1111" in answer
        assert words in answer
        [found] = [b for b in concerns(fresh) if b.profile == profile]
        assert (found.theme, found.severity, found.source) == ("abuse", Severity.URGENT, "proxy")
        assert found.terms.endswith("my dad hits me childline")
        assert not found.path


def test_a_search_in_a_body_is_judged_as_one_in_an_address(fresh: House) -> None:
    body = gzip.compress(json.dumps({"context": {}, "query": "I want to die"}).encode())
    with httpx.Client(
        proxy=fresh.worker.url,
        verify=fresh.device(),
        transport=httpx.HTTPTransport(
            proxy=fresh.worker.url, verify=fresh.device(), local_address=ADDRESSES["ks3"], http2=True
        ),
    ) as client:
        told = {"content-encoding": "gzip", "sec-fetch-dest": "empty"}
        answer = client.post(fresh.url(YOUTUBE, "/youtubei/v1/search?key=1"), content=body, headers=told)
    assert answer.status_code == 403
    assert answer.json()["help"]["Childline"] == "0800 1111"
    assert not fresh.secure.requests
    [found] = concerns(fresh)
    assert (found.severity, found.terms, found.host) == (Severity.URGENT, "I want to die", YOUTUBE)


def test_words_in_the_address_do_not_hide_those_in_the_body(fresh: House) -> None:
    search(fresh, DUCK, "/html/?q=oak+trees", "--data", "q=I+want+to+die")
    assert [found.terms for found in concerns(fresh)] == ["I want to die"]


def test_a_search_in_a_body_goes_on_unharmed(house: House) -> None:
    body = gzip.compress(b'{"query": "oak trees"}')
    with httpx.Client(proxy=house.worker.url, verify=house.device(), http2=True) as client:
        address = house.url(YOUTUBE, "/youtubei/v1/search")
        assert client.post(address, content=body, headers={"content-encoding": "gzip"}).status_code == 200
    assert only(house).text == body


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/complete/search?q=i+want+to+die", ()),
        ("/search?q=childline+self+harm", ()),
        ("/search?q=oak+trees", ()),
        ("/search?q=i+want+to+die", ("-H", "Sec-Purpose: prefetch")),
    ],
    ids=["typing", "a help service", "nothing grave", "nobody looks yet"],
)
def test_these_searches_are_not_on_record_and_raise_no_panel(house: House, path: str, more: tuple[str, ...]) -> None:
    before = len(concerns(house))
    assert "0800 1111" not in search(house, GOOGLE, path, *more)
    assert len(concerns(house)) == before


def test_what_a_browser_fetches_ahead_is_refused_so_that_it_asks_again_when_somebody_looks(house: House) -> None:
    assert "HTTP/2 503" in search(house, GOOGLE, "/search?q=oak", "-H", "Sec-Purpose: prefetch;prerender")
    assert not house.secure.requests


def test_staff_are_not_watched_for_what_they_search_about_harm(house: House) -> None:
    search(house, GOOGLE, "/search?q=self+harm", profile="staff")
    assert not [b for b in concerns(house) if b.profile == "staff"]


def test_searches_are_counted_and_no_label_holds_a_word(house: House) -> None:
    before = house.worker.metric("schoolgate_proxy_searches_total")
    search(house, GOOGLE, "/search?q=countedword")
    assert house.worker.metric("schoolgate_proxy_searches_total") == before + 1
    assert "countedword" not in house.worker.metrics()
