"""The door of the staff pages."""

import asyncio
import itertools

import pytest

from blocklists.live import Files, Live
from reporting.web.guard import pupils_network
from tests.support.staff_pages import running, school


async def ask(pages, raw):
    """What the server answers to the bytes *raw*, until it closes."""
    port = int(pages.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


STRANGE_HOSTS = (
    "localhost",
    "evil.test",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1.evil.test",
    "",
    "[::1]",
    "x@127.0.0.1",
)


async def test_any_other_host_is_refused_on_every_path(pages):
    async with pages.browser() as browser:
        for host, path in itertools.product(STRANGE_HOSTS, ("/", "/log-in", "/style.css", "/nothing")):
            answer = await browser.get(path, headers={"host": host})
            assert answer.status_code == 421, (host, path)
            assert "Wrong address" in answer.text


async def test_no_host_and_two_hosts_are_refused(pages):
    host = pages.url.removeprefix("http://")
    none = await ask(pages, b"GET /log-in HTTP/1.0\r\n\r\n")
    two = await ask(
        pages, f"GET /log-in HTTP/1.1\r\nHost: {host}\r\nHost: evil.test\r\nConnection: close\r\n\r\n".encode()
    )
    assert none.startswith((b"HTTP/1.0 421", b"HTTP/1.1 421"))
    assert two.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


async def test_the_host_is_compared_without_regard_to_case(tmp_path):
    async with running(tmp_path, hosts=("Gate.School.test",)) as pages, pages.browser() as browser:
        for host, status in (("gate.school.TEST", 303), ("school.test", 421)):
            assert (await browser.get("/", headers={"host": host})).status_code == status


async def test_an_address_that_is_refused_sees_no_page(tmp_path):
    asked = []
    refusing = running(tmp_path, refuses=lambda address: asked.append(address) or True)
    async with refusing as pages, pages.browser() as browser:
        for path in ("/", "/log-in", "/style.css"):
            answer = await browser.get(path)
            assert answer.status_code == 403
            assert "These pages are for staff" in answer.text
    assert set(asked) == {"127.0.0.1"}


async def test_when_it_cannot_be_told_the_answer_is_no(tmp_path):
    def unknown(address):
        raise RuntimeError(address)

    async with running(tmp_path, refuses=unknown) as pages, pages.browser() as browser:
        assert (await browser.get("/log-in")).status_code == 403


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("10.20.0.7", True),
        ("::ffff:10.20.0.7", True),
        ("10.30.0.7", False),
        ("192.168.9.9", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_only_a_network_that_is_not_staffs_is_refused(tmp_path, address, refused):
    assert pupils_network(school(tmp_path))(address) is refused


def test_while_nothing_has_been_read_only_the_box_itself_is_let_in(tmp_path):
    refuses = pupils_network(Live(Files(state=tmp_path, keys=tmp_path, spool=tmp_path)))
    assert refuses("10.30.0.7")
    assert not refuses("127.0.0.1")


async def test_every_answer_carries_the_headers(pages):
    async with pages.browser() as browser:
        for path, status in (("/log-in", 303), ("/", 303), ("/nothing", 404), ("/style.css", 200), ("/alerts/1", 303)):
            answer = await browser.get(path)
            assert answer.status_code == status
            policy = answer.headers["content-security-policy"]
            asked = {"default-src 'none'", "frame-ancestors 'none'", "style-src 'self'", "form-action 'self'"}
            assert asked <= set(policy.split(";"))
            assert "script-src 'self'" in policy.split(";")
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-frame-options"] == "DENY"
            kept = "private, max-age=300" if path == "/style.css" else "no-store"
            assert answer.headers["cache-control"] == kept
            assert "server" not in answer.headers


async def test_refusals_carry_the_headers_too(pages):
    async with pages.browser() as browser:
        answer = await browser.get("/", headers={"host": "evil.test"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_methods_do_nothing_and_are_answered_in_our_style(pages):
    async with pages.logged_in("dsl") as browser:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await browser.request(method, "/alerts")
            assert answer.status_code in {204, 403, 405}, method
            assert answer.headers["x-content-type-options"] == "nosniff"
