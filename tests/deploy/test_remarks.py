import subprocess

import pytest

from blocklists import snapshot
from blocklists.index import CURRENT
from blocklists.rulebook import Rulebook
from deploy import config, policy_file, remarks, setup
from tests.support.commands import COMMAND, schoolgate


@pytest.fixture
def school(tmp_path):
    """A school on which there is nothing to remark."""
    folder = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder
    changed(folder / config.NAME, "[paths]", 'networks = [{ cidr = "10.1.0.0/16", profile = "ks2" }]\n[paths]')
    changed(folder / config.NAME, '"127.0.0.1:5300"', '"10.1.0.1:5300"')
    changed(folder / config.NAME, 'closed_address_v4 = ""', 'closed_address_v4 = "10.1.0.2"')
    changed(folder / config.NAME, "[closed]", '[closed]\nlisten_tls = ["10.1.0.2:8490"]\n#')
    changed(folder / config.NAME, "listen_tls = []", "")
    changed(folder / config.NAME, 'dsl = ""', 'dsl = "dsl@school.test"')
    changed(folder / config.NAME, '"http://127.0.0.1:8600"', '"https://schoolgate.school.test"')
    setup.write_clients(config.load(folder / config.NAME))
    return folder


def changed(path, find, replace, after=""):
    before, mark, text = path.read_text().partition(after) if after else ("", "", path.read_text())
    assert find in text
    path.write_text(before + mark + text.replace(find, replace, 1))


def remarked(folder):
    settings = config.load(folder / config.NAME)
    return list(remarks.of(settings, policy_file.read(settings.policy)))


def test_of_a_school_that_is_set_up_there_is_nothing_to_remark(school):
    assert remarked(school) == []


@pytest.mark.parametrize(
    ("find", "replace", "sentence"),
    [
        (
            'networks = [{ cidr = "10.1.0.0/16", profile = "ks2" }]',
            "",
            "networks: there is none, so nobody is answered",
        ),
        ('listen = ["10.1.0.1:5300"]', "listen = []", "dns.listen: there is no address"),
        ('"10.1.0.1:5300"', '"127.0.0.1:5300", "[::1]:5300"', "dns.listen: only this machine can ask for a name there"),
        (
            '"10.1.0.2"',
            '""',
            "dns.closed_address_v4: there is no address for closed names, so closed names do not exist for",
        ),
        (
            'listen_tls = ["10.1.0.2:8490"]',
            "",
            "closed.listen: nothing listens at the closed address, so a closed name",
        ),
        ('listen = ["127.0.0.1:8080"]', "listen = []", "peek.listen: there is no address"),
        ('"dsl@school.test"', '""', "reporting.contacts: there is no address, so nobody is told of an alert"),
        (
            'dsl = "dsl@school.test"\ndsl_confirmed = false\nheadteacher = ""',
            'dsl_confirmed = true\nheadteacher = "head@school.test"',
            "reporting.contacts.dsl_confirmed: there is no address of the DSL",
        ),
        ("https://schoolgate.school.test", "http://localhost:8600", "reporting.public_url: http://localhost:8600: the"),
        ("https://schoolgate.school.test", "http://[::1]:8600", "reporting.public_url: http://[::1]:8600: the link"),
    ],
)
def test_settings_that_are_probably_not_meant_are_remarked(school, find, replace, sentence):
    path = school / config.NAME
    path.write_text("\n".join(line.partition("  #")[0] for line in path.read_text().splitlines() if line[:1] != "#"))
    changed(path, find, replace)
    (remark,) = remarked(school)
    assert remark.startswith(f"{path}: {sentence}")


def test_where_no_profile_of_a_network_can_be_shown_a_page_none_is_missed(school):
    changed(school / config.NAME, '"10.1.0.2"', '""')
    changed(school / config.NAME, '"10.1.0.0/16", profile = "ks2"', '"10.1.0.0/16", profile = "visitor"')
    assert remarked(school) == []


def test_the_demos_link_to_its_own_machine_is_meant(school):
    changed(school / config.NAME, "https://schoolgate.school.test", "http://127.0.0.1:8600")
    changed(school / config.NAME, "loopback_school = false", "loopback_school = true")
    changed(school / config.NAME, 'cidr = "10.1.0.0/16"', 'cidr = "127.0.1.0/24"')
    changed(school / config.NAME, '"10.1.0.1:5300"', '"127.0.0.1:5300"')
    assert remarked(school) == []


@pytest.mark.parametrize("host", ["self-harm.test", "www.self-harm.test/page"])
def test_an_allow_entry_that_opens_what_is_locked_is_remarked(school, host):
    changed(school / "policy.toml", "allow = []", f'allow = ["positive.test", "{host}"]', "[profiles.ks2]")
    (remark,) = remarked(school)
    assert remark == (
        f"{school}/policy.toml: profiles.ks2.allow[1]: {host} opens what is locked for ks2 (self_harm);"
        " remove it unless leadership has decided so and written down why"
    )


