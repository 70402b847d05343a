"""`schoolgate proxy refusals`: what it says, and that it changes nothing."""

import json

import msgspec
import pytest

from deploy import config, setup
from proxy_addons.distrust import Group, Seen
from tests.support.commands import schoolgate


@pytest.fixture
def school(tmp_path):
    return setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder


def write(school, name, *groups):
    folder = school / "run" / "workers"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(msgspec.json.encode(Seen(groups)))


def refusals(school, *more):
    ran = schoolgate("proxy", "refusals", *more, "--config", str(school / config.NAME))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


APP = Group("Lessons", "api.lessons.test", "ks2", 3, 2, 0, 10**9)


def test_it_proposes_an_entry_and_makes_none(school):
    before = (school / "policy.toml").read_bytes()
    write(school, "refusals-0.json", APP)
    said = refusals(school)
    assert (
        "Lessons to api.lessons.test: 3 times, 2 devices with the profile ks2, last 1970-01-01T00:00:01+00:00" in said
    )
    assert 'add "api.lessons.test" to allow in [profiles.ks2] of' in said
    assert (school / "policy.toml").read_bytes() == before


def test_the_files_of_all_workers_are_one_list_for_scripts(school):
    write(school, "refusals-0.json", APP)
    write(school, "refusals-1.json", APP)
    (school / "run" / "workers" / "refusals-2.json").write_text("junk")
    (one,) = json.loads(refusals(school, "--json"))["refusals"]
    assert one["count"] == 6
    assert one["proposal"] == {"key": "profiles.ks2.allow", "add": "api.lessons.test"}


def test_what_an_app_calls_itself_moves_no_terminal(school):
    write(school, "refusals-0.json", Group("\x1b[31mred", "a.test", "ks2", 1, 1, 0, 0))
    said = refusals(school)
    assert "\x1b" not in said
    assert "once, 1 device " in said


def test_without_refusals_it_says_so(school):
    assert "No app has refused" in refusals(school)
