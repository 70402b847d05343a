"""What two people may ask of sealed lists, the record of it, and the status."""

import json
import os
import pty
import shutil
import stat
import subprocess
import time

import pytest

from blocklists import sealed, sealed_marker, snapshot
from blocklists.sealed_marker import STALE_NS, Loaded
from deploy import config, sealed_commands, sealed_inquiry, sealed_record, setup
from deploy.toml_file import RefusedError
from tests.support.commands import COMMAND
from tests.support.sealed_lists import BY_TWO, TWO, everything, record, run, seal


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return setup.init(tmp_path_factory.mktemp("whole") / "school", "Test School", shown_by="A. Okafor").folder


@pytest.fixture
def settings(whole, tmp_path):
    """A school of its own to seal lists in."""
    return config.load(shutil.copytree(whole, tmp_path / "school", symlinks=True) / config.NAME)


@pytest.mark.parametrize(
    ("by", "other", "says"),
    [
        ("", "B", "--by: write a name"),
        ("A", "  ", "--with: write a name"),
        ("A\x1b[31m", "B", "--by: write a name"),
        ("A\u202eB", "C", "--by: write a name"),
        ("A" * 101, "B", "--by: write a name"),
        ("A. Example", " a.  EXAMPLE ", "must be two different people"),
    ],
)
def test_two_people_are_two_names(by, other, says):
    with pytest.raises(RefusedError, match=says):
        sealed_record.two(by, other)


def test_names_are_kept_as_people_write_them():
    assert sealed_record.two(" Si\u00e2n  ap Gwyn ", "O'Hara-Ng") == sealed_record.Two("Si\u00e2n ap Gwyn", "O'Hara-Ng")


def test_the_record_only_grows_is_its_owners_and_mends_a_line_that_a_power_cut_tore(settings):
    sealed_record.append(settings.files, TWO, did="match")
    path = settings.files.sealed_record
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("ab") as file:
        file.write(b'{"v":1,"at')
    sealed_record.append(settings.files, TWO, did="remove")
    lines = path.read_text().splitlines()
    assert [json.loads(lines[place])["did"] for place in (0, 2)] == ["match", "remove"]


def test_a_match_says_yes_or_no_and_keeps_who_asked_and_never_what(settings):
    seal(settings, "http://hidden.test/private/one.jpg", name="iwf")
    yes = run(settings, "match", *BY_TWO, text="https://HIDDEN.test/private/%6Fne.jpg?x\n")
    no = run(settings, "match", *BY_TWO, "--json", text="https://hidden.test/private/two.jpg")
    assert yes == (0, "Yes: it is on the list iwf.\n", "")
    assert (no[0], json.loads(no[1]), no[2]) == (0, {"match": False, "list": ""}, "")
    first, second = record(settings)
    assert (first["answer"], first["list"], len(first["entry"]), len(first["asked"])) == ("yes", "iwf", 32, 32)
    assert (second["answer"], second["list"], second["entry"], len(second["asked"])) == ("no", "", "", 32)
    assert (first["by"], first["with"]) == (TWO.by, TWO.other)
    assert first["at"] < second["at"]
    assert b"hidden" not in everything(settings.folder).lower()


def test_a_whole_host_answers_for_each_address_on_it(settings):
    seal(settings, "hidden.test", name="iwf")
    assert sealed_inquiry.match(settings.files, "http://www.hidden.test/any", TWO) == "iwf"


@pytest.mark.parametrize("text", ["", "\n\n", "one.test\ntwo.test\n", "x" * 70_000])
def test_a_question_is_one_url(settings, text):
    seal(settings, "one.test")
    code, said, complaints = run(settings, "match", *BY_TWO, text=text)
    assert (code, said, complaints) == (1, "", "standard input must hold one URL, and nothing else\n")


def test_what_is_no_url_is_refused_without_being_quoted(settings):
    seal(settings, "one.test")
    code, said, complaints = run(settings, "match", *BY_TWO, text="http://hid den.test/")
    assert (code, said, complaints) == (1, "", "what was asked for is not a web address\n")
    assert not settings.files.sealed_record.exists()


def test_without_a_list_there_is_no_answer(settings):
    with pytest.raises(RefusedError, match="no sealed list is loaded; import one"):
        sealed_inquiry.match(settings.files, "one.test", TWO)
    seal(settings, "one.test")
    settings.files.sealed.unlink()
    with pytest.raises(RefusedError, match="is missing"):
        sealed_inquiry.match(settings.files, "one.test", TWO)


