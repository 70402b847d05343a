import contextlib
import hashlib
import json
import re
import resource
import shlex
import stat
import subprocess
import sys

import pytest

from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Reason, Request, decide
from deploy import config, listing, setup, toml_file
from tests.support.commands import COMMAND, schoolgate, unmeasured

MONDAY_TEN = 1_799_661_600 * 10**9


@pytest.fixture
def made(tmp_path):
    return setup.init(tmp_path / "school", "Test School")


def decided(folder, host, profile):
    live = Live(config.load(folder / config.NAME).files)
    live.refresh()
    client = Client(address="10.0.0.1", profile=profile)
    return decide(live.policy, Request(kind=Kind.DNS, client=client, host=host, at=MONDAY_TEN))


def test_a_new_folder_decides_at_once(made):
    assert decided(made.folder, "gambling.test", "ks2").blocked
    assert not decided(made.folder, "always-open.test", "ks1").blocked
    assert made.entries > 1000


def test_nothing_is_ever_overwritten(made):
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    with pytest.raises(toml_file.RefusedError, match="nothing was changed"):
        setup.init(made.folder, "Another School")
    assert {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "school", ["two\nlines", "tab\there", "nul\0", "esc\x1b[31m", "half \ud83d", "c1 \x9b", "line\u2028"]
)
def test_a_school_whose_name_is_no_plain_text_is_refused_before_anything_is_written(tmp_path, school):
    with pytest.raises(toml_file.RefusedError, match=r"--school: .* nothing was changed"):
        setup.init(tmp_path / "school", school)
    assert not (tmp_path / "school").exists()


@pytest.mark.parametrize(
    "school", ["Ysgol Gŵyr", "St Mary\u2019s", 'The "Old" School', "学校", "👩\u200d🏫", "x" * 300]
)
def test_a_school_may_have_any_name_that_people_can_write(tmp_path, school):
    assert setup.init(tmp_path / "school", school).entries > 1000


def everything(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["spool", "state", "keys"])
def test_a_folder_that_holds_only_a_part_is_refused_and_stays_as_it_was(tmp_path, name):
    folder = tmp_path / "school"
    (folder / name).mkdir(parents=True)
    before = everything(tmp_path)
    with pytest.raises(toml_file.RefusedError, match=f"already holds {name}; nothing was changed"):
        setup.init(folder, "Test School")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["schoolgate.toml", "policy.toml", "state", "lists", "run", "lists/gambling.txt"])
def test_nothing_is_written_through_a_symlink_that_leads_nowhere(tmp_path, name):
    link = tmp_path / "school" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(toml_file.RefusedError, match=f"already holds {name}"):
        setup.init(tmp_path / "school", "Test School")
    assert not (tmp_path / "elsewhere").exists()
    assert link.is_symlink()


@pytest.mark.parametrize("room", [3_000, 6_000, 18_000], ids=["first file", "second file", "index"])
def test_a_set_up_that_fails_midway_takes_away_what_it_made_and_nothing_else(tmp_path, room):
    folder = tmp_path / "srv" / "school"
    own = folder / "lists" / "gambling.txt"
    own.parent.mkdir(parents=True)
    own.write_text("own.test\n")
    (folder / "notes.txt").write_text("the school's own")
    before = everything(tmp_path)
    ran = subprocess.run(
        [*COMMAND, "init", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=unmeasured(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)),
    )
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1), ran.stderr
    assert everything(tmp_path) == before
    setup.init(folder, "Test School")
    assert own.read_text() == "own.test\n"


def test_a_new_folder_is_taken_away_with_the_parents_that_were_made_for_it(tmp_path):
    lists = tmp_path / "lists"
    (lists / "gambling.txt").mkdir(parents=True)
    with pytest.raises(OSError, match="gambling"):
        setup.init(tmp_path / "new" / "school", "Test School", lists=lists)
    assert list(tmp_path.iterdir()) == [lists]


def test_of_two_set_ups_at_once_one_succeeds_and_the_other_takes_nothing_away(tmp_path):
    command = [*COMMAND, "init", str(tmp_path / "school")]
    with contextlib.ExitStack() as running:
        both = [running.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE)) for _ in range(2)]
        assert sorted(process.wait(60) for process in both) == [0, 1]
        assert not [process for process in both if b"Traceback" in process.stderr.read()]
    assert decided(tmp_path / "school", "gambling.test", "ks2").blocked


