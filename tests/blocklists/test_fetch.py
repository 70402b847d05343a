"""Fetching from a real server on loopback, plain and over TLS."""

import asyncio
import email.utils
import gzip
import hashlib
import ssl
import time

import pytest
import trustme

from blocklists import fetch
from blocklists.fetch import Fetched, FetchError, Patience, Wanted
from tests.support.commands import free_ports
from tests.support.list_server import ListServer, Reply, lines

BODY = lines("a.test", "b.test")
SHA256 = hashlib.sha256(BODY).hexdigest()
WHEN = "Mon, 01 Mar 2027 00:00:00 GMT"


@pytest.fixture
def server():
    with ListServer() as started:
        yield started


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


class Waits(list):
    """The pauses that were asked for; none of them is kept."""

    async def __call__(self, seconds):
        self.append(seconds)


async def fetched(wanted, target, **patience):
    return await fetch.fetch(wanted, target, patience=Patience(**patience), wait=Waits())


async def refused(wanted, target, **patience):
    with pytest.raises(FetchError) as error:
        await fetched(wanted, target, **patience)
    assert str(error.value).isprintable()
    return str(error.value)


async def test_a_file_comes_with_what_its_server_knows_it_by(server, target):
    server.replies["/list"] = Reply(BODY, etag='"1"', modified=WHEN)
    heard = []
    found = await fetch.fetch(Wanted(f"{server.url}/list"), target, lambda *come: heard.append(come))
    assert found == Fetched(SHA256, '"1"', WHEN)
    assert target.read_bytes() == BODY
    assert heard[-1] == (len(BODY), len(BODY))
    assert server.requests[0][1]["User-Agent"] == fetch.NAME


@pytest.mark.parametrize("known", [{"etag": '"1"'}, {"last_modified": WHEN}, {"etag": '"1"', "last_modified": WHEN}])
async def test_what_has_not_changed_does_not_come_again(server, target, known):
    server.replies["/list"] = Reply(BODY, etag='"1"', modified=WHEN)
    assert await fetched(Wanted(f"{server.url}/list", **known), target) is None


async def test_what_has_changed_comes_again(server, target):
    server.replies["/list"] = Reply(BODY, etag='"2"')
    assert await fetched(Wanted(f"{server.url}/list", etag='"1"'), target) == Fetched(SHA256, '"2"')


async def test_a_server_that_says_not_modified_unasked_is_refused(server, target):
    server.replies["/list"] = Reply(status=304)
    assert await refused(Wanted(f"{server.url}/list"), target) == "the server answered 304 Not Modified"


async def test_an_etag_that_could_not_be_sent_back_is_forgotten(server, target):
    server.replies["/list"] = Reply(BODY, headers={"ETag": "x" * 600})
    assert (await fetched(Wanted(f"{server.url}/list"), target)).etag == ""


async def test_a_file_that_is_packed_for_the_way_is_kept_as_it_came(server, target):
    server.replies["/list"] = Reply(gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    await fetched(Wanted(f"{server.url}/list"), target)
    assert gzip.decompress(target.read_bytes()) == BODY


async def test_a_packing_that_was_not_asked_for_is_refused(server, target):
    server.replies["/list"] = Reply(b"?", headers={"Content-Encoding": "br"})
    assert "packs the file in a way that was not asked for" in await refused(Wanted(f"{server.url}/list"), target)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "404 Not Found"),
        (403, "403 Forbidden"),
        (206, "206 Partial Content"),
        (299, "299"),
        (204, "204 No Content"),
    ],
)
async def test_an_answer_that_is_no_list_is_refused_at_once(server, target, status, sentence):
    server.replies["/list"] = Reply(status=status)
    assert await refused(Wanted(f"{server.url}/list"), target) == f"the server answered {sentence}"
    assert len(server.requests) == 1


async def test_a_server_that_is_busy_is_asked_again(server, target):
    waits = Waits()
    server.replies["/list"] = [Reply(status=503), Reply(status=429, headers={"Retry-After": "7"}), Reply(BODY)]
    assert await fetch.fetch(Wanted(f"{server.url}/list"), target, wait=waits) == Fetched(SHA256)
    assert 0 <= waits[0] <= 4, "a pause of any length, up to a bound that doubles"
    assert waits[1] == 7


async def test_a_server_may_say_until_when_to_wait(server, target):
    waits = Waits()
    then = email.utils.formatdate(time.time() + 30, usegmt=True)
    server.replies["/list"] = [Reply(status=503, headers={"Retry-After": then}), Reply(BODY)]
    await fetch.fetch(Wanted(f"{server.url}/list"), target, wait=waits)
    assert 25 < waits[0] <= 30


