import gzip
import zlib

import pytest

from proxy_addons.search_body import unpacked

BODY = b'{"query": "oak trees"}'


@pytest.mark.parametrize(
    ("sent", "coding", "found"),
    [
        (BODY, "", BODY),
        (BODY, "identity", BODY),
        (gzip.compress(BODY), " GZIP ", BODY),
        (zlib.compress(BODY), "deflate", BODY),
        (gzip.compress(b""), "gzip", b""),
        (BODY, "br", None),
        (BODY, "gzip, gzip", None),
        (BODY, "gzip", None),
        (gzip.compress(BODY)[:-9], "gzip", None),
        (bytes(101), "", None),
        (gzip.compress(bytes(101)), "gzip", None),
        (gzip.compress(bytes(50_000_000)), "gzip", None),
    ],
    ids=[
        "plain", "identity", "gzip", "deflate", "empty", "unknown", "twice", "not packed", "cut", "long", "long packed",
        "bomb",
    ],
)  # fmt: skip
def test_a_body_is_unpacked_up_to_its_bound(sent: bytes, coding: str, found: bytes | None) -> None:
    assert unpacked(sent, coding, 100) == found
