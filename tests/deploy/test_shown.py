"""No connection is opened before its users were shown the notice as it stands (G13)."""

import json

import pytest

from blocklists import snapshot
from blocklists.rulebook import Rulebook
from deploy import config, setup
from tests.support.commands import schoolgate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return setup.init(tmp_path_factory.mktemp("shown") / "school", "Oak Lane School")


@pytest.fixture
def school(made):
    """The school before anybody was shown anything."""
    settings = config.load(made.folder / config.NAME)
    record, text = made.folder / "notice.shown", settings.policy.read_text()
    yield settings
    settings.policy.write_text(text)
    record.unlink(missing_ok=True)


def run(settings, *words):
    return schoolgate(*words, "--config", str(settings.file))


def applied(settings):
    """What `policy apply` says on standard error; the names of the profiles with a certificate in force."""
    told = run(settings, "policy", "apply")
    assert told.returncode == 0, told.stderr
    profiles = snapshot.read(settings.files.policy, Rulebook).body.profiles
    return told.stderr, {name for name, profile in profiles.items() if profile.certificate}


def test_a_new_school_opens_no_connection_and_says_how_to_change_that(school):
    told, opened = applied(school)
    assert opened == set()
    assert "no connection of eyfs, ks1, ks2" in told
    assert "schoolgate proxy notice" in told


def test_whoever_was_shown_the_notice_is_opened_once_it_is_on_record(school):
    done = run(school, "proxy", "notice", "--shown", "ks2", "--shown", "staff", "--by", "A.  Okafor")
    assert done.stdout == "On record for ks2, staff. schoolgate policy apply puts it in force.\n"
    told, opened = applied(school)
    assert opened == {"ks2", "staff"}
    assert "ks1" in told
    assert "ks2" not in told
    (first, second) = map(json.loads, (school.folder / "notice.shown").read_text().splitlines())
    assert (first["by"], first["profile"], second["profile"]) == ("A. Okafor", "ks2", "staff")


def test_a_notice_that_says_something_else_is_to_be_shown_again(school):
    run(school, "proxy", "notice", "--shown", "staff", "--by", "A. Okafor")
    before = school.policy.read_text()
    head, staff = before.split("[profiles.staff]", 1)
    assert 'watch = "staff"' in staff
    school.policy.write_text(f"{head}[profiles.staff]{staff.replace('watch = "staff"', 'watch = "all"', 1)}")
    assert applied(school)[1] == set()
    school.policy.write_text(before)
    assert applied(school)[1] == {"staff"}


def test_a_profile_that_is_never_opened_needs_no_record(school):
    told, _ = applied(school)
    assert "visitor" not in told.partition("schoolgate proxy notice")[0]


@pytest.mark.parametrize("line", [b"nonsense", b'{"profile": "ks2"}', b"\xff", b'{"profile": "ks2", "notice": 5}', b""])
def test_a_line_that_cannot_be_read_counts_for_nothing(school, line):
    (school.folder / "notice.shown").write_bytes(line + b"\n")
    assert applied(school)[1] == set()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shown", "ks9", "--by", "A. Okafor"], "'ks9' is no profile; there are eyfs"),
        (["--shown", "ks2", "--by", "\x1b[2J"], "--by: write a name"),
        (["--shown", "ks2"], "--by: write a name"),
        (["--by", "A. Okafor"], "--by goes with --shown PROFILE"),
    ],
    ids=["profile", "name", "nobody", "alone"],
)
def test_what_cannot_be_recorded_is_refused_and_changes_nothing(school, words, says):
    refused = run(school, "proxy", "notice", *words)
    assert refused.returncode != 0
    assert says in refused.stderr
    assert not (school.folder / "notice.shown").exists()


def test_the_notice_is_what_would_be_opened_and_says_who_was_not_shown_it(school):
    found = json.loads(run(school, "proxy", "notice", "--json").stdout)
    users = {one["profile"]: one["opened"] for one in found["users"]}
    assert users["ks2"]
    assert not users["visitor"]
    assert set(found["not_shown"]) == {name for name, opened in users.items() if opened}
    run(school, "proxy", "notice", "--shown", "ks2", "--by", "A. Okafor")
    assert "ks2" not in json.loads(run(school, "proxy", "notice", "--json").stdout)["not_shown"]
