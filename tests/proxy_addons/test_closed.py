"""The closed address as clients meet it: real sockets, real TLS, a school's real files."""

import asyncio
import contextlib
import re
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from blocklists.profile import Code
from proxy_addons import closed, signer, words
from proxy_addons.closed_settings import ClosedSettings
from proxy_addons.settings import ProxySettings
from reporting import page_link
from reporting.page_link import Purpose
from tests.support.proxy_school import ADDRESSES, School, rulebook

KEY = bytes(range(32))
PORTAL = "https://schoolgate.internal"


class Closed:
    """A school with the closed address on loopback."""

    def __init__(self, school: School, told: dict[str, tuple[str, int]]) -> None:
        self.school, self.http, self.https, self.metrics = school, told["http"], told["https"], told["metrics"]

    async def ask(self, head: str, profile: str = "ks2", *, tls: str = "", body: bytes = b"") -> str:
        """The whole answer to *head*, over TLS for the host *tls* if there is one; a lone newline ends a line."""
        context = self.school.trusting() if tls else None
        more = {"ssl": context, "server_hostname": tls} if tls else {}
        where = self.https if tls else self.http
        reader, writer = await asyncio.open_connection(*where, local_addr=(ADDRESSES[profile], 0), **more)
        try:
            writer.write(head.replace("\n", "\r\n").encode() + body)
            return (await asyncio.wait_for(reader.read(), 60)).decode()
        except ConnectionResetError:
            return ""
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def metric(self, line: str) -> float:
        """The value on the line that opens with *line*; 0 where there is none yet."""
        url = f"http://127.0.0.1:{self.metrics[1]}/metrics"
        text = (await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=60).read())).decode()
        return next((float(x.split()[-1]) for x in text.splitlines() if x.startswith(line + " ")), 0)


@contextlib.asynccontextmanager
async def serving(school: School, **given: object) -> AsyncIterator[Closed]:
    """The closed address, from the moment that it says it is ready."""
    (school.folder / "portal.key").write_bytes(KEY)
    proxy = ProxySettings(
        **{
            "portal_key": str(school.folder / "portal.key"),
            "ca_certificate": str(school.ca),
            "ca_key": str(school.files.keys / "ca.key"),
            "signer": str(school.folder / "signer.sock"),
            **given,
        }
    )
    async with signing(proxy, school), _serving(proxy, school) as there:
        yield there


@contextlib.asynccontextmanager
async def signing(proxy: ProxySettings, school: School) -> AsyncIterator[None]:
    """The signer, unless its key is none."""
    ready: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(signer.serve(proxy, school.files, ready=ready.set_result))
    await asyncio.wait([task, ready], timeout=20, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _serving(proxy: ProxySettings, school: School) -> AsyncIterator[Closed]:
    ready: asyncio.Future[dict[str, tuple[str, int]]] = asyncio.get_running_loop().create_future()
    serve = closed.serve(
        ClosedSettings(("127.0.0.1:0",), ("127.0.0.1:0",)),
        proxy,
        school.files,
        metrics=("127.0.0.1", 0),
        ready=ready.set_result,
    )
    task = asyncio.create_task(serve)
    await asyncio.wait([task, ready], timeout=20, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield Closed(school, await ready)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def get(host: str, *lines: str) -> str:
    return "\n".join(["GET /a/path?reflected=1 HTTP/1.1", f"Host: {host}", "Accept: text/html", *lines, "", ""])


def read(answer: str) -> str:
    return " ".join(
        re.sub(r"<style>.*?</style>|<[^>]*>", " ", answer.partition("\r\n\r\n")[2], flags=re.DOTALL).split()
    )


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("ks1", "Stop. This page is not on our list. Tell your teacher."),
        ("ks2", "It is closed because it is about betting or gambling."),
        ("ks3", "gambling.test is closed here because it is about betting or gambling."),
        ("staff", "Category Gambling"),
    ],
)
@pytest.mark.parametrize("tls", ["", "gambling.test"], ids=["http", "https"])
async def test_a_closed_name_has_its_page_in_the_words_of_whoever_asks(
    school: School, profile: str, says: str, tls: str
) -> None:
    async with serving(school) as there:
        answer = await there.ask(get("gambling.test"), profile, tls=tls)
    assert answer.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert says in read(answer)


async def test_the_certificate_is_the_schools_and_for_the_name_alone(school: School) -> None:
    async with serving(school) as there:
        for host in ("gambling.test", "harm.test"):
            context = school.trusting()
            _, writer = await asyncio.open_connection(*there.https, ssl=context, server_hostname=host)
            given = writer.get_extra_info("ssl_object").getpeercert()
            assert given["subjectAltName"] == (("DNS", host),)
            assert dict(x[0] for x in given["issuer"])["commonName"] == "Oak Lane School web filter"
            assert writer.get_extra_info("ssl_object").version() in {"TLSv1.2", "TLSv1.3"}
            writer.transport.abort()


async def test_no_cookie_is_set_and_nothing_that_came_is_given_back(school: School) -> None:
    async with serving(school) as there:
        lines = ("Cookie: secret=1", "Authorization: Basic secret", "Referer: http://secret.test/", "X-Own: secret")
        answer = await there.ask(get("gambling.test", *lines))
    head = answer.partition("\r\n\r\n")[0].lower()
    assert "set-cookie" not in head
    assert "cache-control: no-store" in head
    assert "connection: close" in head
    assert "secret" not in answer
    assert "reflected" not in answer


async def test_nothing_is_logged_of_a_request(school: School, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        async with serving(school) as there:
            caplog.clear()
            await there.ask(get("gambling.test", "Cookie: secret=1"))
            await there.ask("nonsense\n\n")
    assert "gambling" not in caplog.text
    assert "secret" not in caplog.text
    assert "127.0.0.1" not in caplog.text


async def test_a_name_that_is_open_by_now_is_to_be_tried_again(school: School) -> None:
    async with serving(school) as there:
        assert (await there.ask(get("games.test"))).startswith("HTTP/1.1 403 ")
        book = rulebook()
        games = msgspec.structs.replace(
            book.categories["games"], codes={**book.categories["games"].codes, "ks2": Code.OPEN}
        )
        school.write_policy(msgspec.structs.replace(book, categories={**book.categories, "games": games}), 2)
        async with asyncio.timeout(60):
            while (answer := await there.ask(get("games.test"))).startswith("HTTP/1.1 403 "):
                pass
    assert answer.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: 30\r\n" in answer
    assert "This page may be open now" in read(answer)


async def test_the_sealed_are_closed_and_named_nowhere(school: School) -> None:
    async with serving(school, portal_url=PORTAL) as there:
        for profile in ("ks1", "ks2", "ks3", "staff"):
            answer = await there.ask(get("sealed.test"), profile)
            assert answer.startswith("HTTP/1.1 403 ")
            assert "sealed.test" not in answer
            assert ("Access to this page has been denied" in read(answer)) is (profile == "staff")
            link = page_link.read(KEY, Purpose.SAW, re.findall(rf"{PORTAL}/saw/([\w-]+)", answer)[0], 0)
            assert link is None or link.host == ""


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.81", 404), ("[::1]:80", 404), ("10.1.2.3", 404), ("gambling.test@x", 400), ("", 400), ("a b", 400)],
)
async def test_what_names_no_site_has_a_page_all_the_same(school: School, host: str, status: int) -> None:
    async with serving(school) as there:
        assert (await there.ask(get(host))).startswith(f"HTTP/1.1 {status} ")


async def test_a_request_for_another_host_than_the_certificates_is_told_so(school: School) -> None:
    async with serving(school) as there:
        answer = await there.ask(get("harm.test"), tls="gambling.test")
    assert answer.startswith("HTTP/1.1 421 ")
    assert "hurt you" not in answer


async def test_a_page_is_in_the_language_that_the_browser_asks_for(school: School) -> None:
    async with serving(school, language="cy") as there:
        polish = await there.ask(get("gambling.test", "Accept-Language: pl-PL,en;q=0.5"))
        welsh = await there.ask(get("gambling.test", "Accept-Language: fr"))
    assert words.of("pl").plain("page.closed") in polish
    assert words.of("cy").plain("page.closed") in welsh
    assert "\r\nContent-Language: pl\r\n" in polish


async def test_what_shows_no_page_gets_what_it_can_use(school: School) -> None:
    async with serving(school) as there:
        image = await there.ask(get("gambling.test", "Sec-Fetch-Dest: script"))
        head = await there.ask(get("gambling.test").replace("GET", "HEAD", 1))
        quiet = await there.ask(get("adverts.test"))
    assert image.endswith("\r\n\r\n")
    assert head.endswith("\r\n\r\n")
    assert int(re.findall(r"Content-Length: (\d+)", head)[0]) > 1000
    assert quiet.endswith("\r\n\r\n")


async def test_a_body_is_thrown_away_and_its_sender_reads_the_page(school: School) -> None:
    async with serving(school) as there:
        head = "POST / HTTP/1.1\nHost: gambling.test\nAccept: text/html\nContent-Length: 200000\n\n"
        answer = await there.ask(head, body=b"x" * 200_000)
    assert "betting or gambling" in answer


async def test_a_stranger_and_whoever_has_no_policy_yet_get_no_byte(school: School) -> None:
    async with serving(school) as there:
        assert await there.ask(get("gambling.test"), "nobody") == ""
        assert await there.metric("schoolgate_closed_strangers_total") == 1


async def silent(there: Closed, count: int, profile: str = "ks2") -> list[socket.socket]:
    return [
        await asyncio.to_thread(socket.create_connection, there.http, 5, (ADDRESSES[profile], 0)) for _ in range(count)
    ]


async def test_one_client_holds_no_place_of_another(school: School) -> None:
    async with serving(school) as there, contextlib.AsyncExitStack() as stack:
        for held in await silent(there, 40):
            stack.callback(held.close)
        assert "Stop." in await there.ask(get("gambling.test"), "ks1")
        assert await there.ask(get("gambling.test")) == ""
        assert await there.metric("schoolgate_closed_too_many_total") == 9


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_whoever_dawdles_is_closed(
    school: School, said: bytes, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed, "_PATIENCE", 0.2)
    async with serving(school) as there:
        reader, writer = await asyncio.open_connection(*(there.https if tls else there.http))
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.transport.abort()
        async with asyncio.timeout(60):
            while await there.metric("schoolgate_closed_unfinished_total") != 1:
                pass


async def test_a_head_without_an_end_is_a_request_that_nobody_understands(school: School) -> None:
    async with serving(school) as there:
        answer = await there.ask(get("gambling.test", "X-Long: " + "x" * 20_000))
    assert answer.startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nHost: gambling.test\r\n\r\n", b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_tls_is_closed_where_tls_is_spoken(school: School, said: bytes) -> None:
    async with serving(school) as there:
        reader, writer = await asyncio.open_connection(*there.https)
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.transport.abort()


async def test_a_client_that_does_not_take_the_certificate_harms_nobody(school: School) -> None:
    async with serving(school) as there:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                *there.https, ssl=ssl.create_default_context(), server_hostname="gambling.test"
            )
        assert "betting" in await there.ask(get("gambling.test"), tls="gambling.test")


async def test_without_a_certificate_the_connection_is_closed_and_counted(school: School) -> None:
    (school.files.keys / "ca.key").write_text("no key")
    async with serving(school) as there:
        with pytest.raises((ssl.SSLError, OSError)):
            await there.ask(get("gambling.test"), tls="gambling.test")
        assert await there.metric("schoolgate_closed_uncertified_total") == 1


async def test_pages_are_counted_by_profile_and_by_what_they_said(school: School) -> None:
    async with serving(school) as there:
        await there.ask(get("gambling.test"), "ks3")
        await there.ask(get("10.0.0.1"), "ks3")
        assert await there.metric('schoolgate_closed_pages_total{page="closed",profile="ks3"}') == 1
        assert await there.metric('schoolgate_closed_pages_total{page="our_own",profile="ks3"}') == 1


async def test_an_address_that_is_taken_is_named(school: School, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=rf"closed\.listen\[0\]: {where}: Address already in use"):
            await closed.serve(
                ClosedSettings((where,)),
                ProxySettings(),
                school.files,
                metrics=None,
                ready=lambda _: None,
            )
