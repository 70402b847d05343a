"""Of a sealed list nothing is ever kept or said: a whole school run, then a search through all that it left behind.

The entries are made of words that stand nowhere else, and every name that is asked for stands in sealed hits or beside
them only. What a client asks for and is given is in no journal, so a near miss may leave nothing behind either. What
`explain` and `lists lookup` print is an echo of the asker's own argument, and the same for a name that no list has: a
command that hid it for sealed names would tell which they are.
"""

import asyncio
import base64
import contextlib
import http.client
import http.server
import re
import ssl
import threading
import tomllib
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest
import tomli_w
import trustme

from deploy.demo.staff import Staff
from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import schoolgate, started, until
from tests.support.gateway import CLOSED_ADDRESS, WEB_SITES, Gateway
from tests.support.scrape import scraped
from tests.support.sealed_lists import BY_TWO, run

KS2, VISITOR = "127.0.0.1", "127.0.10.1"
WHOLE, PAGES, BEGUN = "zqquokka.test", "www.zqaxolotl.test", "zqibex.test"
PAGE, FOLDER, BEGINNING = "/zqnarwhal/zqokapi.jpg", "/zqjerboa/", "/zqkakapo"
QUERY = "zqgecko=1"
WORDS = sorted(set(re.findall(r"zq[a-z]+", f"{WHOLE} {PAGES} {BEGUN} {PAGE} {FOLDER} {BEGINNING} {QUERY}")))
LIST = f"""\
id,url,note
1,{WHOLE},"a whole host, of course"
2,http://{PAGES}{PAGE},page
3,https://{PAGES}{FOLDER},folder
4,http://{PAGES}/view?{QUERY},query
5,{BEGUN}{BEGINNING}*,beginning
"""
BAD = f"<html><body>404 {WHOLE} http://zq not {PAGES}</body></html>\n{WHOLE}{PAGE} {PAGES}\nhar*.{WHOLE}\n"


class Site(http.server.BaseHTTPRequestHandler):
    """The rest of the hosts that have sealed pages."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def site(gateway) -> Iterator[int]:
    """A web site over HTTPS for every host of the test, with a certificate that the proxy believes; gives its port."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(gateway.websites / "ca.crt")
    server = http.server.ThreadingHTTPServer((WEB_SITES, 0), Site)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(WHOLE, PAGES, BEGUN).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def loudly(gateway, port):
    """Have every process say all that it can say, and let the proxy reach *port*."""
    settings = tomllib.loads(gateway.file.read_text())
    settings["log_level"] = "DEBUG"
    # Named visits hold the hosts that people were let through to, whatever stands on whichever list; so none are kept.
    settings["reporting"]["contacts"]["dsl_confirmed"] = False
    settings["proxy"]["ports"] = [80, 443, port]
    gateway.file.write_text(tomli_w.dumps(settings))


def fetched(gateway, host, path, port, method="GET", source=KS2):
    """The status of a request through the proxy, over HTTPS; 0 where the connection is closed."""
    trust = ssl.create_default_context(cafile=str(gateway.certificate))
    address = ("127.0.0.1", gateway.proxy)
    connection = http.client.HTTPSConnection(*address, context=trust, source_address=(source, 0), timeout=20)
    try:
        connection.set_tunnel(host, port)
        connection.request(method, path, body="a=b" if method == "POST" else None)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def plainly(gateway, url):
    """The status of a plain request for *url* through the proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy, timeout=20)
    try:
        connection.request("GET", url)
        return connection.getresponse().status
    finally:
        connection.close()


async def everybody_asks(gateway, port):
    """Sealed hits and near misses by every way; each is met as the policy says."""
    closed = (CLOSED_ADDRESS,)
    async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
        dns = ("127.0.0.1", gateway.dns)
        for name in (WHOLE, f"a.b.{WHOLE}", WHOLE.upper()):
            assert (await ask(dns, name, source=KS2)).addresses == closed
        assert (await ask(dns, PAGES, source=KS2)).addresses == (WEB_SITES,)
        assert (await ask(dns, PAGES, source=VISITOR)).code == "NXDOMAIN"
        for host, path, status in (
            (PAGES, PAGE, 403),
            (PAGES, f"{PAGE}?a=b", 403),
            (PAGES, PAGE.replace("o", "%6f"), 403),
            (PAGES, f"{FOLDER}zqokapi", 403),
            (PAGES, f"/view?{QUERY}", 403),
            (BEGUN, f"{BEGINNING}s/1", 403),
            (WHOLE, "/zqokapi", 403),
            (PAGES, "/zqnarwhal/", 200),
            (PAGES, f"{PAGE}x", 200),
            (PAGES, f"/view?{QUERY}0", 200),
            (BEGUN, "/zqkakap", 200),
        ):
            assert await asyncio.to_thread(fetched, gateway, host, path, port) == status, path
        assert await asyncio.to_thread(fetched, gateway, PAGES, PAGE, port, "POST") == 403
        assert await asyncio.to_thread(fetched, gateway, WHOLE, "/", port, "GET", VISITOR) == 0
        assert await asyncio.to_thread(fetched, gateway, PAGES, "/zqokapi", 443) == 502
        assert await asyncio.to_thread(plainly, gateway, f"http://{PAGES}{PAGE}") == 403
        assert await asyncio.to_thread(plainly, gateway, f"http://{PAGES}/zqokapi") == 502


def imports(settings):
    """A list is sealed; others are refused for as many reasons as there are."""
    good = run(settings, "import", "-", "--list", "iwf", text=LIST)
    assert good[:2] == (0, "iwf: 5 entries sealed from 5 lines (CSV, column 2).\n")
    refused = [
        run(settings, "import", "-", "--list", "iwf", text=BAD),
        run(settings, "import", "-", "--list", "iwf", text=f"{WHOLE}\n"),
        run(settings, "import", "-", "--list", "iwf", "--column", "9", text=LIST),
        run(settings, "import", "-", "--list", "iwf", "--column", "0", text=LIST.encode("utf-16-le").decode("latin-1")),
    ]
    assert {code for code, *_ in refused} == {1}
    return [good, *refused]


def questions(settings):
    """Yes, no, and what is no question."""
    asked = [f"https://{PAGES}{PAGE}", f"https://{PAGES}/zqokapi", f"http://zq {WHOLE}/", f"{WHOLE}\n{WHOLE}\n"]
    answers = [run(settings, "match", *BY_TWO, text=text) for text in asked]
    assert [answer[:2] for answer in answers[:2]] == [
        (0, "Yes: it is on the list iwf.\n"),
        (0, "No: it is on no sealed list.\n"),
    ]
    assert [code for code, *_ in answers[2:]] == [1, 1]
    return [*answers, run(settings, "status"), run(settings, "status", "--json")]


def echoes(settings):
    """What `explain` and `lookup` say of sealed names, without the asker's own words; as of a name on no list."""
    config = ("--config", str(settings.file))
    for sealed, unlisted in ((WHOLE, "other.test"), (f"https://{PAGES}{PAGE}", "https://other.test/page")):
        said = [[], []]
        for place, name in enumerate((sealed, unlisted)):
            host = name.removeprefix("https://").partition("/")[0]
            at = ("--profile", "ks2", "--at", "2027-01-11T10:00")
            for command in (("explain", name, *at), ("explain", name, *at, "--json"), ("lists", "lookup", name)):
                ran = schoolgate(*command, *config)
                assert ran.returncode == 0
                said[place].append((ran.stdout + ran.stderr).replace(name, "NAME").replace(host, "HOST"))
        assert said[0] == said[1]
        yield from said[0]


