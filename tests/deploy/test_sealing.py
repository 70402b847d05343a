"""Sealed lists into force and out of it."""

import bz2
import gzip
import lzma
import random
import shutil
import stat

import pytest

from blocklists import sealed, sealed_marker, sealed_source
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Reason, Request, decide
from deploy import config, sealing, setup
from deploy.toml_file import RefusedError
from tests.support.sealed_lists import BY_TWO, TWO, everything, record, run, seal

MONDAY_TEN = 1_799_661_600 * 10**9


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return setup.init(tmp_path_factory.mktemp("whole") / "school", "Test School", shown_by="A. Okafor").folder


@pytest.fixture
def settings(whole, tmp_path):
    """A school of its own to seal lists in."""
    return config.load(shutil.copytree(whole, tmp_path / "school", symlinks=True) / config.NAME)


def reason_for(settings, host):
    live = Live(settings.files)
    live.refresh()
    client = Client(address="10.0.0.1", profile="staff")
    return decide(live.policy, Request(kind=Kind.DNS, client=client, host=host, at=MONDAY_TEN)).reason


def test_a_sealed_list_closes_its_entries_and_is_nowhere_in_plain_text(settings):
    made = seal(settings, "hidden.test", "half.test/page", "", "?")
    assert (made.entries, made.tally.read, made.tally.skipped_count) == (2, 2, 1)
    assert reason_for(settings, "www.hidden.test") is Reason.SEALED
    kept = everything(settings.folder)
    assert b"hidden" not in kept
    assert b"half.test" not in kept


def test_sealing_a_second_list_keeps_the_first(settings):
    seal(settings, "one.test", name="one")
    seal(settings, "two.test", name="two")
    loaded = sealed.load(settings.files.sealed, settings.files.sealing_key)
    assert loaded.match_host("one.test").list == "one"
    assert loaded.match_host("two.test").list == "two"
    assert sealed_marker.read(settings.files).keys() == {"one", "two"}


def test_a_list_that_came_out_empty_or_shrunk_replaces_nothing(settings):
    seal(settings, "one.test", "two.test", "three.test")
    with pytest.raises(RefusedError, match="0 entries, 3 are in force and stay"):
        seal(settings)
    with pytest.raises(RefusedError, match="0 entries, 3 are in force and stay; lines left out: 1"):
        seal(settings, "<html>404 Not Found</html>", accept=True)
    with pytest.raises(RefusedError, match="--accept"):
        seal(settings, "one.test")
    assert reason_for(settings, "two.test") is Reason.SEALED
    assert seal(settings, "one.test", accept=True).entries == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_is_whole_however_its_lines_come(settings, tmp_path, encoding, end):
    path = tmp_path / "list.csv"
    path.write_bytes(f"url,note\r\nhttp://one.test/caf\u00e9,x\r\nlast.test,y{end}".encode(encoding))
    with path.open("rb") as file:
        made = sealing.seal_list(settings, "practice", file)
    assert (made.entries, str(made.layout), made.tally.skipped_count) == (2, "CSV, column 1", 0)
    assert reason_for(settings, "last.test") is Reason.SEALED


def test_a_file_that_is_larger_than_any_list_is_refused(settings, monkeypatch):
    monkeypatch.setattr(sealing, "LARGEST", 100)
    with pytest.raises(RefusedError, match="larger than"):
        seal(settings, *["harm.test"] * 20)
    assert not settings.files.sealed.exists()


def test_bytes_that_are_no_list_are_refused_unless_they_are_meant(settings):
    content = random.Random(7).randbytes(100_000) + b"\nhidden.test\n"
    with pytest.raises(RefusedError, match=r"entries, 0 are in force and stay; lines left out: \d+\. .*--accept"):
        sealing.seal_list(settings, "practice", [content])
    assert not settings.files.sealed.exists()
    sealing.seal_list(settings, "practice", [content], accept=True)
    assert reason_for(settings, "hidden.test") is Reason.SEALED


def test_as_many_lines_sealed_as_left_out_are_a_list(settings):
    assert seal(settings, "one.test", "word").entries == 1
    with pytest.raises(RefusedError, match="1 entry, 1 is in force and stays; lines left out: 2"):
        seal(settings, "one.test", "word", "another")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_web_page_is_refused_unless_it_is_meant(settings, encoding):
    content = "\n<!DOCTYPE html>\nhttp://hidden.test/login\n".encode(encoding)
    with pytest.raises(RefusedError, match=r"practice: this is a web page, .* add --accept"):
        sealing.seal_list(settings, "practice", [content])
    assert not settings.files.sealed.exists()
    assert sealing.seal_list(settings, "practice", [content], accept=True).entries == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_file_is_refused_with_what_to_do(settings, pack):
    with pytest.raises(RefusedError, match="this is a packed file; unpack it first"):
        sealing.seal_list(settings, "practice", [pack(b"hidden.test\n" * 50)], accept=True)
    assert not settings.files.sealed.exists()


