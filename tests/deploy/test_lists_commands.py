"""`schoolgate lists` as a technician runs it: processes, a real server, a real index."""

import json
import os
import pty
import re
import resource
import signal
import subprocess
import threading

import pytest

from blocklists import index, stored
from deploy import config, setup, store
from tests.support.commands import COMMAND, schoolgate, unmeasured
from tests.support.list_server import ListServer, Reply, lines, many

PAGE = b"<!doctype html><title>Log in</title>\n"


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ListServer() as started:
        started.replies["/bets"] = Reply(lines("bets.test", "more-bets.test"), etag='"1"')
        yield started


class School:
    """A school's folder, and the commands in it."""

    def __init__(self, folder):
        self.folder = setup.init(folder, "Test School", shown_by="A. Okafor").folder
        self.file = self.folder / config.NAME

    def subscribe(self, server, label="bets", extra=""):
        with self.file.open("a") as file:
            file.write(f'\n[subscriptions.{label}]\nurl = "{server.url}/{label}"\nlist = "gambling"\n{extra}')

    def lists(self, *words):
        return schoolgate("lists", *words, "--config", str(self.file))

    def told(self, *words):
        """What the command prints as JSON, and its exit code."""
        ran = self.lists(*words, "--json")
        assert not ran.stderr
        return json.loads(ran.stdout), ran.returncode

    @property
    def build(self):
        return (self.folder / "state/index" / index.CURRENT).resolve().name

    def listed(self, name):
        told = json.loads(self.lists("lookup", name, "--json").stdout)
        return sorted({one for found in told["listings"] for one in found["lists"]})


@pytest.fixture
def school(tmp_path):
    return School(tmp_path / "school")


def test_an_update_puts_what_is_new_in_force(school, server):
    school.subscribe(server)
    before = school.build
    ran = school.lists("update")
    assert (ran.returncode, ran.stderr) == (0, "")
    first, second, third = ran.stdout.splitlines()
    assert first == "bets                    new: 2 rules"
    assert second == "  gambling              2 rules, 100.0% of the lines understood"
    assert third == f"Index {school.build} is in force."
    assert school.build != before
    assert school.listed("www.bets.test") == ["gambling"]
    assert school.listed("gambling.test") == ["gambling"], "the school's own file feeds the list too"


def test_an_update_without_news_builds_nothing(school, server):
    school.subscribe(server)
    school.lists("update")
    before = school.build
    ran = school.lists("update")
    assert (ran.returncode, ran.stdout) == (0, "bets                    not changed: 2 rules\n")
    assert school.build == before


def test_an_update_that_builds_nothing_is_made_up_for_by_the_next(school, server):
    school.subscribe(server)
    before = school.build
    assert "Index" not in school.lists("update", "--no-compile").stdout
    assert school.build == before
    told, code = school.told("update")
    assert (told["lists"][0]["state"], code) == ("unchanged", 0)
    assert told["build"] == school.build != before
    assert school.listed("bets.test") == ["gambling"]


def test_what_looks_wrong_is_held_back_reported_and_accepted_by_one_command(school, server):
    school.subscribe(server)
    school.lists("update")
    server.replies["/bets"] = Reply(PAGE)
    ran = school.lists("update")
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == [
        "bets                    HELD BACK: it is a web page (HTML) and not a list; the copy in force stays",
        "                        if this is meant: schoolgate lists accept bets",
    ]
    told, code = school.told("status")
    assert (told["good"], told["labels"][0]["held"], code) == (False, "is a web page (HTML) and not a list", 1)
    assert school.listed("bets.test") == ["gambling"]
    told, code = school.told("accept", "bets")
    assert (told["lists"][0]["rules"], code) == (0, 0)
    assert school.listed("bets.test") == []
    assert school.listed("gambling.test") == ["gambling"]
    ran = school.lists("accept", "bets")
    assert (ran.returncode, ran.stderr) == (1, "bets: no copy of it is held back; nothing was changed\n")


