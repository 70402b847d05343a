import errno
import fcntl
import os
import subprocess
import sys

import msgspec
import pytest

from reporting.breach import Breach, Heartbeat, Repeat
from reporting.frames import Reader, read_frames
from reporting.journal import HEAD, MAX_PAYLOAD, ROOM, JournalFullError
from tests.support.journals import SEED, breach, open_journal
from tests.support.killed_child import told_until_killed


@pytest.fixture
def journal(tmp_path):
    with_journal = open_journal(tmp_path)
    yield with_journal
    with_journal.close()


def records(journal):
    return [frame.record for frame in read_frames(journal.path, seed=SEED)]


def test_what_was_written_is_read_back_in_its_order_with_its_offsets(journal):
    offsets = [journal.write(breach(number)) for number in range(3)]
    frames = list(read_frames(journal.path, seed=SEED))
    assert [frame.record for frame in frames] == [breach(number) for number in range(3)]
    assert [frame.offset for frame in frames] == offsets
    assert [frame.next_offset for frame in frames] == [*offsets[1:], journal.end]


def test_a_record_is_in_the_file_before_write_returns(journal):
    before = journal.path.stat().st_size
    offset = journal.write(breach())
    assert offset == before
    assert journal.path.stat().st_size == journal.end > before


def test_the_name_says_site_kind_instance_and_64_random_bits(tmp_path):
    journal = open_journal(tmp_path, site="school", kind="proxy", instance=3)
    try:
        site, kind, instance, random = journal.name.removesuffix(".journal").split("-")
        assert (site, kind, instance, len(random)) == ("school", "proxy", "3", 16)
        assert int(random, 16) >= 0
    finally:
        journal.close()


def test_the_header_is_whole_and_the_lock_is_held_as_soon_as_the_name_is_there(tmp_path):
    journal = open_journal(tmp_path, sealed_seed=b"sealed")
    with Reader(journal.path) as reader:
        assert reader.header is not None
        assert reader.header.sealed_seed == b"sealed"
        assert reader.header.site == "school"
        assert not reader.abandoned
        journal.close()
        assert reader.abandoned
    assert [file.name for file in tmp_path.iterdir()] == [journal.name]


def test_a_journal_is_readable_by_its_group_and_by_nobody_else(journal):
    assert journal.path.stat().st_mode & 0o007 == 0


def test_a_heartbeat_carries_the_count_and_the_head_before_it(journal):
    journal.write(breach())
    count, head = journal.count, journal.head
    journal.heartbeat(5)
    assert records(journal)[-1] == Heartbeat(v=1, at_ns=5, count=count, head=head)
    assert journal.count == 2


def test_the_first_name_of_each_payload_is_v(journal):
    of = journal.write(breach())
    journal.write(Repeat(v=1, of=of, count=2, first_ns=3, last_ns=4))
    journal.heartbeat(5)
    content = journal.path.read_bytes()
    payloads = [content[f.offset + HEAD.size : f.next_offset] for f in read_frames(journal.path, seed=SEED)]
    maps = [msgspec.msgpack.decode(payload) for payload in payloads]
    assert [next(iter(fields)) for fields in maps] == ["v"] * 3
    assert [fields["type"] for fields in maps] == ["breach", "repeat", "heartbeat"]


def test_sync_clears_dirty(journal):
    assert not journal.dirty
    journal.write(breach())
    assert journal.dirty
    journal.sync()
    assert not journal.dirty


def test_close_gives_the_reserved_room_back_and_may_be_called_twice(tmp_path):
    journal = open_journal(tmp_path)
    journal.write(breach())
    reserved = journal.path.stat().st_blocks * 512
    journal.close()
    journal.close()
    journal.sync()
    left = journal.path.stat()
    assert left.st_size == journal.end
    assert left.st_blocks * 512 < max(reserved, ROOM)


@pytest.mark.parametrize("host", ["x" * 10 * MAX_PAYLOAD, "bad\udc80name.test", "\udc80" * MAX_PAYLOAD])
def test_no_text_is_too_long_or_too_strange_to_be_recorded(journal, host):
    journal.write(breach(host=host))
    (found,) = records(journal)
    assert isinstance(found, Breach)
    assert found.host[:3] in {"xxx", "bad", "???"}
    assert found.address == breach().address


def test_a_seed_of_the_wrong_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="32 bytes"):
        open_journal(tmp_path, seed=b"short")
    assert list(tmp_path.glob("*.journal")) == []


