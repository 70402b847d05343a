import json
import subprocess
import sys

import pytest

from deploy import config, listing, setup


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = setup.init(tmp_path_factory.mktemp("explain") / "school", "Test School")
    settings = config.load(made.folder / config.NAME)
    listing.seal_list(settings, "practice", iter([b"hidden.test"]))
    return made.folder / config.NAME


def schoolgate(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def explained(school, *arguments):
    ran = schoolgate("explain", *arguments, "--json", "--config", str(school))
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("question", "profile", "at", "action", "reason"),
    [
        ("gambling.test", "ks2", "2027-01-11T10:00", "block", "category"),
        ("social.test", "staff", "2027-01-11T10:00", "block", "category"),
        ("social.test", "staff", "2027-01-11T16:00", "allow", "category"),
        ("https://positive.test/page", "ks1", "2027-01-11T10:00", "block", "not_approved"),
        ("always-open.test", "ks1", "2027-01-11T10:00", "allow", "always_open"),
        ("education.minecraft.net", "ks2", "2027-01-11T10:00", "allow", "education"),
    ],
)
def test_the_answer_is_what_somebody_would_meet(school, question, profile, at, action, reason):
    found = explained(school, question, "--profile", profile, "--at", at)
    assert (found["verdict"]["action"], found["verdict"]["reason"]) == (action, reason)
    assert found["steps"][-1][2] is True


def test_a_sealed_name_is_explained_as_an_unlisted_one(school):
    sealed = explained(school, "hidden.test", "--profile", "ks3", "--at", "2027-01-11T10:00")
    unlisted = explained(school, "unheard.test", "--profile", "ks3", "--at", "2027-01-11T10:00")
    assert sealed["verdict"] == unlisted["verdict"]
    assert sealed["steps"] == unlisted["steps"]


def test_the_words_walk_the_order_down_to_the_answer(school):
    ran = schoolgate("explain", "gambling.test", "--profile", "ks2", "--config", str(school))
    assert ran.stdout.startswith("gambling.test for ks2 at ")
    assert "=> category" in ran.stdout
    assert "list gambling, rule gambling.test" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("x.test", "--profile", "ks99"), 1, "there is no profile 'ks99'"),
        (("x.test", "--client", "10.0.0.1"), 1, "in none of the networks in force"),
        (("not a name", "--profile", "ks2"), 1, "is not a name"),
        (("http://", "--profile", "ks2"), 1, "is not a web address"),
        (("x.test", "--profile", "ks2", "--at", "noon"), 1, "is not a time"),
        (("x.test",), 2, "either --profile or --client"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(school, arguments, code, sentence):
    ran = schoolgate("explain", *arguments, "--config", str(school))
    assert ran.returncode == code
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr
