import gzip
import random
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.unpack import UnknownCodingError
from proxy_addons.unpacking import BrokenError, Unpacking, start_of, whole

NOISE = random.Random(7).randbytes(70_000)
TEXT = b"the river runs to the sea " * 10_000 + NOISE
PACKED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]),
    "gzip, ": gzip.compress(TEXT) + b"what stands behind the end is not shown",
    "deflate": zlib.compress(TEXT),
    " Deflate": zlib.compress(TEXT, wbits=-15),
    "br": brotli.compress(TEXT, quality=5),
    "zstd": zstandard.compress(TEXT),
    "zstd ": zstandard.compress(TEXT[:1000]) + zstandard.compress(TEXT[1000:]),
    "gzip, br": brotli.compress(gzip.compress(TEXT), quality=5),
}


def unpacked(coding: str, body: bytes, size: int) -> bytes:
    """All that *body* unpacks to, given in pieces of *size* bytes."""
    unpacking = Unpacking(coding)
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(part for piece in pieces for part in unpacking.take(piece))


@pytest.mark.parametrize("size", [1, 700, 1 << 20])
@pytest.mark.parametrize("coding", PACKED)
def test_a_body_is_unpacked_as_it_comes_whatever_its_pieces(coding: str, size: int) -> None:
    body = PACKED[coding]
    if size == 1:
        body = body[:3000]  # a whole body a byte at a time takes long, and its beginning has all there is
    came = unpacked(coding, body, size)
    assert came == TEXT if size > 1 else TEXT.startswith(came)


@pytest.mark.parametrize("body", [b"no gzip at all, whatever the server says", b"\x1f\x8b\x07 nor this"])
def test_what_was_labelled_by_mistake_is_plain(body: bytes) -> None:
    assert unpacked("gzip", body, 5) == body


def test_parts_are_short_whatever_a_piece_unpacks_to() -> None:
    for coding, packed in (("gzip", gzip.compress(bytes(50_000_000))), ("br", brotli.compress(bytes(50_000_000)))):
        sizes = [len(part) for part in Unpacking(coding).take(packed)]
        assert sum(sizes) == 50_000_000
        assert max(sizes) <= 1 << 17


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, brotli.compress, zstandard.compress])
def test_nothing_is_said_of_what_follows_an_error(pack: Callable[[bytes], bytes]) -> None:
    coding = {gzip.compress: "gzip", zlib.compress: "deflate", brotli.compress: "br"}.get(pack, "zstd")
    body = pack(b"".join(b"the river %d " % number for number in range(9_000)))
    body = body[: len(body) // 2] + NOISE
    with pytest.raises(BrokenError):
        unpacked(coding, body, 4096)


@pytest.mark.parametrize("coding", ["rot13", "gzip, gzip, gzip, gzip"])
def test_an_unknown_coding_is_refused_at_once(coding: str) -> None:
    with pytest.raises(UnknownCodingError):
        Unpacking(coding)


@given(st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip"]), st.lists(st.binary(max_size=300), max_size=5))
def test_whatever_comes_is_unpacked_or_broken(coding: str, body: list[bytes]) -> None:
    unpacking = Unpacking(coding)
    try:
        for piece in body:
            list(unpacking.take(piece))
    except BrokenError:
        pass


# The start of a download

MOST = 256
PROGRAM = b"MZ" + bytes(range(200))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PROGRAM, mtime=0)),
        (" X-GZip ", gzip.compress(PROGRAM, mtime=0)),
        ("deflate", zlib.compress(PROGRAM)),
        ("deflate", raw_deflate(PROGRAM)),
        ("br", brotli.compress(PROGRAM)),
        ("zstd", zstandard.compress(PROGRAM)),
        ("gzip, br", brotli.compress(gzip.compress(PROGRAM, mtime=0))),
        ("identity", PROGRAM),
        ("unheard-of", PROGRAM),
        ("", PROGRAM),
    ],
)
def test_a_packed_start_is_unpacked(encoding: str, packed: bytes) -> None:
    assert start_of(packed, encoding, MOST) == PROGRAM


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_what_cannot_be_unpacked_is_taken_as_it_is(encoding: str) -> None:
    assert start_of(b"MZ is not packed", encoding, MOST) == b"MZ is not packed"


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(10_000_000), mtime=0)),
        ("deflate", zlib.compress(bytes(10_000_000))),
        ("br", brotli.compress(bytes(10_000_000))),
        ("zstd", zstandard.compress(bytes(10_000_000))),
    ],
    ids=["gzip", "deflate", "br", "zstd"],
)
def test_the_start_of_a_bomb_unpacks_to_a_few_bytes(encoding: str, bomb: bytes) -> None:
    assert start_of(bomb[:4096], encoding, MOST) == bytes(MOST)


@given(st.binary(), st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip"]))
def test_no_start_raises(body: bytes, encoding: str) -> None:
    start_of(body, encoding, MOST)


# The body of a request

SEARCH = b'{"query": "oak trees"}'


@pytest.mark.parametrize(
    ("sent", "coding", "found"),
    [
        (SEARCH, "", SEARCH),
        (SEARCH, "identity", SEARCH),
        (gzip.compress(SEARCH), " GZIP ", SEARCH),
        (zlib.compress(SEARCH), "deflate", SEARCH),
        (gzip.compress(b""), "gzip", b""),
        (brotli.compress(SEARCH), "br", SEARCH),
        (zstandard.compress(SEARCH), "zstd", SEARCH),
        (SEARCH, "br", None),
        (SEARCH, "rot13", None),
        (SEARCH, "gzip, gzip", None),
        (SEARCH, "gzip", None),
        (gzip.compress(SEARCH)[:-9], "gzip", None),
        (bytes(101), "", None),
        (gzip.compress(bytes(101)), "gzip", None),
        (gzip.compress(bytes(50_000_000)), "gzip", None),
    ],
    ids=[
        "plain", "identity", "gzip", "deflate", "empty", "brotli", "zstd", "no brotli", "unknown",
        "twice", "not packed", "cut", "long", "long packed", "bomb",
    ],
)  # fmt: skip
def test_a_body_is_unpacked_up_to_its_bound(sent: bytes, coding: str, found: bytes | None) -> None:
    assert whole(sent, coding, 100) == found