INIT_NOTING_WHAT_IS_DURABLE = """
import os, sys
from pathlib import Path
from deploy import setup
durable, sync = [], os.fsync
os.fsync = lambda descriptor: (sync(descriptor), durable.append(os.readlink(f"/proc/self/fd/{descriptor}")))
setup.init(Path(sys.argv[1]), "Test School")
print("\\n".join(durable))
"""


def test_each_key_and_its_folder_would_survive_a_power_cut(tmp_path):
    command = [sys.executable, "-c", INIT_NOTING_WHAT_IS_DURABLE, str(tmp_path / "school")]
    durable = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    keys = tmp_path / "school" / "keys"
    assert {str(keys), *map(str, keys.iterdir())} <= set(durable)


def test_keys_are_their_owners_and_the_token_is_stored_only_as_a_hash(made):
    keys = made.folder / "keys"
    for name in ("sealed.key", "journal.key", "ca.key", "portal.key", "enrolment"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600, name
    stored = json.loads((keys / "enrolment").read_bytes())
    assert stored["token_sha256"] == hashlib.sha256(made.token.encode()).hexdigest()
    everything = b"".join(p.read_bytes() for p in made.folder.rglob("*") if p.is_file())
    assert made.token.encode() not in everything


def test_a_list_can_be_taken_from_another_folder(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "gambling.txt").write_text("# emptied\n")
    made = setup.init(tmp_path / "school", "Test School", lists=lists)
    assert decided(made.folder, "gambling.test", "ks2").reason is Reason.UNKNOWN
    assert decided(made.folder, "social.test", "ks2").blocked


def test_a_list_that_came_out_empty_or_shrunk_is_refused_and_the_index_stays(made):
    settings = config.load(made.folder / config.NAME)
    path = made.folder / "lists" / "gambling.txt"
    names = path.read_text()
    for text in ("", "<html><body>404 Not Found</body></html>\n", "gambling.test\n"):
        path.write_text(text)
        with pytest.raises(toml_file.RefusedError, match="--accept gambling"):
            listing.compile_lists(settings)
        assert decided(made.folder, "gambling.test", "ks2").reason is Reason.CATEGORY
    listing.compile_lists(settings, frozenset({"gambling"}))
    path.write_text(names)
    listing.compile_lists(settings)


def test_a_folder_of_lists_with_a_strange_file_is_refused(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "gamblng.txt").write_text("")
    with pytest.raises(toml_file.RefusedError, match="gamblng"):
        setup.init(tmp_path / "school", "Test School", lists=lists)
    assert not (tmp_path / "school").exists()


def test_the_commands_that_it_prints_work_as_written(tmp_path):
    folder = tmp_path / "two words"
    printed = schoolgate("init", str(folder)).stdout
    commands = re.findall(r"schoolgate ((?:policy apply|proxy notice|account invite \w+|run) .*)", printed)
    assert len(commands) == 6
    for command in commands:
        words = shlex.split(command)
        assert words[-2:] == ["--config", str(folder / "schoolgate.toml")]
        ran = schoolgate(*words, *(["--check"] if words[0] == "run" else []))
        assert ran.returncode == 0, ran.stderr


def test_a_list_that_would_close_what_lessons_need_is_shown_and_not_put_in_force(made):
    settings = config.load(made.folder / config.NAME)
    games = made.folder / "lists" / "games.txt"
    games.write_text(games.read_text() + "ttrockstars.com\n")
    education = made.folder / "lists" / "education.txt"
    education.write_text(education.read_text().replace("ttrockstars.com", "#"))
    with pytest.raises(
        toml_file.RefusedError, match=r"games: .*would close .*ttrockstars\.com for ks2, .*--accept games"
    ):
        listing.compile_lists(settings)
    assert not decided(made.folder, "ttrockstars.com", "ks2").blocked
    listing.compile_lists(settings, frozenset({"games"}))
    assert decided(made.folder, "ttrockstars.com", "ks2").blocked
    listing.compile_lists(settings)  # what is closed already is the school's own choice
