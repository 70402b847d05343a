"""What a request's head and body say of what is sent, without a server."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import tflow

from blocklists.profile import Pages, Profile
from blocklists.transfers import Rules
from proxy_addons.uploads import UploadWatch, length, refused_by_head

PUPIL = Profile("KS2", "ks2", Pages.KS2, upload_mb=1, closed_uploads=("program",))
FORM = "multipart/form-data; boundary=x"


async def nobody(flow: http.HTTPFlow, rule: str) -> None: ...


def watching(content_type: str = "", **changes: object) -> UploadWatch:
    return UploadWatch(Rules(msgspec.structs.replace(PUPIL, **changes)), content_type, nobody)


def request(*, method: str = "POST", version: str = "HTTP/1.1", **headers: str) -> http.Request:
    made = http.Request.make(
        method, "http://site.test/up", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    made.headers.pop("content-length", None)
    if "content_length" in headers:
        made.headers["content-length"] = headers["content_length"]
    made.http_version = version
    return made


@pytest.mark.parametrize(
    ("made", "size"),
    [
        (request(), 0),
        (request(version="HTTP/2.0"), None),
        (request(content_length="12"), 12),
        (request(content_length="12", transfer_encoding="chunked"), None),
        (request(content_length="many"), None),
    ],
    ids=["none", "h2", "said", "chunked", "unreadable"],
)
def test_a_body_is_as_long_as_its_head_says(made: http.Request, size: int | None) -> None:
    assert length(made) == size


@pytest.mark.parametrize(
    ("made", "path", "rule"),
    [
        (request(content_length="1000001"), "/up", "size"),
        (request(content_length="5"), "/up", ""),
        (request(content_length="5", content_type="application/x-msdownload"), "/up", "program"),
        (request(content_length="5", method="PUT"), "/a.exe", "program"),
        (request(content_length="5"), "/a.exe", ""),
    ],
    ids=["long", "short", "type", "put", "post"],
)
def test_a_head_can_be_refused(made: http.Request, path: str, rule: str) -> None:
    assert refused_by_head(Rules(PUPIL), made, path) == rule


def test_pieces_are_counted() -> None:
    watch = watching()
    assert watch.takes(bytes(1_000_000))
    assert not watch.takes(b"x")
    assert not watch.takes(b"")


def test_a_profile_that_closes_no_kind_counts_only() -> None:
    assert watching(closed_uploads=()).takes(b"MZ\0")


@pytest.mark.parametrize("pieces", [[b"MZ\0"], [b"M", b"Z\0"], [b"M", b"Z", b"x" * 20, b"\0"]])
def test_a_program_is_known_by_its_start_in_whatever_pieces(pieces: list[bytes]) -> None:
    watch = watching("image/png")
    assert [watch.takes(piece) for piece in pieces][-1] is False


def test_what_stands_behind_the_start_is_of_no_matter() -> None:
    watch = watching("image/png")
    assert watch.takes(b"x" * 64)
    assert watch.takes(b"MZ\0")


async def test_what_was_found_is_the_rule_of_the_refusal() -> None:
    told: list[str] = []

    async def note(_: http.HTTPFlow, rule: str) -> None:
        told.append(rule)

    watch = UploadWatch(Rules(PUPIL), "image/png", note)
    watch.takes(b"MZ\0")
    await watch.see(tflow.tflow())
    assert told == ["program"]


@given(st.integers(0, 120))
def test_a_files_name_in_a_form_is_read_wherever_the_pieces_part(cut: int) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="homework setup.exe"\r\n\r\nno program'
    watch = watching(FORM)
    assert not (watch.takes(body[:cut]) and watch.takes(body[cut:]))


@pytest.mark.parametrize("name", [b"filename=a.pdf", b'name="filename"', b'FILENAME="a.txt"'])
def test_other_files_go_on(name: bytes) -> None:
    assert watching(FORM).takes(b"--x\r\nContent-Disposition: form-data; " + name + b"\r\n\r\nsetup.exe")
