import os

import pytest

from deploy import config, machine_file, setup, toml_file


def load(tmp_path, text):
    path = tmp_path / config.NAME
    path.write_text(text)
    return config.load(path)


def test_the_written_file_says_every_default(tmp_path):
    assert load(tmp_path, machine_file.text()).config == config.Config()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('site = "my school"', "site: 'my school' must be letters, digits and underscores"),
        ('log_level = "LOUD"', "log_level: 'LOUD' must be DEBUG, INFO, WARNING or ERROR"),
        (
            'networks = [{ cidr = "10.1.2.3/16", profile = "ks2" }]',
            r"networks\[0\].cidr: 10.1.2.3/16 has host bits set",
        ),
        ('networks = [{ cidr = "127.0.0.0/8", profile = "ks2" }]', "loopback"),
        ('networks = [{ cidr = "10.1.0.0/16" }]', "profile: this setting is missing"),
        ('[proxy]\nreachable_private = ["127.0.0.0/8"]', "proxy.reachable_private"),
        ("[run]\ndns = 0", "run.dns: 0 must be between 1 and 64"),
        ('[dns]\nlisten = ["here"]', r"dns.listen\[0\]: 'here'"),
        ('[dns]\nupstream = ["1.2.3.4:x"]', r"dns.upstream\[0\]: '1.2.3.4:x'"),
        ('[proxy]\nlisten = ["10.0.0.1:99999"]', r"proxy.listen\[0\]"),
        ('[reporting]\nlisten = "10.0.0.1:8600"', "reporting.tls_certificate"),
        ('networks = [{ cidr = "10.1.0.0/16", profile = "ks1" }, { cidr = "10.1.0.0/16", profile = "ks2" }]', "twice"),
        ('[proxy]\nlisten = ["127.0.0.1:8600"]', "127.0.0.1:8600 is there twice"),
        ("[run]\nnetworks = []", "run.networks: there is no such setting; networks belongs at the top"),
        ("[dns]\nport = 5300", "dns.port: there is no such setting"),
    ],
)
def test_a_mistake_is_refused_with_a_sentence(tmp_path, text, sentence):
    with pytest.raises(toml_file.RefusedError, match=sentence):
        load(tmp_path, text)


def test_a_school_without_contacts_can_still_filter(tmp_path):
    assert load(tmp_path, 'site = "new"').config.reporting.contacts.dsl == ""


def test_loopback_networks_are_for_the_demo_only(tmp_path):
    text = 'loopback_school = true\nnetworks = [{ cidr = "127.0.1.0/24", profile = "ks1" }]'
    assert load(tmp_path, text).config.networks[0].profile == "ks1"


def test_relative_paths_start_from_the_files_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = load(tmp_path, '[lists.extra]\nfile = "more/extra.txt"\nformat = "hosts"')
    assert settings.files.state == tmp_path / "state"
    sources = settings.sources(iter(["games", "extra"]))
    assert sources["games"].path == tmp_path / "lists" / "games.txt"
    assert sources["extra"].path == tmp_path / "more" / "extra.txt"
    assert sources["extra"].format == "hosts"


def test_under_systemd_keys_are_the_units_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv(config.CREDENTIALS, str(tmp_path / "credentials"))
    settings = load(tmp_path, "")
    assert settings.files.sealing_key == tmp_path / "credentials" / "sealed.key"
    assert settings.key_path("keys/ca.crt") == tmp_path / "credentials" / "ca.crt"
    assert settings.key_path("elsewhere/ca.crt") == tmp_path / "elsewhere" / "ca.crt"


def test_the_configuration_is_found_as_given_then_by_variable_then_here(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / config.NAME).write_text("")
    monkeypatch.chdir(here)
    monkeypatch.delenv(config.VARIABLE, raising=False)
    assert config.find(None) == here / config.NAME
    monkeypatch.setenv(config.VARIABLE, os.fspath(there / config.NAME))
    assert config.find(None) == there / config.NAME
    assert config.find(here / config.NAME) == here / config.NAME
    with pytest.raises(toml_file.RefusedError, match="schoolgate init"):
        config.find(tmp_path / "none.toml")


def test_the_whole_check_finds_unknown_profiles_missing_files_and_networks_not_in_force(tmp_path):
    made = setup.init(tmp_path / "school", "Test School")
    path = made.folder / config.NAME
    config.check_whole(config.load(path))
    text = path.read_text()
    for change, sentence in (
        ('networks = [{ cidr = "10.1.0.0/16", profile = "year3" }]\n', "there is no profile 'year3'"),
        ('networks = [{ cidr = "10.1.0.0/16", profile = "ks2" }]\n', "run schoolgate policy apply"),
    ):
        path.write_text(change + text)
        with pytest.raises(toml_file.RefusedError, match=sentence):
            config.check_whole(config.load(path))
    path.write_text(text)
    (made.folder / "keys" / "ca.crt").unlink()
    with pytest.raises(toml_file.RefusedError, match=r"proxy.ca_certificate: there is no file"):
        config.check_whole(config.load(path))