def test_a_list_that_cannot_be_had_is_reported_and_the_others_go_on(school, server):
    school.subscribe(server)
    school.subscribe(server, "lost")
    told, code = school.told("update")
    assert [(one["label"], one["state"], one["why"]) for one in told["lists"]] == [
        ("bets", "fetched", ""),
        ("lost", "failed", "the server answered 404 Not Found"),
    ]
    assert (code, told["problems"]) == (1, [])
    assert school.listed("bets.test") == ["gambling"]
    ran = school.lists("update", "lost")
    assert (ran.returncode, ran.stdout) == (1, "lost                    FAILED: the server answered 404 Not Found\n")


def test_a_list_that_may_shrink_far_shrinks_in_the_index_too(school, server):
    server.replies["/bets"] = Reply(many(500))
    school.subscribe(server, extra="shrinks_to = 0.01\n")
    school.lists("update")
    server.replies["/bets"] = Reply(many(10))
    assert school.lists("update").returncode == 0
    assert (school.listed("name9.test"), school.listed("name10.test")) == (["gambling"], [])


def test_only_what_is_subscribed_can_be_updated(school, server):
    school.subscribe(server)
    ran = school.lists("update", "bts", "bets")
    assert (ran.returncode, ran.stderr) == (1, "there is no subscription 'bts'; they are: bets\n")
    assert not server.requests


def test_without_subscriptions_there_is_nothing_to_do(school):
    ran = school.lists("update")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_force_fetches_what_has_not_changed(school, server):
    school.subscribe(server)
    school.lists("update")
    assert school.told("update", "--force")[0]["lists"][0]["state"] == "fetched"


def test_two_updates_at_once_do_not_meet(school, server):
    school.subscribe(server)
    with store.changing(config.load(school.file).files):
        ran = school.lists("update")
    assert ran.returncode == 1
    assert ran.stderr.endswith(
        "another command is changing the lists; nothing was changed, try again when it has ended\n"
    )
    assert not server.requests