async def test_no_cookie_is_kept_for_the_next_try(server, target):
    busy = {"Retry-After": "0"}
    server.replies["/list"] = [
        Reply(status=503, headers=busy | {"Set-Cookie": "a=\xc3\xbf"}),
        Reply(status=503, headers=busy | {"Set-Cookie": "b=1"}),
        Reply(BODY),
    ]
    assert await fetched(Wanted(f"{server.url}/list"), target) == Fetched(SHA256)
    assert [headers["Cookie"] for _, headers in server.requests] == [None] * 3


@pytest.mark.parametrize("location", ["http://xn--.com/", "http://xn--a-.com/"])
async def test_a_redirect_to_what_no_name_can_be_is_said(server, target, location):
    server.replies["/list"] = Reply(status=302, headers={"Location": location})
    assert await refused(Wanted(f"{server.url}/list"), target) == "its address or its answer is no sound HTTP"


async def test_a_wait_that_makes_no_sense_is_one_of_our_own(server, target):
    waits = Waits()
    server.replies["/list"] = [Reply(status=503, headers={"Retry-After": "soon"}), Reply(BODY)]
    await fetch.fetch(Wanted(f"{server.url}/list"), target, wait=waits)
    assert 0 <= waits[0] <= 4


async def test_a_server_that_wants_to_be_left_alone_for_long_is(server, target):
    server.replies["/list"] = Reply(status=503, headers={"Retry-After": "3600"})
    assert await refused(Wanted(f"{server.url}/list"), target) == "the server answered 503 Service Unavailable (1 try)"
    assert len(server.requests) == 1


async def test_a_server_that_stays_busy_is_given_up(server, target):
    server.replies["/list"] = Reply(status=500)
    assert (
        await refused(Wanted(f"{server.url}/list"), target) == "the server answered 500 Internal Server Error (3 tries)"
    )
    assert len(server.requests) == 3


async def test_a_file_that_is_cut_off_is_fetched_again(server, target):
    server.replies["/list"] = [Reply(BODY, cut=5), Reply(BODY)]
    assert await fetched(Wanted(f"{server.url}/list"), target) == Fetched(SHA256)
    assert target.read_bytes() == BODY


async def test_a_file_that_is_always_cut_off_is_refused(server, target):
    server.replies["/list"] = Reply(BODY, cut=5)
    says = "the connection ended before the whole file had come (3 tries)"
    assert await refused(Wanted(f"{server.url}/list"), target) == says


async def test_a_file_that_says_it_is_too_large_is_not_begun(server, target):
    server.replies["/list"] = Reply(b"a" * 2000)
    assert await refused(Wanted(f"{server.url}/list"), target, bytes=1000) == "the file is larger than 1,000 bytes"
    assert target.read_bytes() == b""


async def test_a_file_that_becomes_too_large_is_ended(server, target):
    server.replies["/list"] = Reply(drip=True)
    assert await refused(Wanted(f"{server.url}/list"), target, bytes=3) == "the file is larger than 3 bytes"


async def test_a_file_that_never_ends_is_ended(server, target):
    server.replies["/list"] = Reply(headers={"Content-Length": "1000000"}, drip=True)
    assert await refused(Wanted(f"{server.url}/list"), target, whole=0.3) == "it was not there whole after 0.3 s"
    assert len(server.requests) == 1, "what takes so long is not tried again"


async def test_a_server_that_falls_silent_is_given_up(server, target):
    server.replies["/list"] = Reply(headers={"Content-Length": "10"}, drip=True)
    assert await refused(Wanted(f"{server.url}/list"), target, silence=0.001) == "the server fell silent (3 tries)"


async def test_redirects_are_followed(server, target):
    server.replies["/a"] = Reply(status=302, headers={"Location": "/b"})
    server.replies["/b"] = Reply(status=301, headers={"Location": f"{server.url}/list"})
    server.replies["/list"] = Reply(BODY)
    assert await fetched(Wanted(f"{server.url}/a"), target) == Fetched(SHA256)


async def test_redirects_in_a_circle_end(server, target):
    server.replies["/a"] = Reply(status=302, headers={"Location": "/a"})
    assert await refused(Wanted(f"{server.url}/a"), target) == "the server redirects more than 5 times"
    assert len(server.requests) == 6


async def test_a_redirect_without_a_place_is_an_answer_like_others(server, target):
    server.replies["/a"] = Reply(status=302)
    assert await refused(Wanted(f"{server.url}/a"), target) == "the server answered 302 Found"


async def test_a_server_that_is_not_there_is_said(target):
    (port,) = free_ports(1)
    assert await refused(Wanted(f"http://127.0.0.1:{port}/list"), target) == "the server could not be reached (3 tries)"