def test_a_column_that_is_not_there_is_refused_without_a_word_of_the_file(settings):
    with pytest.raises(RefusedError, match="--column: the first line has no column 'where'"):
        seal(settings, "hidden.test,b", column="where")


def test_an_error_that_nobody_foresaw_quotes_no_line(settings, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("hidden.test/page")

    monkeypatch.setattr(sealed_source, "of_file", fail)
    with pytest.raises(RefusedError) as refused:
        seal(settings, "hidden.test/page")
    assert refused.value.problems == ["the list cannot be read (RuntimeError); nothing was changed"]
    assert refused.value.__suppress_context__


def test_lists_of_another_key_are_not_added_to(settings):
    seal(settings, "one.test", name="one")
    before = settings.files.sealed.read_bytes()
    settings.files.sealing_key.write_bytes(bytes(32))
    with pytest.raises(RefusedError, match="sealed with another key; nothing was changed"):
        seal(settings, "two.test", name="two")
    assert settings.files.sealed.read_bytes() == before


def test_after_a_loss_of_key_and_lists_an_import_makes_a_new_key(settings):
    seal(settings, "one.test")
    before = settings.files.sealing_key.read_bytes()
    settings.files.sealing_key.unlink()
    with pytest.raises(FileNotFoundError):
        seal(settings, "one.test")
    settings.files.sealed.unlink()
    seal(settings, "one.test")
    assert settings.files.sealing_key.read_bytes() != before
    assert stat.S_IMODE(settings.files.sealing_key.stat().st_mode) == 0o600
    assert list(sealed_marker.problems(settings.files)) == []


def test_a_marker_is_kept_for_a_list_that_was_lost_until_it_is_imported_again(settings):
    seal(settings, "one.test", name="one")
    seal(settings, "two.test", name="two")
    settings.files.sealed.unlink()
    seal(settings, "one.test", name="one")
    assert "missing (two)" in next(sealed_marker.problems(settings.files))
    seal(settings, "two.test", name="two")
    assert list(sealed_marker.problems(settings.files)) == []


def test_a_marker_that_cannot_be_read_is_written_anew_by_an_import(settings):
    seal(settings, "one.test", name="one")
    settings.files.sealed_loaded.write_bytes(b"x")
    seal(settings, "two.test", name="two")
    assert sealed_marker.read(settings.files).keys() == {"one", "two"}


def test_the_command_says_how_it_read_the_file_and_what_it_left_out(settings):
    lines = ["URL;seen", "http://one.test/a*b;x", "word;x", "two.test/c;x", "har*.test;x", "other;x", "test/;x"]
    lines += ["three.test;x", "four.test;x"]
    code, said, complaints = run(settings, "import", "-", "--list", "iwf", text="\n".join(lines))
    assert (code, complaints) == (0, "")
    assert said.splitlines() == [
        "iwf: 4 entries sealed from 4 lines (CSV, column 1).",
        "  1 has a * in the middle of a path, which is taken as it stands",
        "  3 left out, no host: line 3, 6, 7",
        "  1 left out, a * inside the name of a host: line 5",
    ]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "\u00fcber", "x" * 65])
def test_a_name_that_is_none_is_refused(settings, name):
    code, _, complaints = run(settings, "import", "-", "--list", name, text="one.test")
    assert (code, complaints) == (1, "--list: a name has letters, digits, - and _, 64 at most\n")


def test_a_list_is_removed_by_two_people_on_the_record(settings):
    seal(settings, "one.test", "more.test", name="one")
    seal(settings, "two.test", name="two")
    code, said, _ = run(settings, "remove", "--list", "one", *BY_TWO)
    assert (code, said) == (0, "one: 2 entries are in force no more.\n")
    assert reason_for(settings, "one.test") is not Reason.SEALED
    assert reason_for(settings, "two.test") is Reason.SEALED
    assert sealed_marker.read(settings.files).keys() == {"two"}
    assert list(sealed_marker.problems(settings.files)) == []
    (line,) = record(settings)
    assert {"did": "remove", "list": "one", "entries": 2, "by": TWO.by, "with": TWO.other}.items() <= line.items()


def test_a_list_that_was_lost_can_be_removed_too(settings):
    seal(settings, "one.test", name="one")
    settings.files.sealed.unlink()
    assert sealing.remove_list(settings, "one", TWO) == 0
    assert list(sealed_marker.problems(settings.files)) == []


def test_a_list_without_a_marker_can_be_removed_too(settings):
    seal(settings, "one.test", name="one")
    settings.files.sealed_loaded.unlink()
    assert sealing.remove_list(settings, "one", TWO) == 1
    assert reason_for(settings, "one.test") is not Reason.SEALED


def test_a_list_that_there_is_none_of_is_refused_and_leaves_no_record(settings):
    with pytest.raises(RefusedError, match="there is no sealed list 'one'; there are: none"):
        sealing.remove_list(settings, "one", TWO)
    assert not settings.files.sealed_record.exists()