def test_an_import_comes_into_force_without_a_network(school, tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "gambling.txt").write_bytes(lines("bets.test"))
    (tmp_path / "stick" / "gmaes.txt").write_bytes(lines("games.test"))
    ran = school.lists("import", str(tmp_path / "stick"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "gambling                new: 1 rule",
        "  gambling              1 rule, 100.0% of the lines understood",
        "                        left out, as they stand for no list here: gmaes",
        f"Index {school.build} is in force.",
    ]
    assert school.listed("bets.test") == ["gambling"]


def test_a_lookup_as_json_has_what_the_words_have(school, tmp_path):
    (tmp_path / "bets.txt").write_bytes(lines("https://bets.test/poker/"))
    school.lists("import", str(tmp_path / "bets.txt"), "--list", "gambling")
    assert school.told("lookup", "Bets.TEST") == ({"asked": "bets.test", "listings": [], "pages_on": ["gambling"]}, 0)
    assert school.lists("lookup", "Bets.TEST").stdout == (
        "bets.test is on no list.\nSome of its pages are on gambling; ask for one of them by its URL.\n"
    )
    told, _ = school.told("lookup", "https://bets.test/poker/a")
    assert (told["asked"], told["pages_on"]) == ("https://bets.test/poker/a", [])
    assert told["listings"][0]["lists"] == ["gambling"]


def test_an_import_can_be_taken_back(school, tmp_path):
    (tmp_path / "bets.txt").write_bytes(lines("bets.test"))
    told, code = school.told("import", str(tmp_path / "bets.txt"), "--list", "gambling", "--label", "mine")
    assert (told["build"], told["lists"][0]["label"], code) == (school.build, "mine", 0)
    ran = school.lists("remove", "mine")
    assert (ran.returncode, ran.stdout) == (0, f"Index {school.build} is in force.\n")
    assert school.listed("bets.test") == []
    ran = school.lists("remove", "mine")
    assert (ran.returncode, ran.stderr) == (1, "there is no copy of 'mine'; nothing was changed\n")


def test_a_damaged_label_is_named_with_a_way_out_that_works(school, tmp_path):
    (tmp_path / "many.txt").write_bytes(many(5000))
    assert school.lists("import", str(tmp_path / "many.txt"), "--list", "gambling", "--label", "mine").returncode == 0
    (school.folder / "state/lists/mine" / stored.META).write_text("{")
    ran = school.lists("compile")
    assert ran.returncode == 1
    assert "run: schoolgate lists remove mine, or update or import it again" in ran.stderr
    ran = school.lists("remove", "mine")
    assert (ran.returncode, ran.stdout) == (0, f"Index {school.build} is in force.\n"), ran.stderr
    assert school.listed("name1.test") == []


def test_an_import_that_cannot_be_told_is_refused(school, tmp_path):
    (tmp_path / "x.txt").write_bytes(lines("bets.test"))
    ran = school.lists("import", str(tmp_path / "x.txt"))
    says = f"{tmp_path}/x.txt: it has no file that is called like a list of policy.toml; nothing was changed\n"
    assert (ran.returncode, ran.stderr) == (1, says)


def test_an_index_that_is_refused_is_said_and_tried_again(school, server):
    school.subscribe(server)
    own = school.folder / "lists" / "games.txt"
    kept = own.read_text()
    own.write_text("# emptied\n")
    told, code = school.told("update")
    assert (told["build"], code) == (None, 1)
    assert "games" in told["problems"][0]
    ran = school.lists("update")
    assert ran.returncode == 1
    assert "games" in ran.stderr
    own.write_text(kept)
    assert school.lists("update").returncode == 0
    assert school.listed("bets.test") == ["gambling"]


def test_an_index_that_cannot_be_built_is_said_as_json_too(school, tmp_path):
    own = school.folder / "lists" / "games.txt"
    own.rename(tmp_path / "games.txt")
    (tmp_path / "bets.txt").write_bytes(lines("bets.test"))
    told, code = school.told("import", str(tmp_path / "bets.txt"), "--list", "gambling")
    assert (told["build"], told["problems"], code) == (None, [f"{own}: No such file or directory"], 1)
    assert told["lists"][0]["state"] == "fetched"
    (school.folder / "state/lists/bets" / stored.META).write_text("{")
    told, code = school.told("import", str(tmp_path / "bets.txt"), "--list", "gambling", "--label", "more")
    assert (told["build"], code) == (None, 1)
    assert "run: schoolgate lists remove bets" in told["problems"][0]


def test_a_full_disk_is_said_with_the_folder_that_it_is_of(school, tmp_path):
    """A limit of 1000 bytes a file fails the writing of a copy, as a full disk does."""
    (tmp_path / "gambling.txt").write_bytes(many(500))
    command = [*COMMAND, "lists", "import", str(tmp_path), "--config", str(school.file)]
    limit = (1000, resource.RLIM_INFINITY)
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=unmeasured(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert ran.returncode == 1
    assert f"FAILED: {school.folder}/state/lists: File too large" in ran.stdout


def test_a_compile_by_hand_takes_what_is_in_force(school, server):
    school.subscribe(server)
    school.lists("update", "--no-compile")
    assert school.told("status")[0]["compiled"] is False
    assert school.lists("compile").returncode == 0
    assert school.told("status") == (school.told("status")[0], 0)
    assert school.listed("bets.test") == ["gambling"]


def test_bars_are_for_a_terminal_and_cleaned_up(school, server):
    school.subscribe(server)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "lists", "update", "--config", str(school.file)], stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other end has been closed
            pass
        printed = process.stdout.read()
    os.close(ours)
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).decode()
    assert "bets" in text
    assert "new" in text
    assert b"\x1b" not in printed


def test_ctrl_c_ends_an_update_and_leaves_what_is_in_force(school, server):
    school.subscribe(server)
    school.lists("update")
    reached = threading.Event()

    class Slow(Reply):
        @property
        def drip(self):
            reached.set()
            return True

        @drip.setter
        def drip(self, _):
            pass

    server.replies["/bets"] = Slow()
    with subprocess.Popen(
        [*COMMAND, "lists", "update", "--config", str(school.file)], stderr=subprocess.PIPE
    ) as process:
        assert reached.wait(30)
        process.send_signal(signal.SIGINT)
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (130, b"")
    assert school.listed("bets.test") == ["gambling"]
    server.replies["/bets"] = Reply(lines("bets.test", "new.test"))
    assert school.lists("update").returncode == 0
    assert school.listed("new.test") == ["gambling"]