def test_an_answer_that_cannot_be_kept_is_not_given(settings):
    seal(settings, "one.test")
    settings.files.sealed_record.mkdir()
    code, said, complaints = run(settings, "match", *BY_TWO, text="one.test")
    assert (code, said) == (1, "")
    assert complaints.startswith(str(settings.files.sealed_record))


def test_a_terminal_does_not_show_what_is_typed(settings):
    seal(settings, "hidden.test", name="iwf")
    terminal, end = pty.openpty()
    command = [*COMMAND, "sealed", "match", *BY_TWO, "--config", str(settings.file)]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True) as asking:
        os.close(end)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, b"http://hidden.test/a\n")
        while b"iwf" not in shown:
            shown += os.read(terminal, 1000)
        assert asking.wait(30) == 0
    os.close(terminal)
    assert b"hidden" not in shown


def test_no_core_is_written_of_a_command_that_reads_what_is_sealed():
    program = "import resource; from deploy import sealed_commands; sealed_commands.group.callback();"
    program += " print(resource.getrlimit(resource.RLIMIT_CORE))"
    ran = subprocess.run([COMMAND[0], "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "(0, 0)\n"


def aged(settings, name, hours):
    """Make the list *name* older."""
    read = snapshot.read(settings.files.sealed, sealed.SealedLists).body
    then = time.time_ns() - hours * 3600 * 10**9
    lists = {n: one if n != name else replaced(one, then) for n, one in read.lists.items()}
    snapshot.write(settings.files.sealed, sealed.SealedLists(lists, read.check), version=1, written_ns=1)


def replaced(one, then):
    return sealed.SealedList(one.whole_hosts, one.hosts_with_urls, one.expressions, imported_ns=then)


def test_the_status_of_no_lists_is_fine(settings):
    assert run(settings, "status") == (0, "No sealed list is loaded.\n", "")


def test_the_status_names_entries_and_age_and_no_entry(settings):
    seal(settings, "hidden.test", "hidden.test/x", name="iwf")
    seal(settings, "hidden.test", name="old")
    aged(settings, "iwf", 3)
    code, said, _ = run(settings, "status")
    assert code == 0
    assert said.splitlines() == [
        "iwf                             2 entries, imported 3 hours ago",
        "old                               1 entry, imported just now",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59, "just now"), (60, "1 minute ago"), (3599, "59 minutes ago"), (3600, "1 hour ago"), (90_000, "25 hours ago")],
)
def test_an_age_below_an_hour_is_said_in_minutes(seconds, words):
    assert sealed_commands._ago(seconds) == words


def test_a_list_over_a_day_old_is_stale_and_a_lost_one_missing(settings):
    seal(settings, "hidden.test", name="iwf")
    seal(settings, "hidden.test", name="old")
    sealed_marker.write(settings.files, {**sealed_marker.read(settings.files), "lost": Loaded()}, 1)
    aged(settings, "old", 25)
    code, said, complaints = run(settings, "status")
    assert code == 1
    assert said.splitlines()[1:] == [
        "lost                            0 entries, imported at an unknown time; MISSING, import it again",
        "old                               1 entry, imported 25 hours ago; STALE, import it again",
    ]
    assert "missing (lost)" in complaints


def test_the_status_for_scripts(settings):
    seal(settings, "hidden.test", name="iwf")
    aged(settings, "iwf", 25)
    code, said, _ = run(settings, "status", "--json")
    found = json.loads(said)
    (one,) = found["lists"]
    assert (code, found["problems"], one["list"], one["entries"]) == (1, [], "iwf", 1)
    assert (one["stale"], one["missing"]) == (True, False)
    assert one["age_seconds"] >= STALE_NS // 10**9
    assert one["imported"].endswith("+00:00")


def test_a_damaged_file_shows_in_the_status(settings):
    seal(settings, "hidden.test", name="iwf")
    settings.files.sealed.write_bytes(b"x")
    settings.files.sealed_loaded.write_bytes(b"x")
    code, said, complaints = run(settings, "status")
    assert (code, said) == (1, "No sealed list is loaded.\n")
    assert complaints.startswith(f"{settings.files.sealed_loaded}: ")


def test_a_url_given_as_an_argument_is_refused_and_not_repeated(settings):
    code, said, complaints = run(settings, "match", *BY_TWO, "https://hidden.test/x", text="")
    assert (code, said) == (1, "")
    assert "hidden" not in complaints
    assert "typed when it is asked for" in complaints
