"""`schoolgate proxy notice`: what users are told of the web filter."""

import json

import pytest

from deploy import config, setup
from tests.support.commands import schoolgate


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    folder = setup.init(tmp_path_factory.mktemp("notice") / "school", "Oak Lane", shown_by="A. Okafor").folder
    (folder / "lists" / "essential.txt").write_text("bank.test\n")
    return folder


def notice(school, *more):
    ran = schoolgate("proxy", "notice", *more, "--config", str(school / config.NAME))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def told(school):
    return json.loads(notice(school, "--json"))


@pytest.mark.parametrize(
    ("profile", "opened", "words"),
    [
        ("ks2", True, "sites that nothing is known of"),
        ("ks2", True, "goes to the Designated Safeguarding Lead"),
        ("ks2", True, "kept for 90 days"),
        ("staff", True, "looked at for bypass, illegal, malware, radicalisation, and nothing else"),
        ("visitor", False, "No connection is opened"),
        ("byod", False, "No connection is opened"),
    ],
)
def test_each_profiles_users_are_told_what_is_opened_and_looked_at(told, profile, opened, words):
    (users,) = (one for one in told["users"] if one["profile"] == profile)
    assert users["opened"] is opened
    assert words in " ".join(users["says"])


def test_who_is_watched_for_nothing_is_told_of_no_watching(told):
    for users in told["users"]:
        assert ("looked at for" in " ".join(users["says"])) is users["opened"], users


def test_every_site_that_is_never_opened_is_on_it(told):
    by_title = {sites["title"]: sites["names"] for sites in told["never_opened"]}
    assert "childline.org.uk" in by_title["Helplines and the sites that go with them"]
    assert ["bank.test"] in by_title.values()
    assert len(by_title) == 3
    assert all(names == sorted(names) for names in by_title.values())


def test_it_is_written_for_people(school, told):
    said = notice(school)
    assert said.startswith("# What the web filter of Oak Lane looks into\n")
    assert all(sentence in said for users in told["users"] for sentence in users["says"])
    assert "\n- bank.test\n" in said
    assert "## Never opened, for anybody" in said
