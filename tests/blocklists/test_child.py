import errno
import os
import signal
from pathlib import Path

import pytest

from blocklists import child
from blocklists import compile as compiler
from blocklists.gather import Source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "one.txt"
    path.write_text("a.test\nb.test\n")
    return Source(path)


def test_a_child_builds_the_same_bytes(tmp_path: Path, source: Source):
    here = compiler.compile_lists({"one": (source,)}, tmp_path / "here", built_ns=1)
    there = compiler.compile_lists({"one": (source,)}, tmp_path / "there", built_ns=1, builder=child.in_child)
    assert {p.name: p.read_bytes() for p in here.folder.iterdir()} == {
        p.name: p.read_bytes() for p in there.folder.iterdir()
    }


def test_a_list_that_cannot_be_read_is_named_as_it_would_be_here(tmp_path: Path):
    gone = Source(tmp_path / "gone.txt")
    with pytest.raises(FileNotFoundError) as caught:
        compiler.compile_lists({"one": (gone,)}, tmp_path / "index", built_ns=1, builder=child.in_child)
    assert caught.value.filename == str(gone.path)
    assert not list((tmp_path / "index").iterdir())


def test_progress_is_heard_from_the_child(tmp_path: Path, source: Source):
    steps = []
    folder = tmp_path / "build"
    folder.mkdir()
    child.in_child({"one": (source,)}, folder, 1, lambda *step: steps.append(step))
    assert [steps[0][0], steps[-1]] == ["read", ("index", 1, 1)]


def test_an_error_in_what_is_built_keeps_its_words():
    with pytest.raises(ValueError, match="too many"):
        child.hear(child.Said(message="too many"), compiler.quiet)
    with pytest.raises(OSError, match="No space") as caught:
        child.hear(child.Said(message="No space", number=errno.ENOSPC, file="x"), compiler.quiet)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "x")


def test_a_child_that_is_killed_is_said_and_leaves_no_half(tmp_path: Path, source: Source):
    def killed(step: str, done: int, total: int) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        for one in children:
            if b"blocklists.child" in Path(f"/proc/{one}/cmdline").read_bytes():
                os.kill(int(one), signal.SIGKILL)

    source.path.write_text("".join(f"name{n}.test\n" for n in range(100_000)))  # so that it is still at work
    with pytest.raises(OSError, match="ended with -9"):
        compiler.compile_lists(
            {"one": (source,)}, tmp_path / "index", built_ns=1, builder=child.in_child, progress=killed
        )
    assert not list((tmp_path / "index").iterdir())
