import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from blocklists import compile as compiler
from blocklists import index, merge
from blocklists.compile import Source, compile_lists
from blocklists.index import Index
from blocklists.parse import Format


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, tuple[Source, ...]]:
    (tmp_path / "gambling.txt").write_text("gambling.test\nbets.test\nno name\n")
    (tmp_path / "adverts.txt").write_text("0.0.0.0 adverts.test\n0.0.0.0 bets.test\n")
    return {
        "gambling": (Source(tmp_path / "gambling.txt", Format.PLAIN),),
        "adverts": (Source(tmp_path / "adverts.txt"),),
    }


def current(folder: Path) -> str:
    return str((folder / index.CURRENT).readlink())


def builds(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {index.CURRENT}


def test_lists_become_the_current_index_and_what_was_read_is_returned(
    tmp_path: Path, sources: dict[str, tuple[Source, ...]]
):
    built = compile_lists(sources, tmp_path / "index", built_ns=1)
    assert current(tmp_path / "index") == built.identity
    read = compiler.report(built.folder)
    assert [(n, r.tally.names, r.tally.skipped_count) for n, (r,) in read.items()] == [
        ("adverts", 2, 0),
        ("gambling", 2, 1),
    ]
    opened = Index(tmp_path / "index" / index.CURRENT)
    assert [listing.lists for listing in opened.listed("www.bets.test")] == [("adverts", "gambling")]


def test_the_same_lists_give_the_same_bytes(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    one = compile_lists(sources, tmp_path / "one", built_ns=1).folder
    two = compile_lists(dict(reversed(sources.items())), tmp_path / "two", built_ns=2).folder
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in index.FILES)
    manifests = [msgspec.json.decode((build / index.MANIFEST).read_bytes()) for build in (one, two)]
    for manifest in manifests:
        del manifest["built_ns"], manifest["checksum"]
    assert manifests[0] == manifests[1]


def test_an_index_can_be_read_by_everybody_whatever_the_umask(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    before = os.umask(0o077)
    try:
        build = compile_lists(sources, tmp_path / "index", built_ns=1).folder
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "index", build)] == [0o755, 0o755]
    assert {stat.S_IMODE(path.stat().st_mode) for path in build.iterdir()} == {0o644}


def test_the_last_two_builds_are_kept(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    made = [compile_lists(sources, tmp_path / "index", built_ns=n).identity for n in range(1, 5)]
    assert builds(tmp_path / "index") == set(made[2:])
    assert current(tmp_path / "index") == made[3]


def test_the_build_in_force_is_kept_even_where_it_is_not_the_newest(
    tmp_path: Path, sources: dict[str, tuple[Source, ...]]
):
    folder = tmp_path / "index"
    made = [compile_lists(sources, folder, built_ns=n).folder for n in (8, 9)]
    compiler.make_current(folder, made[0])
    newest = compile_lists(sources, folder, built_ns=5).folder  # a clock that went back
    assert builds(folder) == {made[0].name, newest.name}
    assert current(folder) == newest.name


def test_the_half_that_a_crash_left_is_removed_and_pushes_no_good_build_out(
    tmp_path: Path, sources: dict[str, tuple[Source, ...]]
):
    folder = tmp_path / "index"
    first = compile_lists(sources, folder, built_ns=1).folder
    (folder / "00000000000000000009-1").mkdir()
    second = compile_lists(sources, folder, built_ns=2).folder
    assert builds(folder) == {first.name, second.name}


def test_a_list_that_cannot_be_read_changes_nothing(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    first = compile_lists(sources, tmp_path / "index", built_ns=1).folder
    sources["gone"] = (Source(tmp_path / "gone.txt"),)
    with pytest.raises(FileNotFoundError):
        compile_lists(sources, tmp_path / "index", built_ns=2)
    assert builds(tmp_path / "index") == {first.name}
    assert current(tmp_path / "index") == first.name


def test_too_many_combinations_of_lists_change_nothing(
    tmp_path: Path, sources: dict[str, tuple[Source, ...]], monkeypatch: pytest.MonkeyPatch
):
    first = compile_lists(sources, tmp_path / "index", built_ns=1).folder
    monkeypatch.setattr(merge, "MAX_STATES", 2)
    with pytest.raises(ValueError, match="more than 2 different ways"):
        compile_lists(sources, tmp_path / "index", built_ns=2)
    assert builds(tmp_path / "index") == {first.name}


def test_a_second_build_of_the_same_moment_changes_nothing(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    first = compile_lists(sources, tmp_path / "index", built_ns=1).folder
    with pytest.raises(FileExistsError):
        compile_lists(sources, tmp_path / "index", built_ns=1)
    assert Index(first).listed("gambling.test")
    assert current(tmp_path / "index") == first.name


def test_a_failure_after_the_swap_does_not_take_the_current_build_away(
    tmp_path: Path, sources: dict[str, tuple[Source, ...]], monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "index"
    real = compiler.make_current

    def swap_then_fail(folder: Path, build: Path) -> None:
        real(folder, build)
        raise OSError("the disk is gone")

    monkeypatch.setattr(compiler, "make_current", swap_then_fail)
    with pytest.raises(OSError, match="the disk is gone"):
        compile_lists(sources, folder, built_ns=1)
    assert Index(folder / index.CURRENT).listed("gambling.test")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from blocklists.compile import Source, compile_lists
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    compile_lists({"many": (Source(Path(sys.argv[1])),)}, Path(sys.argv[2]), built_ns=9)
except OSError as error:
    sys.exit(3)
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("room", [4096, 16384])
def test_a_full_disk_changes_nothing(tmp_path: Path, sources: dict[str, tuple[Source, ...]], room: int):
    folder = tmp_path / "index"
    first = compile_lists(sources, folder, built_ns=1).folder
    (tmp_path / "many.txt").write_text("\n".join(f"name{n}.test" for n in range(20_000)))
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "many.txt"), str(folder), str(room)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "")
    assert builds(folder) == {first.name}
    assert Index(folder / index.CURRENT).listed("gambling.test")


DIES_BEFORE_THE_SWAP = """
import os, signal, sys
from pathlib import Path
from blocklists import compile as compiler
compiler.make_current = lambda folder, build: os.kill(os.getpid(), signal.SIGKILL)
compiler.compile_lists({"one": (compiler.Source(Path(sys.argv[1])),)}, Path(sys.argv[2]), built_ns=9)
"""


def test_a_crash_before_the_swap_leaves_the_old_build_current(tmp_path: Path, sources: dict[str, tuple[Source, ...]]):
    folder = tmp_path / "index"
    first = compile_lists(sources, folder, built_ns=1).folder
    command = [sys.executable, "-c", DIES_BEFORE_THE_SWAP, str(tmp_path / "gambling.txt"), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert current(folder) == first.name
    assert len(builds(folder)) == 2
