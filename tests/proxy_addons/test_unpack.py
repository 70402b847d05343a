"""Content codings are undone up to a bound, whatever is wrong with them."""

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.unpack import CODINGS, UnknownCodingError, unpack

TEXT = b"The river runs to the sea. " * 2_000
MANY = 1_000_000


def headed(flags: int, extra: bytes) -> bytes:
    """A gzip file with optional fields in its head."""
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + extra + zlib.compress(TEXT, wbits=-15) + bytes(8)


PACKED = {
    "gzip": gzip.compress(TEXT),
    "X-GZIP ": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    " deflate": zlib.compress(TEXT, wbits=-15),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "": TEXT,
    "identity": TEXT,
    "gzip, br": brotli.compress(gzip.compress(TEXT)),
}


@pytest.mark.parametrize("coding", PACKED)
def test_a_coding_is_undone(coding: str) -> None:
    assert unpack(PACKED[coding], coding, MANY) == TEXT


@pytest.mark.parametrize("coding", PACKED)
def test_no_more_comes_than_was_asked_for(coding: str) -> None:
    assert unpack(PACKED[coding], coding, 1_000) == TEXT[:1_000]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_packs_very_well_is_read_to_its_end(coding: str) -> None:
    body = b" " * 900_000 + b"the end"
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    assert unpack(pack[coding](body), coding, MANY) == body


@pytest.mark.parametrize(
    ("flags", "extra"),
    [
        (0, b""),
        (4, b"\x03\x00abc"),
        (8, b"name\0"),
        (16, b"comment\0"),
        (2, b"xx"),
        (30, b"\x01\x00a" + b"name\0" + b"comment\0" + b"xx"),
    ],
)
def test_every_head_of_gzip_is_understood(flags: int, extra: bytes) -> None:
    assert unpack(headed(flags, extra), "gzip", MANY) == TEXT


def test_several_members_of_gzip_are_one_text() -> None:
    assert unpack(gzip.compress(TEXT) + gzip.compress(b"the end"), "gzip", MANY) == TEXT + b"the end"


def test_a_wrong_checksum_hides_nothing() -> None:
    assert unpack(gzip.compress(TEXT)[:-8] + bytes(8), "gzip", MANY) == TEXT
    assert unpack(zlib.compress(TEXT)[:-4] + bytes(4), "deflate", MANY) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_cut_short_is_read_as_far_as_it_goes(coding: str) -> None:
    random = bytes(range(256)) * 50
    packed = {
        "gzip": gzip.compress(TEXT + random),
        "deflate": zlib.compress(TEXT + random),
        "br": brotli.compress(TEXT + random),
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(TEXT + random),
    }[coding]
    assert (TEXT + random).startswith(unpack(packed[:-3], coding, MANY))


def test_what_is_labelled_gzip_and_is_none_is_read_as_it_is() -> None:
    assert unpack(TEXT, "gzip", MANY) == TEXT
    assert unpack(b"\x1f\x8b\x08", "gzip", MANY) == b""
    assert unpack(b"\x1f\x8b\x08\x08" + bytes(6) + b"name", "gzip", MANY) == b""


@pytest.mark.parametrize("coding", ["rot13", "gzip, compress", "dcz", "gzip,gzip,gzip,gzip"])
def test_another_coding_cannot_be_judged(coding: str) -> None:
    with pytest.raises(UnknownCodingError):
        unpack(b"", coding, MANY)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_costs_what_its_beginning_costs(coding: str) -> None:
    blank = bytes(50_000_000)
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    assert len(unpack(packed[coding](blank), coding, 100_000)) == 100_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_hardly_packs_comes_out_whole(coding: str) -> None:
    noise = zlib.compress(TEXT)[2:]
    body = b"".join(bytes([number % 251]) + noise for number in range(500))
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    assert unpack(packed[coding](body), coding, MANY) == body[:MANY]


@given(st.binary(max_size=300), st.sampled_from(CODINGS), st.sampled_from([b"", b"\x1f\x8b\x08"]))
def test_no_bytes_make_it_raise(body: bytes, coding: str, head: bytes) -> None:
    unpack(head + body, coding, 10_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_broken_in_the_middle_is_read_up_to_there(coding: str) -> None:
    noise = zlib.compress(TEXT)[2:]
    body = b"".join(bytes([number % 251]) + noise for number in range(2_000))
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    whole = packed[coding](body, 1) if coding in {"gzip", "deflate"} else packed[coding](body)
    middle = len(whole) // 2
    broken = whole[:middle] + b"\xff" * 300 + whole[middle + 300 :]
    assert len(unpack(broken, coding, MANY)) <= len(body)


def test_what_follows_a_finished_page_of_brotli_is_left_alone() -> None:
    assert unpack(brotli.compress(TEXT) + b"more", "br", MANY) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_nothing_that_a_browser_shows_before_an_error_is_missed(coding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    body = packed[coding](b"shown before the error" + TEXT)
    assert unpack(body + b"\xff\xfe\xfd no such thing", coding, MANY).startswith(b"shown before the error" + TEXT)
