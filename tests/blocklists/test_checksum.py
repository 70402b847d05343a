"""Files of checksums as authors write them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.checksum import ChecksumError, Sum, published

MD5, OTHER = hashlib.md5(b"a").hexdigest(), hashlib.md5(b"b").hexdigest()
SHA256, SHA512 = hashlib.sha256(b"a").hexdigest(), hashlib.sha512(b"a").hexdigest()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{MD5}  list.gz\n", Sum("md5", MD5)),
        (f"{OTHER}  other.gz\n{MD5}  list.gz\n", Sum("md5", MD5)),
        (f"{OTHER}  other.gz\n{MD5} *lists/list.gz\n", Sum("md5", MD5)),
        (f"{OTHER}  biglist.gz\n{MD5}  list.gz\n", Sum("md5", MD5)),
        (f"{SHA256.upper()}\n", Sum("sha256", SHA256)),
        (f"# sums\n\n{SHA256}  another-name.gz\n", Sum("sha256", SHA256)),
        (f"SHA512 (list.gz) = {SHA512}\r\n", Sum("sha512", SHA512)),
        (f"{MD5}  list.gz\n{MD5}  list.gz\n", Sum("md5", MD5)),
    ],
)
def test_the_sum_of_the_file_is_found(text, found):
    assert published(text, "list.gz") == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no md5 or sha256 sum"),
        ("<html>not found</html>", "holds no md5 or sha256 sum"),
        (f"{MD5[:-1]}  list.gz", "holds no md5 or sha256 sum"),
        (f"{hashlib.sha1(b'').hexdigest()}  list.gz", "holds no md5 or sha256 sum"),
        (f"{MD5}  a.gz\n{OTHER}  b.gz\n", "names several sums and none for this file"),
        (f"{MD5}  list.gz\n{OTHER}  list.gz\n", "names several sums"),
    ],
)
def test_without_one_sum_for_the_file_there_is_none(text, sentence):
    with pytest.raises(ChecksumError, match=sentence):
        published(text, "list.gz")


@given(st.text(), st.text())
def test_no_text_raises_anything_else(text, name):
    try:
        found = published(text, name)
    except ChecksumError:
        return
    assert found.digits in text.lower()
