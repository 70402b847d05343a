"""The demo school, asked as its user would."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.commands import COMMAND, children_of, schoolgate


@pytest.fixture(autouse=True)
def left_behind(monkeypatch):
    """What demo schools have in the temporary folder, which is the test's own: the machine's may have others."""
    with tempfile.TemporaryDirectory(prefix="d-") as folder:  # a short name: sockets lie below it
        monkeypatch.setenv("TMPDIR", folder)
        yield lambda: set(Path(folder).glob("schoolgate-demo-*"))


def test_the_demo_does_what_the_policy_says(left_behind):
    ran = schoolgate("demo", "--exit", "--json", timeout=120)
    said = json.loads(ran.stdout)
    assert (ran.returncode, said["problems"]) == (0, []), ran.stderr
    assert all(row["open"] == row["expected_open"] for row in said["rows"])
    assert {row["who"] for row in said["rows"]} == {"ks1", "ks2", "ks3", "ks4", "staff", "visitor"}
    assert [row["open"] for row in said["rows"] if row["way"] == "closed"] == [False]
    sources = {"dns": "dns", "web": "proxy"}
    refused = [row for row in said["rows"] if not row["open"] and row["way"] in sources]
    closed = [(row["client"], sources[row["way"]]) for row in refused]
    assert sorted(closed) == sorted((breach["address"], breach["source"]) for breach in said["breaches"])
    assert {row["severity"] for row in said["breaches"]} == {"none", "NOTE", "URGENT", "ILLEGAL"}
    assert sorted(subject_severity(mail["subject"]) for mail in said["mail"]) == ["ILLEGAL", "URGENT"]
    assert {mail["to"][0] for mail in said["mail"]} == {"dsl@demo.test"}
    assert left_behind() == set()


def subject_severity(subject):
    return re.search("illegal|urgent", subject, re.IGNORECASE)[0].upper()


def test_with_the_gambling_list_emptied_it_fails_and_names_the_row(tmp_path):
    (tmp_path / "gambling.txt").write_text("# emptied\n")
    ran = schoolgate("demo", "--exit", "--lists", str(tmp_path), timeout=120)
    assert ran.returncode == 1
    assert "ks2 web https://gambling.test/: open, but the policy says closed" in " ".join(ran.stdout.split())


def test_left_running_it_says_how_to_try_it_refuses_a_second_and_ends_cleanly(left_behind):
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        said = read_until(demo.stdout, "Files:")
        for word in ("dig -p 5300 -b 127.0.0.1", "curl --cacert", "chromium", "password:"):
            assert word in said
        assert asked_as_printed(said, r"dig -p .* gambling\.test").stdout.count("127.0.0.81") == 1
        assert (
            "403"
            in asked_as_printed(
                said, r"curl .* https://gambling\.test\S*", "-s", "-o", "/dev/null", "-w", "%{http_code}"
            ).stdout
        )
        second = schoolgate("demo", timeout=30)
        assert second.returncode == 1
        assert f"already running (process {demo.pid})" in second.stderr
        began = time.monotonic()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
        assert time.monotonic() - began < 5
        demo.stdout.read()
    assert left_behind() == set()


def test_a_closed_terminal_ends_it_and_everything_of_it(left_behind):
    ours, its_own = os.openpty()
    command = ["setsid", "--ctty", *COMMAND, "demo"]
    with subprocess.Popen(command, stdin=its_own, stdout=its_own, stderr=its_own) as demo:
        os.close(its_own)
        try:
            with os.fdopen(ours, "rb") as terminal:
                read_until((line.decode() for line in terminal), "Files:")
                children = children_of(demo.pid)
            assert demo.wait(timeout=60) == 0
        finally:
            demo.terminate()
    assert len(children) == 6
    assert not children.keys() & {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    assert left_behind() == set()


def test_it_ends_when_what_it_says_is_cut_off_before_the_end(left_behind):
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        demo.stdout.close()
        assert (demo.wait(timeout=60), "Error" in demo.stderr.read()) == (0, False)
    assert left_behind() == set()


def read_until(stream, word):
    lines = []
    for line in stream:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"{word!r} never came:\n{''.join(lines)}")


def asked_as_printed(said, pattern, *more):
    """Run a line exactly as the demo printed it."""
    line = re.search(pattern, said)[0]
    return subprocess.run([*line.split(), *more], capture_output=True, text=True, timeout=30, check=True)


def test_make_is_not_needed_to_find_the_command():
    assert Path(sys.executable).with_name("schoolgate").exists()
