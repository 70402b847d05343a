import time
from pathlib import Path

import pytest

from blocklists import sealed, sealed_marker, snapshot
from blocklists.live import Files
from blocklists.sealed_marker import STALE_NS, Loaded

NOW = 1_799_661_600 * 10**9


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A school with two sealed lists in force."""
    files = Files(tmp_path / "state", tmp_path / "keys", tmp_path / "spool")
    files.keys.mkdir()
    seal(files, "iwf", "ctiru", key=sealed.new_key(files.sealing_key))
    sealed_marker.write(files, {"iwf": Loaded(NOW), "ctiru": Loaded(NOW)}, NOW)
    return files


def seal(files: Files, *names: str, key: bytes) -> None:
    one, _ = sealed.seal([b"harm.test"], key)
    body = sealed.SealedLists(dict.fromkeys(names, one), sealed.key_check(key))
    snapshot.write(files.sealed, body, version=1, written_ns=1)


def test_the_marker_is_beside_the_configuration_and_never_in_the_state(tmp_path: Path):
    here, elsewhere = tmp_path / "etc", tmp_path / "var" / "state"
    assert Files(elsewhere, here / "keys", here / "spool", folder=here).sealed_loaded == here / "sealed.loaded"
    assert Files(elsewhere, here, here).sealed_loaded == tmp_path / "var" / "sealed.loaded"


def test_without_a_marker_nothing_was_loaded_and_nothing_is_missing(tmp_path: Path):
    files = Files(tmp_path / "state", tmp_path / "keys", tmp_path / "spool")
    assert sealed_marker.read(files) == {}
    assert list(sealed_marker.problems(files)) == []


def test_what_was_loaded_and_is_there_is_no_problem(files: Files):
    assert sealed_marker.read(files) == {"iwf": Loaded(NOW), "ctiru": Loaded(NOW)}
    assert list(sealed_marker.problems(files)) == []


def test_it_holds_names_and_times_and_no_hash(files: Files):
    raw = files.sealed_loaded.read_bytes()
    one = snapshot.read(files.sealed, sealed.SealedLists).body.lists["iwf"]
    assert b"iwf" in raw
    assert not any(digest in raw for digest in one.whole_hosts)
    assert files.sealed_loaded.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("left", [(), ("iwf",)])
def test_a_list_that_is_gone_is_named_with_what_to_do(files: Files, left: tuple[str, ...]):
    files.sealed.unlink()
    if left:
        seal(files, *left, key=files.sealing_key.read_bytes())
    (sentence,) = sealed_marker.problems(files)
    gone = ", ".join(name for name in ("iwf", "ctiru") if name not in left)
    says = f"{files.sealed}: a sealed list that was loaded is missing ({gone}); import it again: "
    assert sentence == f"{says}schoolgate sealed import FILE --list NAME"


@pytest.mark.parametrize("name", ["sealed", "sealed_loaded"])
@pytest.mark.parametrize("damage", ["damaged", "unreadable"])
def test_what_cannot_be_read_is_a_problem_and_not_an_empty_list(files: Files, name: str, damage: str):
    path = getattr(files, name)
    path.unlink()
    if damage == "damaged":
        path.write_bytes(b"x")
    else:
        path.symlink_to(path.name)  # a loop: it cannot be opened, and not by root either
    (sentence,) = sealed_marker.problems(files)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith("schoolgate sealed import FILE --list NAME")


@pytest.mark.parametrize("key", [None, b"short", bytes(32)])
def test_a_key_that_is_missing_or_another_is_a_problem_but_not_for_who_has_none(files: Files, key: bytes | None):
    files.sealing_key.unlink()
    if key is not None:
        files.sealing_key.write_bytes(key)
    (sentence,) = sealed_marker.problems(files)
    assert sentence.startswith(f"{files.sealing_key}: ")
    assert list(sealed_marker.missing(files)) == []


def test_a_list_is_stale_after_a_day_and_where_its_age_is_not_known():
    assert not Loaded(NOW).is_stale(NOW + STALE_NS)
    assert Loaded(NOW).is_stale(NOW + STALE_NS + 1)
    assert Loaded().is_stale(time.time_ns())
    assert not Loaded(NOW).is_stale(NOW - STALE_NS)
