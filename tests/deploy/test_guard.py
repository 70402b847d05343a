import json

import pytest

from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Request, decide
from deploy import config, guard, listing, setup, toml_file
from tests.support.commands import schoolgate

MONDAY_TEN = 1_799_661_600 * 10**9


@pytest.fixture
def school(tmp_path):
    return setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder


def is_open(school, host, profile="ks2"):
    live = Live(config.load(school / config.NAME).files)
    live.refresh()
    return not decide(live.policy, Request(Kind.DNS, Client("10.0.0.1", profile), host, MONDAY_TEN)).blocked


def imports(school, name, *lines):
    path = school / f"{name}.txt"
    path.write_text("\n".join(lines) + "\n")
    command = ("lists", "import", str(path), "--list", name, "--label", "outside", "--json")
    ran = schoolgate(*command, "--config", str(school / config.NAME))
    return ran, json.loads(ran.stdout)


def test_what_a_copy_would_close_of_the_corpus_is_shown_and_not_applied_and_the_rest_is(school):
    ran, _ = imports(school, "gambling", "bbc.co.uk", "newbets.test", "www.nhs.uk")
    assert ran.returncode == 0
    assert "its rule bbc.co.uk would close bbc.co.uk for " in ran.stderr
    assert "its rule www.nhs.uk would close www.nhs.uk for " in ran.stderr
    assert "schoolgate lists compile --accept gambling" in ran.stderr
    assert [is_open(school, host) for host in ("www.bbc.co.uk", "www.nhs.uk", "newbets.test")] == [True, True, False]


def test_what_was_not_applied_is_applied_once_it_is_accepted(school):
    imports(school, "gambling", "bbc.co.uk", "newbets.test")
    settings = config.load(school / config.NAME)
    assert len(listing.compile_lists(settings).not_applied) == 1
    assert is_open(school, "bbc.co.uk")
    assert listing.compile_lists(settings, frozenset({"gambling"})).not_applied == ()
    assert not is_open(school, "bbc.co.uk")


def test_a_copy_that_may_shrink_may_not_close_the_corpus_for_that(school):
    imports(school, "gambling", "bbc.co.uk")
    settings = config.load(school / config.NAME)
    assert listing.compile_lists(settings, shrunk=frozenset({"gambling"})).not_applied
    assert is_open(school, "bbc.co.uk")


@pytest.mark.parametrize("pattern", [r"/^(www\.)?bbc\.co\.uk$/", "||bbc.co.uk/lessons", "*lesson*/"])
def test_of_patterns_and_pages_too(school, pattern):
    ran, _ = imports(school, "pornography", pattern, "||newbets.test^")
    assert ran.returncode == 0
    assert " would close " in ran.stderr
    assert (is_open(school, "bbc.co.uk"), is_open(school, "newbets.test")) == (True, False)


def test_exceptions_that_take_most_of_a_list_off_it_are_refused(school):
    names = [f"||bets{n}.test^" for n in range(600)]
    assert imports(school, "gambling", *names)[0].returncode == 0
    ran, said = imports(school, "gambling", *names, *(f"@@||bets{n}.test^" for n in range(600)))
    assert ran.returncode == 1
    assert "exceptions taken off" in said["problems"][0]
    assert not is_open(school, "bets7.test")


def test_an_own_file_that_is_gone_is_refused_though_a_copy_is_there(school):
    imports(school, "gambling", *(f"bets{n}.test" for n in range(600)))
    own = school / "lists" / "gambling.txt"
    text = own.read_text()
    own.unlink()
    settings = config.load(school / config.NAME)
    with pytest.raises(toml_file.RefusedError, match="gambling: its own file is gone, which had"):
        listing.compile_lists(settings)
    assert not is_open(school, "gambling.test")
    listing.compile_lists(settings, frozenset({"gambling"}))
    own.write_text(text)


def test_a_build_without_the_file_of_what_was_not_applied_applied_all(tmp_path):
    assert guard.not_applied(tmp_path) == ()
    (tmp_path / guard.NOT_APPLIED).write_text("{")
    assert guard.not_applied(tmp_path) == ()


def test_where_the_index_in_force_is_damaged_the_one_before_it_is_what_a_new_one_is_held_to(school):
    settings = config.load(school / config.NAME)
    listing.compile_lists(settings)
    (settings.files.index / "current" / "names.marisa").write_bytes(b"x")
    own = school / "lists" / "games.txt"
    own.write_text(own.read_text() + "bbc.co.uk\n")
    with pytest.raises(toml_file.RefusedError, match=r"its rule bbc\.co\.uk would close"):
        listing.compile_lists(settings)


def test_the_status_says_what_was_not_applied(school):
    imports(school, "gambling", "bbc.co.uk", "newbets.test")
    ran = schoolgate("lists", "status", "--config", str(school / config.NAME))
    assert ran.returncode == 1
    assert "its rule bbc.co.uk would close bbc.co.uk" in ran.stdout


def test_an_update_builds_a_damaged_index_anew(school):
    (school / "state" / "index" / "current" / "names.marisa").write_bytes(b"x")
    assert "damaged" in schoolgate("run", "--check", "--config", str(school / config.NAME)).stderr
    assert "damaged" in schoolgate("lists", "status", "--config", str(school / config.NAME)).stdout
    assert schoolgate("lists", "update", "--config", str(school / config.NAME)).returncode == 0
    assert not is_open(school, "gambling.test")


def test_a_stray_top_level_domain_in_a_list_that_closes_is_left_out_and_told(school):
    own = school / "lists" / "games.txt"
    own.write_text(own.read_text() + "com\nnewgame.test\n")
    compiled = listing.compile_lists(config.load(school / config.NAME))
    assert compiled.read["games"][0].tally.reasons == {"a name with one label, in a list that closes": 1}
    assert (is_open(school, "www.example.com", "staff"), is_open(school, "newgame.test")) == (True, False)
