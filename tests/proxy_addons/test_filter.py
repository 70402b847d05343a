"""Pages, records and headers: what a device meets, and what reaches the server."""

import hashlib
import json

import pytest

from blocklists.rulebook import Severity
from reporting.breach import Breach
from tests.proxy_addons.conftest import House


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("ks1", "Tell your teacher."),
        ("ks2", "because it is about betting or gambling"),
        ("ks3", "gambling.test</bdi> is closed here"),
        ("staff", "Should this be open?"),
    ],
)
def test_a_closed_site_over_https_is_a_page_for_the_age_and_the_server_hears_nothing(
    house: House, profile: str, words: str
) -> None:
    answer = house.worker.curl(house.url("gambling.test"), profile=profile, ca=house.school.ca)
    assert "HTTP/2 403" in answer
    assert "cache-control: no-store" in answer
    assert words in answer
    assert "mitmproxy" not in answer
    assert house.secure.connections == 0


def test_a_closed_site_over_plain_http_is_a_page_too(house: House) -> None:
    answer = house.worker.curl(house.plain_url("gambling.test"))
    assert "HTTP/1.1 403 Forbidden" in answer
    assert "about betting or gambling" in answer
    assert house.plain.connections == 0


def test_a_closed_site_over_https_is_not_even_connected_to(house: House) -> None:
    answer = house.worker.curl(f"https://gambling.test:{house.plain.port}/", ca=house.school.ca)
    assert "403" in answer
    assert house.plain.connections == 0


def test_a_permitted_page_arrives_opened_or_not(house: House) -> None:
    assert "hello from unknown.test" in house.worker.curl(house.url("unknown.test", "/a"), ca=house.school.ca)
    assert "hello from good.test" in house.worker.curl(house.plain_url("good.test", "/b"))
    assert [seen.path for seen in house.secure.requests + house.plain.requests] == ["/a", "/b"]


def test_self_harm_is_answered_with_help(house: House) -> None:
    answer = house.worker.curl(house.url("harm.test"), ca=house.school.ca)
    assert "116 123" in answer
    assert "0800 1111" in answer


def test_an_always_open_site_is_open_for_the_youngest(house: House) -> None:
    answer = house.worker.curl(house.plain_url("help.test"), profile="ks1")
    assert "hello from help.test" in answer


def test_what_shows_no_page_gets_json_a_pixel_or_nothing(house: House) -> None:
    url = house.plain_url("gambling.test")
    told = house.worker.curl("-H", "Sec-Fetch-Dest: empty", url)
    assert json.loads(told.partition("\n\n")[2])["reason"] == "category"
    assert "image/gif" in house.worker.curl("-o", "-", "-I", "-H", "Sec-Fetch-Dest: image", url)
    script = house.worker.curl("-H", "Sec-Fetch-Dest: script", url)
    assert "text/javascript" in script
    assert not script.partition("\n\n")[2]


def test_the_page_reflects_no_part_of_the_url(house: House) -> None:
    answer = house.worker.curl(house.plain_url("gambling.test", "/reflected?q=%3Cscript%3Ealert(1)"))
    assert "reflected" not in answer
    assert "alert" not in answer


def test_an_advert_is_closed_quietly(house: House) -> None:
    before = len(house.school.breaches())
    answer = house.worker.curl(house.plain_url("adverts.test"))
    assert "403 Forbidden" in answer
    assert not answer.partition("\n\n")[2]
    assert "CONNECT tunnel failed" in house.worker.curled(house.url("adverts.test"), ca=house.school.ca).stderr
    assert len(house.school.breaches()) == before


def test_the_breach_is_in_the_journal_when_the_page_arrives(house: House) -> None:
    for number in range(20):
        house.worker.curl(house.plain_url("gambling.test", f"/record/{number}?typed=secret"))
        found = [b for b in house.school.breaches() if b.path == f"/record/{number}"]
        assert [(b.host, b.source, b.profile, b.severity) for b in found] == [
            ("gambling.test", "proxy", "ks2", Severity.NOTE)
        ]
        assert "secret" not in repr(found)


def test_the_same_page_again_is_one_breach(house: House) -> None:
    for _ in range(3):
        house.worker.curl(house.plain_url("gambling.test", "/again"))
    assert len([b for b in house.school.breaches() if b.path == "/again"]) == 1


def test_a_device_that_does_not_take_our_certificate_is_on_record_all_the_same(house: House) -> None:
    done = house.worker.curled(house.url("games.test"), profile="ks3")
    assert done.returncode != 0
    found = [b for b in house.school.breaches() if b.host == "games.test" and b.profile == "ks3"]
    assert [(b.path, b.reason) for b in found] == [("", "category")]


def test_a_sealed_hit_is_on_record_without_its_url_and_in_no_log(house: House) -> None:
    before = len(illegal(house))
    for url in (house.url("wiki.test", "/secret/page"), house.url("sealed.test", "/x"), house.plain_url("sealed.test")):
        answer = house.worker.curl(url, ca=house.school.ca)
        assert " 403" in answer
        assert "sealed.test" not in answer
    found = illegal(house)[before:]
    assert len(found) == 2
    assert all(b.rule and not b.host and not b.path for b in found)
    written = b"".join(p.read_bytes() for p in house.school.files.spool.iterdir())
    written += (house.school.folder / "worker-0.log").read_bytes()
    for secret in (b"sealed.test", b"secret/page", hashlib.sha256(b"x").digest()):
        assert secret not in written


def illegal(house: House) -> list[Breach]:
    return [b for b in house.school.breaches() if b.severity is Severity.ILLEGAL]


def test_only_the_sealed_page_of_a_host_is_closed(house: House) -> None:
    answer = house.worker.curl(house.url("wiki.test", "/secret/other"), ca=house.school.ca)
    assert "hello from wiki.test" in answer


@pytest.mark.parametrize("path", ["/secret//page", "/x/../secret/page", "/%73ecret/page", "/secret/page?q=1"])
def test_a_sealed_page_is_closed_however_it_is_written(house: House, path: str) -> None:
    answer = house.worker.curl("--path-as-is", house.url("wiki.test", path), ca=house.school.ca)
    assert "403" in answer
    assert not house.secure.requests


def test_a_page_is_in_the_language_that_the_browser_asks_for(house: House) -> None:
    answer = house.worker.curl(house.plain_url("gambling.test"), "-H", "Accept-Language: ur-PK,en;q=0.3")
    assert "Content-Language: ur\n" in answer.replace("\r", "")
    assert '<html lang="ur" dir="rtl">' in answer


def test_a_trouble_is_told_in_the_language_that_the_browser_asks_for(house: House) -> None:
    answer = house.worker.curl("http://nowhere.test/", "-H", "Accept-Language: cy")
    assert "Doedden ni ddim yn gallu dod o hyd i'r wefan hon" in answer
