import gzip
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import blocks
from blocklists.formats import Unread


def of_content(tmp_path: Path, content: bytes) -> list[blocks.Block]:
    path = tmp_path / "list"
    path.write_bytes(content)
    return list(blocks.of_file(path))


def joined(found: Iterator[blocks.Block] | list[blocks.Block]) -> bytes:
    return b"".join(block for block in found if isinstance(block, bytes))


def test_a_file_comes_in_whole_lines(tmp_path: Path):
    content = b"".join(b"name-%d.test\n" % number for number in range(50_000))
    found = of_content(tmp_path, content)
    assert len(found) > 2
    assert all(isinstance(block, bytes) and block.endswith(b"\n") for block in found)
    assert max(map(len, found)) < blocks.SIZE + blocks.LONGEST
    assert joined(found) == content


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", b""),
        (b"a", b"a\n"),
        (b"a\nb", b"a\nb\n"),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\r\nb\r", b"a\nb\n"),
        (b"\xef\xbb\xbfa\n", b"a\n"),
        (b"\n\n", b"\n\n"),
    ],
)
def test_marks_and_line_ends_of_other_systems_are_taken_off(tmp_path: Path, content: bytes, lines: bytes):
    assert joined(of_content(tmp_path, content)) == lines
    assert joined(of_content(tmp_path, gzip.compress(content))) == lines
    assert joined(blocks.of_lines(content.splitlines(keepends=True))) == lines


def test_a_line_without_end_is_cut_and_the_next_one_is_whole(tmp_path: Path):
    content = b"a.test\n" + b"x" * (3 * blocks.SIZE) + b"\nb.test\n"
    first, cut, last = joined(of_content(tmp_path, content)).splitlines()
    assert (first, last) == (b"a.test", b"b.test")
    assert 4096 < len(cut) < blocks.SIZE + blocks.LONGEST


def test_lines_are_joined_into_blocks_of_the_same_size():
    found = list(blocks.of_lines(b"name-%d.test" % number for number in range(50_000)))
    assert len(found) > 2
    assert joined(found).count(b"\n") == 50_000
    assert joined(blocks.of_lines([b"a\nb"])) == b"a b\n"


def test_what_is_gzipped_is_unpacked_whatever_its_name(tmp_path: Path):
    packed = gzip.compress(b"a.test\n") + gzip.compress(b"b.test\n") + b"\0" * 9
    assert joined(of_content(tmp_path, packed)) == b"a.test\nb.test\n"


def test_a_pipe_is_read_like_a_file(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(b"a.test\n"),))
    writer.start()
    assert joined(blocks.of_file(path)) == b"a.test\n"
    writer.join()


def test_a_file_that_ends_early_gives_no_half_a_name(tmp_path: Path):
    content = b"".join(b"name-%d.test\n" % number for number in range(100_000))
    found = of_content(tmp_path, gzip.compress(content)[:-5000])
    assert found[-1] == Unread("the gzip data ends early")
    assert content.startswith(joined(found))
    assert joined(found).endswith(b".test\n")


@pytest.mark.parametrize("place", [3, 20, 100, -6])
def test_a_damaged_file_says_so(tmp_path: Path, place: int):
    content = os.urandom(500).hex().encode()
    packed = bytearray(gzip.compress(content))
    packed[place] ^= 0xFF
    assert of_content(tmp_path, bytes(packed))[-1] in {
        Unread("the gzip data is damaged"),
        Unread("the gzip data ends early"),
    }


def test_a_file_that_unpacks_out_of_proportion_ends_where_that_shows(tmp_path: Path):
    packed = gzip.compress(b"a.test\n" * 1_000_000)
    found = of_content(tmp_path, packed)
    assert found[-1] == Unread("more than 200 times its size unpacked")
    assert len(joined(found)) <= blocks.MAX_RATIO * len(packed)


def test_a_file_that_unpacks_into_too_much_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocks, "MAX_UNPACKED", 1 << 20)
    content = zlib.compress(os.urandom(700_000)).hex().encode()
    found = of_content(tmp_path, gzip.compress(content))
    assert found[-1] == Unread("more than 1 MB unpacked")


@given(st.binary(max_size=400))
def test_no_bytes_behind_the_mark_of_gzip_raise(tmp_path_factory: pytest.TempPathFactory, raw: bytes):
    path = tmp_path_factory.mktemp("list") / "list"
    for content in (b"\x1f\x8b" + raw, b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + raw, gzip.compress(raw)[:-1] + raw):
        path.write_bytes(content)
        assert joined(blocks.of_file(path)) is not None
