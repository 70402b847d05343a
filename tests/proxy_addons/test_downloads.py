"""Downloads that a profile may not have: by type, by name, by how they begin; and what is held meanwhile."""

import gzip
import subprocess
import urllib.parse
import zlib

import brotli
import pytest
import zstandard

from tests.proxy_addons.conftest import House
from tests.support.proxy_school import ADDRESSES

PROGRAM = bytes.fromhex("4d5a90000300000004000000ffff0000b8") + bytes(200)
PAGE = b"<html>a page about programs</html>"
MIB = 1024 * 1024


def serve(path: str = "/serve", *, body: bytes = b"", **described: str) -> str:
    return f"{path}?{urllib.parse.urlencode({**described, 'hex': body.hex()})}"


def asked(house: House, path: str, *arguments: str, profile: str = "ks3") -> str:
    url = house.url("unknown.test", path)
    done = subprocess.run(
        [
            *(
                "curl",
                "-sS",
                "-i",
                "--suppress-connect-headers",
                "--noproxy",
                "",
                "--interface",
                ADDRESSES[profile],
                "-x",
                house.worker.url,
            ),
            *("--cacert", str(house.school.ca), *arguments, url),
        ],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return (done.stdout + done.stderr).decode("latin-1")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(
    "path",
    [
        serve(body=PROGRAM, type="application/x-msdownload"),
        serve(body=PROGRAM, type="Application/X-MSDownload ; charset=utf-8"),
        serve(body=PROGRAM, type="application/octet-stream"),
        serve(body=PROGRAM, type="image/png"),
        serve(body=PROGRAM, type="text/html"),
        serve(body=PROGRAM, type="text/plain", disposition="inline"),
        serve(body=b"no program", type="text/plain", disposition='attachment; filename="setup.exe"'),
        serve(body=b"no program", type="text/html", disposition="attachment; filename*=UTF-8''set%20up.EXE"),
        serve(body=b"PK\3\4", type="application/zip"),
        serve(body=gzip.compress(PROGRAM, mtime=0), type="image/png", encoding="gzip"),
        serve(body=zlib.compress(PROGRAM), type="image/png", encoding="deflate"),
        serve(body=brotli.compress(PROGRAM), type="image/png", encoding="br"),
        serve(body=zstandard.compress(PROGRAM), type="image/png", encoding="zstd"),
    ],
    ids=lambda path: urllib.parse.unquote(path.partition("?")[2].partition("&hex")[0]),
)
def test_a_closed_kind_is_a_page_whatever_it_is_called(house: House, version: str, path: str) -> None:
    answer = asked(house, path, version)
    assert " 403" in answer.splitlines()[0]
    assert "files of this kind may not be fetched" in answer
    assert "This program" not in answer


@pytest.mark.parametrize(
    "path",
    [
        serve(body=PAGE, type="text/html"),
        serve(body=b"MZ is how a story may begin", type="text/plain"),
        serve(body=b"\x89PNG\r\n\x1a\n", type="image/png"),
        serve(body=b"%PDF-1.7", type="application/pdf", disposition="attachment; filename=homework.pdf"),
        serve(body=b"M", type="text/plain"),
        serve(body=gzip.compress(PAGE, mtime=0), type="text/html", encoding="gzip"),
        serve(body=b"not packed", type="text/plain", encoding="gzip"),
    ],
    ids=lambda path: urllib.parse.unquote(path.partition("?")[2]),
)
def test_everything_else_arrives_as_it_is(house: House, path: str) -> None:
    told = asked(house, path)
    assert " 200" in told.splitlines()[0]
    wanted = bytes.fromhex(urllib.parse.parse_qs(path.partition("?")[2]).get("hex", [""])[0])
    assert told.encode("latin-1").endswith(wanted)


def test_a_page_whose_address_ends_like_a_program_is_shown(house: House) -> None:
    assert "hello from" in asked(house, "/about/setup.exe")


def test_a_file_whose_address_alone_says_what_it_is_is_closed(house: House) -> None:
    assert " 403" in asked(house, serve("/serve/setup.exe", body=b"x")).splitlines()[0]


def test_another_profile_gets_what_this_one_may_not(house: House) -> None:
    path = serve(body=PROGRAM, type="application/x-msdownload")
    assert " 200" in asked(house, path, profile="ks2").splitlines()[0]


def test_a_refused_download_is_on_record_with_its_kind_before_the_page_arrives(house: House) -> None:
    asked(house, serve("/serve/recorded", body=PROGRAM, type="application/x-msdownload"))
    found = [b for b in house.school.breaches() if b.path == "/serve/recorded"]
    assert [(b.host, b.reason, b.rule, b.profile) for b in found] == [("unknown.test", "download", "program", "ks3")]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_rest_of_a_refused_download_is_not_fetched(house: House, version: str) -> None:
    path = serve(body=PROGRAM, type="image/png", zeros=str(256 * MIB))
    assert " 403" in asked(house, path, version).splitlines()[0]
    assert house.secure.sent < 64 * MIB


def test_the_connection_serves_the_next_request(house: House) -> None:
    first, second = house.url("unknown.test", serve(body=PROGRAM, type="image/png")), house.url("unknown.test", "/next")
    for version in ("--http1.1", "--http2"):
        told = house.worker.curl(version, first, second, profile="ks3", ca=house.school.ca)
        assert "files of this kind" in told
        assert told.endswith(f"hello from unknown.test:{house.secure.port}/next")
