import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocklists import snapshot
from blocklists.rulebook import Permit, Permits
from blocklists.snapshot import SnapshotError
from tests.support.commands import unmeasured

BODY = Permits((Permit(1, opens=True, entries=("bbc.test",), until=5, clients=(7,)),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "permits"
    snapshot.write(path, BODY, version=3, written_ns=99)
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def forged(content: bytes) -> bytes:
    return b"SGSNAP1\n" + hashlib.blake2b(content, digest_size=32).digest() + content


def test_what_was_written_is_read(path: Path):
    assert snapshot.read(path, Permits) == snapshot.Snapshot(schema=1, version=3, written_ns=99, body=BODY)


def test_a_snapshot_is_replaced_whole_and_leaves_nothing_beside_it(path: Path):
    before = path.stat().st_ino
    snapshot.write(path, Permits(), version=4, written_ns=100)
    assert snapshot.read(path, Permits).body == Permits()
    assert path.stat().st_ino != before
    assert files(path.parent) == ["permits"]


def test_only_its_owner_reads_a_snapshot_that_is_written_so(path: Path):
    secret = path.with_name("sealed")
    snapshot.write(secret, Permits(), version=1, written_ns=1, mode=0o600)
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_snapshot_has_its_mode_whatever_the_umask(path: Path, mode: int):
    before = os.umask(0o077)
    try:
        snapshot.write(path, Permits(), version=4, written_ns=100, mode=mode)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another group")
def test_a_snapshot_has_the_group_of_its_folder(path: Path):
    os.chown(path.parent, -1, 60_001)
    snapshot.write(path, Permits(), version=4, written_ns=100)
    assert path.stat().st_gid == 60_001


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from blocklists import snapshot
resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY))
snapshot.write(Path(sys.argv[1]), {}, version=1, written_ns=1)
"""


def test_a_full_disk_is_said_with_the_name_of_the_file(path: Path):
    command = [sys.executable, "-c", ON_A_FULL_DISK, path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=unmeasured())
    assert ran.stderr.splitlines()[-1].endswith(f"File too large: '{path}'")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 20, 39, 40, 41, -1])
def test_a_truncated_snapshot_is_refused(path: Path, length: int):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SnapshotError, match="permits is"):
        snapshot.read(path, Permits)


def test_every_flipped_byte_is_refused(path: Path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        for flip in (1, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            with pytest.raises(SnapshotError, match="permits is"):
                snapshot.read(path, Permits)


def test_what_follows_a_snapshot_is_refused(path: Path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SnapshotError, match="damaged"):
        snapshot.read(path, Permits)


def test_another_file_is_no_snapshot(path: Path):
    path.write_bytes(b"SGSNAP2\n" + path.read_bytes()[8:])
    with pytest.raises(SnapshotError, match="permits is no snapshot"):
        snapshot.read(path, Permits)


def test_a_newer_schema_is_refused_by_name_whatever_its_body_is(path: Path):
    newer = {"schema": 2, "version": 1, "written_ns": 1, "body": ["of", "another", "shape"]}
    path.write_bytes(forged(msgspec.msgpack.encode(newer)))
    with pytest.raises(SnapshotError, match="newer version \\(schema 2\\)"):
        snapshot.read(path, Permits)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b"\x81\xa2\xff\xff\x01",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"schema": 1, "version": 1, "written_ns": 1}),
        msgspec.msgpack.encode({"schema": "1", "version": 1, "written_ns": 1, "body": {}}),
        msgspec.msgpack.encode({"schema": 1, "version": 1, "written_ns": 1, "body": {"permits": 7}}),
        msgspec.msgpack.encode({"schema": 1, "version": 1, "written_ns": 1, "body": {"permits": [{"number": 1}]}}),
    ],
)
def test_a_whole_snapshot_of_another_type_is_refused(path: Path, content: bytes):
    path.write_bytes(forged(content))
    with pytest.raises(SnapshotError, match="permits cannot be understood"):
        snapshot.read(path, Permits)


def test_a_missing_snapshot_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        snapshot.read(tmp_path / "permits", Permits)


DIES_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from blocklists import snapshot
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
snapshot.write(Path(sys.argv[1]), {"permits": []}, version=9, written_ns=9)
"""


def test_a_crash_between_write_and_rename_leaves_the_old_one(path: Path):
    died = subprocess.run([sys.executable, "-c", DIES_BEFORE_THE_RENAME, str(path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(files(path.parent)) == 2
    assert snapshot.read(path, Permits).version == 3
    snapshot.write(path, Permits(), version=4, written_ns=100)
    assert snapshot.read(path, Permits).version == 4


def test_a_write_that_fails_leaves_the_old_one_and_no_rest(path: Path):
    (path.parent / "clients").mkdir()
    with pytest.raises(IsADirectoryError):
        snapshot.write(path.parent / "clients", Permits(), version=1, written_ns=1)
    assert files(path.parent) == ["clients", "permits"]
    assert snapshot.read(path, Permits).version == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_anything_else(path: Path, raw: bytes, sealed: bool):
    path.write_bytes(forged(raw) if sealed else raw)
    with pytest.raises(SnapshotError):
        snapshot.read(path, Permits)
