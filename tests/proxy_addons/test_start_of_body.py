import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons import start_of_body
from proxy_addons.start_of_body import MOST, start_of

BODY = b"MZ" + bytes(range(200))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        (" X-GZip ", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("br", brotli.compress(BODY)),
        ("zstd", zstandard.compress(BODY)),
        ("gzip, br", brotli.compress(gzip.compress(BODY, mtime=0))),
        ("identity", BODY),
        ("unheard-of", BODY),
        ("", BODY),
    ],
)
def test_a_packed_start_is_unpacked(encoding: str, packed: bytes) -> None:
    assert start_of(packed, encoding) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_what_cannot_be_unpacked_is_taken_as_it_is(encoding: str) -> None:
    assert start_of(b"MZ is not packed", encoding) == b"MZ is not packed"


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
def test_a_bomb_unpacks_to_a_few_bytes(encoding: str, bomb: bytes) -> None:
    assert start_of(bomb[:4096], encoding) == bytes(MOST)


@given(st.binary(), st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip"]))
def test_nothing_raises(body: bytes, encoding: str) -> None:
    start_of_body.start_of(body, encoding)