async def test_a_name_that_is_not_there_is_said(target):
    says = "the name of the server was not found (3 tries)"
    assert await refused(Wanted("http://lists.invalid/list"), target) == says


async def test_what_is_no_http_is_said(target):
    assert await refused(Wanted("gopher://127.0.0.1/list"), target) == "its address is not one of http or https"


@pytest.mark.parametrize("body", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_a_server_of_something_else_is_said(target, body):
    async def answer(_, writer):
        writer.write(body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        says = await refused(Wanted(f"http://127.0.0.1:{port}/list"), target)
    assert says == "the connection ended before the whole file had come (3 tries)"


async def test_an_address_that_the_library_cannot_write_is_said(target):
    assert await refused(Wanted("http://127.0.0.1\x7f/list"), target) == "its address or its answer is no sound HTTP"


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ListServer(context) as started:
        started.replies["/list"] = Reply(BODY)
        yield started


@pytest.fixture
def ca_file(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


async def test_a_private_server_is_trusted_by_its_own_authority(secure, target, ca_file):
    assert await fetched(Wanted(f"{secure.url}/list", ca_file=ca_file), target) == Fetched(SHA256)


async def test_a_certificate_of_nobody_known_is_refused_at_once(secure, target):
    says = await refused(Wanted(f"{secure.url}/list"), target)
    assert says.startswith("the server's certificate is not trusted: ")
    assert "tries" not in says


async def test_a_file_that_holds_no_certificate_is_said(secure, target, tmp_path):
    (tmp_path / "empty.pem").write_text("")
    says = await refused(Wanted(f"{secure.url}/list", ca_file=tmp_path / "empty.pem"), target)
    assert says == f"{tmp_path}/empty.pem holds no certificate (PEM)"


async def test_nothing_leads_out_of_tls(secure, server, target, ca_file):
    secure.replies["/a"] = Reply(status=302, headers={"Location": f"{server.url}/list"})
    assert "from https to http" in await refused(Wanted(f"{secure.url}/a", ca_file=ca_file), target)
    assert not server.requests


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha512"])
async def test_a_file_with_its_published_sum_comes(server, target, algorithm):
    server.replies["/list"] = Reply(BODY)
    server.replies["/sums"] = Reply(f"{hashlib.new(algorithm, BODY).hexdigest()}  list\n".encode())
    wanted = Wanted(f"{server.url}/list", checksum_url=f"{server.url}/sums")
    assert await fetched(wanted, target) == Fetched(SHA256)


@pytest.mark.parametrize("packed_first", [True, False])
async def test_a_sum_is_of_the_file_whether_its_server_packs_it_or_its_author(server, target, packed_first):
    packed = gzip.compress(BODY)
    server.replies["/list"] = Reply(packed, headers={"Content-Encoding": "gzip"})
    summed = hashlib.sha256(packed if packed_first else BODY).hexdigest()
    server.replies["/sums"] = Reply(summed.encode())
    assert await fetched(Wanted(f"{server.url}/list", checksum_url=f"{server.url}/sums"), target)


async def test_a_damaged_packing_has_no_sum(server, target):
    server.replies["/list"] = Reply(gzip.compress(BODY)[:-4], headers={"Content-Encoding": "gzip"})
    server.replies["/sums"] = Reply(SHA256.encode())
    says = await refused(Wanted(f"{server.url}/list", checksum_url=f"{server.url}/sums"), target)
    assert says.startswith("its sha256 sum is not the published one")


async def test_a_file_with_another_sum_is_fetched_again_and_then_refused(server, target):
    server.replies["/list"] = [Reply(b"damaged\n"), Reply(BODY)]
    server.replies["/sums"] = Reply(SHA256.encode())
    wanted = Wanted(f"{server.url}/list", checksum_url=f"{server.url}/sums")
    assert await fetched(wanted, target) == Fetched(SHA256)
    server.replies["/list"] = Reply(b"damaged\n")
    says = "its sha256 sum is not the published one: it was damaged, or is just being replaced (3 tries)"
    assert await refused(wanted, target) == says


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(status=404), "the checksum could not be had: the server answered 404 Not Found"),
        (Reply(b"<html>"), "the file of checksums holds no md5 or sha256 sum"),
        (Reply(b"a" * 1_100_000), "the checksum could not be had: it is larger than 1,000,000 bytes"),
        (Reply(status=502), "the checksum could not be had: the server answered 502 Bad Gateway (3 tries)"),
    ],
)
async def test_without_its_sum_a_file_is_refused(server, target, reply, sentence):
    server.replies["/list"], server.replies["/sums"] = Reply(BODY), reply
    assert await refused(Wanted(f"{server.url}/list", checksum_url=f"{server.url}/sums"), target) == sentence
