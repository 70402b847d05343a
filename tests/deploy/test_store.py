"""Copies of lists on the disk: what a crash leaves is the old one or the new one."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from blocklists import snapshot, stored
from blocklists.live import Files
from blocklists.stored import Copy, DamagedMetaError, Meta, Part
from deploy import store
from deploy.toml_file import RefusedError


@pytest.fixture
def files(tmp_path):
    return Files(state=tmp_path / "state", keys=tmp_path / "keys", spool=tmp_path / "spool")


def come(files, label, *names, lists=("games",)):
    """A copy of *label* with *names*, settled but not in force."""
    content = store.new_folder(files, label)
    (content / "list").write_text("".join(f"{name}\n" for name in names))
    store.settle(content)
    parts = tuple(Part(list=name, path="list", rules=len(names)) for name in lists)
    return Copy(stamp=content.name, origin="https://a.test/list", fetched_ns=1, parts=parts)


def put(files, label, *names, **options):
    copy = come(files, label, *names, **options)
    store.put_in_force(files, store.known(files, label), copy)
    return copy


def there(files, label):
    return sorted(path.name for path in (files.lists / label).iterdir())


def contents(files):
    return {name: [(s.path / "").read_text() for s in found] for name, found in store.sources(files).items()}


def test_a_copy_in_force_is_a_source_of_its_list(files):
    with store.changing(files):
        one, two = put(files, "ut1", "a.test"), put(files, "own", "b.test")
    sources = store.sources(files)["games"]
    assert [(s.label, s.imported) for s in sources] == [("own", True), ("ut1", True)]
    assert [s.path for s in sources] == [
        files.lists / "own" / two.stamp / "list",
        files.lists / "ut1" / one.stamp / "list",
    ]


def test_without_copies_there_are_no_sources(files):
    assert store.sources(files) == {}


def test_the_copy_before_is_kept_and_no_older_one(files):
    with store.changing(files):
        _, second, third = (put(files, "ut1", name) for name in ("a.test", "b.test", "c.test"))
    assert there(files, "ut1") == sorted([second.stamp, third.stamp, stored.META])
    assert contents(files) == {"games": ["c.test\n"]}
    meta = store.known(files, "ut1")
    assert (meta.current, meta.previous, meta.held) == (third, second, None)
    assert meta.checked_ns > 0


def test_a_copy_that_is_held_back_waits_beside_the_one_in_force(files):
    with store.changing(files):
        good = put(files, "ut1", "a.test", "b.test")
        for name in ("x.test", "y.test"):
            bad = come(files, "ut1", name)
            store.hold(files, store.known(files, "ut1"), bad, "has 1 rule")
    assert there(files, "ut1") == sorted([good.stamp, bad.stamp, stored.META])
    assert contents(files) == {"games": ["a.test\nb.test\n"]}
    meta = store.known(files, "ut1")
    assert (meta.current, meta.held, meta.why_held, meta.newest) == (good, bad, "has 1 rule", bad)


def test_a_copy_that_is_accepted_is_in_force(files):
    with store.changing(files):
        good, bad = put(files, "ut1", "a.test", "b.test"), come(files, "ut1", "x.test")
        store.hold(files, store.known(files, "ut1"), bad, "has 1 rule")
        assert store.accept(files, ["ut1", "ut1"]) == {"ut1": bad}
    meta = store.known(files, "ut1")
    assert (meta.current, meta.previous, meta.held, meta.why_held) == (bad, good, None, "")
    assert contents(files) == {"games": ["x.test\n"]}


def test_what_is_not_held_back_cannot_be_accepted(files):
    with store.changing(files):
        put(files, "ut1", "a.test")
        with pytest.raises(RefusedError, match="ut1: no copy of it is held back; nothing was changed"):
            store.accept(files, ["ut1"])
        with pytest.raises(RefusedError, match=r"there is no copy of '\.\./ut1'"):
            store.accept(files, ["../ut1"])


def test_a_label_is_taken_away_with_all_its_copies(files):
    with store.changing(files):
        put(files, "ut1", "a.test")
        put(files, "own", "b.test")
        with pytest.raises(RefusedError, match="there is no copy of 'other'; nothing was changed"):
            store.remove(files, ["own", "other"])
        store.remove(files, ["ut1"])
    assert sorted(path.name for path in files.lists.iterdir()) == [store.LOCK, store.UNCOMPILED, "own"]
    assert contents(files) == {"games": ["b.test\n"]}


def test_the_index_lacks_what_came_after_it_was_begun(files):
    with store.changing(files):
        assert store.is_compiled(files)
        put(files, "ut1", "a.test")
        assert not store.is_compiled(files)
        with store.compiling(files):
            os.utime(files.lists / store.UNCOMPILED, ns=(1, 1))  # as if a copy had come meanwhile
        assert not store.is_compiled(files)
        with store.compiling(files):
            pass
        assert store.is_compiled(files)
        with store.compiling(files):
            pass


def test_a_compile_that_failed_leaves_the_index_behind(files):
    with store.changing(files):
        put(files, "ut1", "a.test")
    with pytest.raises(ValueError, match="no"), store.compiling(files):
        raise ValueError("no")
    assert not store.is_compiled(files)


def test_one_command_at_a_time_changes_copies(files):
    with (
        store.changing(files),
        pytest.raises(RefusedError, match="another command is changing the lists"),
        store.changing(files),
    ):
        pass
    with store.changing(files):
        pass


def test_nobody_but_the_owner_can_hold_the_lock(files):
    with store.changing(files):
        assert (files.lists / store.LOCK).stat().st_mode & 0o777 == 0o600


class Crash(BaseException):
    """The moment at which a process is killed."""


def crashing(monkeypatch, number):
    """Make the call *number* of what touches the disk the last one; counted over all of them."""
    calls = iter(range(10_000))

    def before(step):
        def counted(*args, **kwargs):
            if next(calls) == number:
                raise Crash
            return step(*args, **kwargs)

        return counted

    for owner, name in (
        (Path, "mkdir"),
        (Path, "replace"),
        (Path, "rename"),
        (Path, "unlink"),
        (Path, "touch"),
        (Path, "rmdir"),
        (os, "fsync"),
        (store.shutil, "rmtree"),
        (snapshot, "share"),
    ):
        monkeypatch.setattr(owner, name, before(getattr(owner, name)))
    return calls


@pytest.mark.parametrize("number", range(40))
def test_a_crash_at_any_step_leaves_the_old_copy_or_the_new_one(files, number):
    with store.changing(files):
        put(files, "ut1", "oldest.test")
        put(files, "ut1", "old.test")
    with pytest.MonkeyPatch.context() as patched:
        crashing(patched, number)
        try:
            with store.changing(files):
                put(files, "ut1", "new.test")
        except Crash:
            pass
    assert contents(files) in ({"games": ["old.test\n"]}, {"games": ["new.test\n"]})
    if contents(files) == {"games": ["new.test\n"]}:
        assert not store.is_compiled(files), "the index is built before anybody says that all is well"
    with store.changing(files):
        put(files, "ut1", "newer.test")
        meta = store.known(files, "ut1")
        assert there(files, "ut1") == sorted([meta.current.stamp, meta.previous.stamp, stored.META])
    assert contents(files) == {"games": ["newer.test\n"]}


def test_the_first_copy_of_a_label_that_never_came_is_no_label(files):
    with store.changing(files):
        store.new_folder(files, "ut1")
        store.tidy(files, "ut1")
    assert list(stored.folders(files.lists)) == []


def test_what_a_killed_import_left_is_removed(files):
    with store.changing(files):
        left = files.lists / ".123-4"
        left.mkdir()
        (left / "list").write_text("x")
    with store.changing(files):
        assert not left.exists()


def test_a_place_to_work_in_is_gone_afterwards(files):
    with store.changing(files), store.workplace(files) as place:
        (place / "x").write_text("x")
    assert not place.exists()


def test_a_damaged_file_refuses_to_be_compiled_and_is_replaced_by_the_next_copy(files):
    with store.changing(files):
        put(files, "ut1", "a.test")
    (files.lists / "ut1" / stored.META).write_text('{"label": 1}')
    with pytest.raises(DamagedMetaError, match=r"ut1/meta\.json cannot be understood"):
        store.sources(files)
    with store.changing(files):
        assert len(there(files, "ut1")) == 2, "until it is replaced, nobody knows what is a half"
        put(files, "ut1", "b.test")
        assert len(there(files, "ut1")) == 2
    assert contents(files) == {"games": ["b.test\n"]}


def test_a_file_of_a_newer_version_is_refused(files):
    with store.changing(files):
        store.note(files, Meta(label="ut1", schema=2))
    with pytest.raises(DamagedMetaError, match=r"was written by a newer version \(schema 2\)"):
        store.sources(files)


def test_a_disk_without_room_changes_nothing(files, monkeypatch):
    with store.changing(files):
        put(files, "ut1", "a.test")
        copy = come(files, "ut1", "b.test")

        def full(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.put_in_force(files, store.known(files, "ut1"), copy)
    assert contents(files) == {"games": ["a.test\n"]}


def test_the_lock_ends_with_the_process(files):
    with store.changing(files):
        descriptor = os.open(files.lists / store.LOCK, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize(("block", "folder"), [(store.changing, "lists"), (store.compiling, "index")])
def test_an_error_that_names_nothing_is_of_the_folder(files, block, folder):
    with pytest.raises(OSError, match="No space left") as caught, block(files):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(getattr(files, folder))
    with pytest.raises(OSError, match="No space left") as caught, block(files):
        raise OSError(errno.ENOSPC, "No space left on device", "x")
    assert caught.value.filename == "x"