def damages(settings):
    """Commands and starts that are refused over a snapshot that is damaged, gone, or of another key."""
    files, config = settings.files, ("--config", str(settings.file))
    whole, key = files.sealed.read_bytes(), files.sealing_key.read_bytes()
    for damaged in (whole[:-1], None, whole):
        files.sealed.unlink(missing_ok=True)
        if damaged is not None:
            files.sealed.write_bytes(damaged)
        files.sealing_key.write_bytes(bytes(32) if damaged == whole else key)
        for command in (("dns",), ("worker",), ("run", "--check")):
            ran = schoolgate(*command, *config)
            assert ran.returncode == 1
            yield ran.stdout + ran.stderr
        if damaged is not None:
            yield "".join(run(settings, "import", "-", "--list", "iwf", text=LIST)[1:])
        yield "".join(run(settings, "match", *BY_TWO, text=f"https://{PAGES}{PAGE}")[1:])
    files.sealing_key.write_bytes(key)


def forms(word):
    """The ways in which *word* might stand somewhere: as it is, turned round, escaped, in wider characters, encoded."""
    plain = word.encode()
    yield from (plain, plain[::-1], plain.hex().encode(), word.encode("utf-16-le"))
    yield quote_from_bytes(plain, safe="").encode()
    yield "".join(f"%{byte:02x}" for byte in plain).encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain).rstrip(b"=")
        yield encoded[-(-8 * before // 6) :][: 8 * len(plain) // 6 - 1].lower()


@pytest.mark.parametrize(
    "text", ["https://ZQquokka.test/", "akkouqqz", base64.b64encode(b"1zqquokka2").decode(), "%7a%71%71%75%6f%6b%6b%61"]
)
def test_the_search_finds_a_word_in_each_of_its_forms(text):
    assert found_in({"it": text.encode()})


def found_in(texts):
    """(where, word) of each word in *texts*, in any form and any case."""
    lowered = {where: text.lower() for where, text in texts.items()}
    return [(where, word) for where, text in lowered.items() for word in WORDS if any(f in text for f in forms(word))]


READERS = 4
"""Processes that map the sealed lists: dns, closed, peek and worker."""


async def test_nothing_of_a_sealed_list_is_kept_or_said_anywhere(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    said = {}
    with site(gateway) as port:
        loudly(gateway, port)
        settings = gateway.settings
        said["imports"] = repr(imports(settings))
        with started("run", "--config", str(gateway.file), folder=tmp_path, log=log):
            await everybody_asks(gateway, port)
            until(lambda: sum(count for *_, count in gateway.breaches()) >= 13)
            whole = settings.files.sealed.read_bytes()
            settings.files.sealed.write_bytes(b"x" + whole[1:])
            until(lambda: log.read_text().count("The new sealed was refused") >= READERS)
            settings.files.sealed.write_bytes(whole)
            await everybody_asks(gateway, port)
            staff = Staff(f"http://127.0.0.1:{gateway.pages}")
            await asyncio.to_thread(staff.enrol, gateway.made.token, "technician", "a long enough password")
            await asyncio.to_thread(staff.log_in, "technician", "a long enough password")
            said["pages"] = "".join(
                [await asyncio.to_thread(staff._open, page) for page in ("/", "/breaches", "/breaches?format=json")]
            )
            metrics = settings.config.metrics
            said["metrics"] = "".join(scraped(one) for one in (metrics.dns, metrics.worker, metrics.reporting))
            said["questions"] = repr(questions(settings))
    said["echoes"] = "".join(echoes(settings))
    said["damages"] = "".join(damages(settings))
    said["removal"] = repr(run(settings, "remove", "--list", "iwf", *BY_TWO))
    kept = {str(path): path.read_bytes() for path in gateway.folder.rglob("*") if path.is_file()}
    assert len(kept) > 40
    assert found_in(kept | {where: text.encode() for where, text in said.items()} | {"log": log.read_bytes()}) == []