def test_a_spool_that_is_missing_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_journal(tmp_path / "missing")


def test_with_the_disk_full_the_reserved_room_is_still_used_and_then_write_says_so(small_disk):
    journal = open_journal(small_disk)
    try:
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):  # noqa: PT012
            while True:
                file.write(bytes(4096))
        written = 0
        with pytest.raises(JournalFullError) as raised:  # noqa: PT012
            while True:
                journal.write(breach(written))
                written += 1
        assert raised.value.errno == errno.ENOSPC
        assert journal.end > ROOM // 2
        assert journal.full
        assert records(journal) == [breach(number) for number in range(written)]
        filler.unlink()
        journal.write(breach(written))
        assert not journal.full
        assert records(journal) == [breach(number) for number in range(written + 1)]
    finally:
        journal.close()


def test_a_file_size_limit_cuts_a_short_write_back_and_loses_nothing_that_was_written(tmp_path):
    limited = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    written, full = limited.stdout.split()
    (path,) = tmp_path.glob("*.journal")
    frames = list(read_frames(path, seed=SEED))
    assert [frame.record for frame in frames] == [breach(number) for number in range(int(written))]
    assert path.stat().st_size == frames[-1].next_offset
    assert full == "True"


_LIMITED = """
import resource, sys
from pathlib import Path
from reporting.journal import JournalFullError
from tests.support.journals import breach, open_journal
journal = open_journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, resource.RLIM_INFINITY))
written = refused = 0
while refused < 3:
    try:
        journal.write(breach(written))
        written += 1
    except JournalFullError:
        refused += 1
print(written, journal.full)
"""


def test_kill_9_loses_no_record_whose_write_returned(tmp_path):
    acknowledged = told_until_killed(_WRITER, tmp_path, 500)
    (path,) = tmp_path.glob("*.journal")
    found = {frame.record.at_ns for frame in read_frames(path, seed=SEED) if isinstance(frame.record, Breach)}
    told = {breach(int(number)).at_ns for number in acknowledged}
    assert len(told) >= 500
    assert told <= found


_WRITER = """
import os, sys
from pathlib import Path
from tests.support.journals import breach, open_journal
journal = open_journal(Path(sys.argv[1]))
number = 0
while True:
    journal.write(breach(number))
    os.write(1, b"%d\\n" % number)
    number += 1
"""


def test_where_nothing_can_be_reserved_writing_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("reporting.journal._libc", object())
    journal = open_journal(tmp_path)
    try:
        journal.write(breach())
        assert not journal.full
        assert records(journal) == [breach()]
    finally:
        journal.close()


def test_a_failing_disk_leaves_the_journal_dirty(tmp_path):
    journal = open_journal(tmp_path)
    journal.write(breach())
    reading, writing = os.pipe()
    own = fcntl.fcntl(journal._descriptor, fcntl.F_DUPFD_CLOEXEC, 0)
    os.dup2(writing, journal._descriptor)  # a pipe cannot be synced
    with pytest.raises(OSError, match="Invalid argument"):
        journal.sync()
    assert journal.dirty
    os.dup2(own, journal._descriptor)
    for descriptor in (reading, writing, own):
        os.close(descriptor)
    journal.close()
    assert not journal.dirty


LIGHT = {
    "blocklists",
    "blocklists.calendar",
    "blocklists.clients",
    "blocklists.domain",
    "blocklists.entry",
    "blocklists.profile",
    "blocklists.rulebook",
    "blocklists.snapshot",  # what makes a rename durable; every process has it
    "blocklists.url",
    "blocklists.verdict",
    "idna",  # of blocklists.domain; a third of msgspec's size
    "msgspec",
    "reporting",
    "reporting.breach",
    "reporting.chain",
    "reporting.journal",
    "typing_extensions",  # of msgspec, where it is there
}
"""All that may come with the journal, which every process on the request path loads."""


def test_the_journal_loads_nothing_heavier_than_msgspec():
    code = """
import sys, sysconfig
sysconfig.get_config_vars()  # the standard library's too, under a name of the machine's
before = set(sys.modules)
import reporting.journal
print(*(name for name in sys.modules.keys() - before if name.partition(".")[0] not in sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ("blocklists", "reporting")
    loaded = {name if name.startswith(ours) else name.partition(".")[0] for name in done.stdout.split()}
    assert "reporting.journal" in loaded
    assert loaded - LIGHT == set()