def test_an_allow_entry_that_opens_what_is_closed_and_not_locked_is_no_matter(school):
    changed(school / "policy.toml", "allow = []", 'allow = ["self-harm.test"]', "[profiles.staff]")
    assert remarked(school) == []


def test_a_list_without_a_file_and_one_that_is_not_compiled_are_remarked(school):
    changed(school / "policy.toml", "[lists]", '[lists]\nmine = { role = "positive" }')
    assert remarked(school) == [
        f"{school}/policy.toml: lists.mine: there is no file {school}/lists/mine.txt; schoolgate lists compile needs it"
    ]
    (school / "lists" / "mine.txt").write_text("mine.test\n")
    assert remarked(school) == [f"{school}/policy.toml: lists.mine: not in the index yet; run schoolgate lists compile"]


def test_without_an_index_nothing_is_said_of_it(school):
    changed(school / "policy.toml", "allow = []", 'allow = ["self-harm.test"]', "[profiles.ks2]")
    (school / "state" / "index" / CURRENT).unlink()
    assert remarked(school) == []


@pytest.mark.parametrize(
    ("after", "find", "replace", "sentence"),
    [
        ("[categories.self_harm]", '"URGENT"', '"none"', "categories.self_harm.alert: no alert is raised for 'none'"),
        ("[categories.self_harm]", '"URGENT"', '"never"', "categories.self_harm.alert: no alert is raised for 'never'"),
        ("[categories.self_harm]", 'theme = "self-harm"', 'theme = ""', "categories.self_harm.theme: no alert is"),
        (
            "[categories.self_harm]",
            'alert = "URGENT"',
            'alert = "URGENT"\nalerts = { ks2 = "none", ks3 = "CONCERN" }',
            "categories.self_harm.alerts.ks2: no alert is raised for ks2",
        ),
        ("[profiles.ks2]", 'watch = "all"', 'watch = "none"', 'profiles.ks2.watch: "none": no alert is raised'),
    ],
)
def test_alerts_that_are_switched_off_are_remarked(school, after, find, replace, sentence):
    changed(school / "policy.toml", find, replace, after)
    *besides, remark = remarked(school)
    assert remark.startswith(f"{school}/policy.toml: {sentence}")
    assert all("were not shown the notice" in one for one in besides)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--check"),
        ("dns", "--check"),
        ("signer", "--check"),
        ("worker", "--check"),
        ("reporting", "--check"),
        ("policy", "apply", "--check"),
        ("policy", "apply", "--json"),
    ],
)
def test_commands_print_remarks_beside_what_they_say_and_succeed(school, words):
    changed(school / "policy.toml", 'watch = "all"', 'watch = "none"', "[profiles.ks2]")
    ran = schoolgate(*words, "--config", str(school / config.NAME))
    assert ran.returncode == 0, ran.stderr
    notice, watch = ran.stderr.splitlines()
    assert notice.startswith(f"{school}/policy.toml: no connection of ks2 is opened")
    assert watch.startswith(f"{school}/policy.toml: profiles.ks2.watch: ")
    assert "watch" not in ran.stdout


def test_a_check_of_doh_says_that_no_resolver_is_named(school):
    ran = schoolgate("doh", "--check", "--config", str(school / config.NAME))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "dns.doh.url: no resolver to ask over HTTPS is named" in ran.stderr


def test_a_run_logs_remarks_as_warnings_at_its_start(school):
    changed(school / config.NAME, "https://schoolgate.school.test", "http://127.0.0.1:8600")
    command = [*COMMAND, "run", "--config", str(school / config.NAME)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        first = run.stderr.readline()
        run.terminate()
        run.stderr.read()
    assert f"run-0 WARNING {school}/schoolgate.toml: reporting.public_url: " in first


def test_a_policy_in_force_is_remarked_where_a_run_starts(school):
    changed(school / "policy.toml", 'watch = "all"', 'watch = "none"', "[profiles.ks2]")
    settings = config.load(school / config.NAME)
    (notice,) = remarks.in_force(settings)
    policy_file.apply(policy_file.read(settings.policy), settings)
    assert snapshot.read(settings.files.policy, Rulebook).version == 2
    again, remark = remarks.in_force(settings)
    assert notice == again
    assert remark.startswith("the policy in force: profiles.ks2.watch: ")
    settings.policy.write_text("nonsense")
    assert list(remarks.in_force(settings)) == [remark]
    settings.files.policy.unlink()
    assert list(remarks.in_force(settings)) == []


def test_each_host_beside_sealed_pages_is_remarked_as_long_as_it_is_excepted(school):
    excepted = 'beside_sealed = ["drive.test", "docs.test"]\nvisits ='
    changed(school / "policy.toml", "visits =", excepted, after="[profiles.byod]")
    found = remarked(school)
    assert len(found) == 2
    assert "profiles.byod.beside_sealed: byod reaches drive.test, whose sealed pages stay open here" in found[0]
    assert "a filter with the IWF's list is needed" in found[1]
