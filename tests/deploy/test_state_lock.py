"""Commands that change the state at the same time: real processes, one after the other."""

import contextlib
import fcntl
import shutil
import subprocess

import pytest

from blocklists import index, sealed, snapshot
from blocklists.clients import Clients
from blocklists.rulebook import Rulebook
from deploy import config, setup, state_lock
from tests.support.commands import COMMAND

AT_ONCE = 4


@pytest.fixture
def settings(tmp_path):
    return config.load(setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder / config.NAME)


def command(settings, *words, **options):
    return subprocess.Popen(
        [*COMMAND, *words, "--config", str(settings.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def printed_at_once(settings, *many):
    """What each of the commands *many* prints, when all are started at once."""
    with contextlib.ExitStack() as running:
        with state_lock.held(settings.files):
            processes = [running.enter_context(command(settings, *words)) for words in many]
            for process in processes:
                assert b"waiting" in process.stderr.readline()  # each of them is at the lock now
        return [good(process) for process in processes]


def good(process):
    """What *process* prints; it must end well."""
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    return said.decode()


def test_lists_that_are_sealed_at_once_are_all_in_force(settings, tmp_path):
    (tmp_path / "list.txt").write_text("hidden.test\n")
    names = [f"list-{n}" for n in range(AT_ONCE)]
    printed_at_once(settings, *(("sealed", "import", str(tmp_path / "list.txt"), "--list", n) for n in names))
    assert sorted(snapshot.read(settings.files.sealed, sealed.SealedLists).body.lists) == names


def test_policies_that_are_applied_at_once_have_a_version_each(settings):
    printed = printed_at_once(settings, *[("policy", "apply")] * AT_ONCE)
    assert sorted(printed) == [f"Policy version {n} is in force.\n" for n in range(2, 2 + AT_ONCE)]
    assert snapshot.read(settings.files.policy, Rulebook).version == 1 + AT_ONCE


def test_a_policy_that_waited_is_the_one_that_stands_in_the_files_then(settings):
    with state_lock.held(settings.files):
        process = command(settings, "policy", "apply")
        assert b"waiting" in process.stderr.readline()
        text = settings.file.read_text()
        settings.file.write_text('networks = [{ cidr = "10.1.0.0/16", profile = "ks2" }]\n' + text)
    process.communicate(timeout=60)
    assert [n.cidr for n in snapshot.read(settings.files.clients, Clients).body.networks] == ["10.1.0.0/16"]


def test_indexes_that_are_built_at_once_are_all_built(settings):
    printed = printed_at_once(settings, *[("lists", "compile")] * AT_ONCE)
    builds = {line.split()[1] for said in printed for line in said.splitlines() if line.endswith("is in force.")}
    assert len(builds) == AT_ONCE
    assert index.Index(settings.files.index / index.CURRENT).identity in builds


def test_a_state_that_was_lost_is_made_anew(settings):
    shutil.rmtree(settings.files.state)
    good(command(settings, "lists", "compile", "--accept", "exam"))
    good(command(settings, "policy", "apply"))
    assert snapshot.read(settings.files.policy, Rulebook).version == 1
    assert settings.files.state.stat().st_mode & 0o777 == 0o755


def test_a_check_waits_for_nobody(settings):
    with state_lock.held(settings.files):
        process = command(settings, "policy", "apply", "--check")
        assert b"waiting" not in process.communicate(timeout=60)[1]
        assert process.returncode == 0


def test_a_command_that_need_not_wait_says_nothing_of_waiting(settings):
    process = command(settings, "policy", "apply")
    assert b"waiting" not in process.communicate(timeout=60)[1]


def test_a_command_that_was_killed_holds_nobody_up(settings):
    with state_lock.held(settings.files):
        waiting = command(settings, "policy", "apply")
        assert b"waiting" in waiting.stderr.readline()
        waiting.kill()
        waiting.communicate(timeout=60)
    with (settings.files.state / state_lock.NAME).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
