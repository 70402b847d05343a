import os
import re

import pytest

from deploy import config, machine_file, toml_file


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
            r"networks\[0\].cidr: 10.1.2.3/16 has host bits set; the network of this address is 10.1.0.0/16",
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
        (
            '[proxy]\nlisten = ["127.0.0.1:8600"]',
            r"proxy.listen\[0\] and reporting.listen: 127.0.0.1:8600 is there twice",
        ),
        (
            '[proxy]\nlisten = ["127.0.0.1:8599"]\n[run]\nworkers = 2',
            r"proxy.listen\[0\] and reporting.listen: 127.0.0.1:8600 is there twice",
        ),
        (
            '[peek]\nlisten = ["127.0.0.1:8600"]',
            r"peek.listen\[0\] and reporting.listen: 127.0.0.1:8600 is there twice",
        ),
        (
            '[reporting.offsite]\nlisten = "127.0.0.1:8600"\nurl = "https://ack.school.test"',
            "reporting.listen and reporting.offsite.listen: 127.0.0.1:8600 is there twice",
        ),
        (
            '[reporting.channels.phones]\nurl_file = "a\\u0000b"',
            "reporting.channels.phones.url_file: 'a\\\\x00b' is no",
        ),
        ('[peek]\ntransparent_tls = ["here"]', r"peek.transparent_tls\[0\]: 'here' is no address with a port"),
        ('[proxy]\nlisten = ["10.20.0.1:8080"]', r"proxy.listen\[0\]: 10.20.0.1:8080 is not loopback; clients come to"),
        ('[proxy]\nlisten = ["127.0.0.1:81", "127.0.0.1:82"]', "proxy.listen: 2 addresses, but one is enough"),
        ("[proxy]\nlisten = []", "proxy.listen: there is no address, so no worker could be reached"),
        ("[run]\npeek = 0", "run.peek: 0 must be between 1 and 64"),
        ("[run]\nnetworks = []", "run.networks: there is no such setting; networks belongs at the top"),
        ("[dns]\nport = 5300", "dns.port: there is no such setting"),
    ],
)
def test_a_mistake_is_refused_with_a_sentence(tmp_path, text, sentence):
    with pytest.raises(toml_file.RefusedError, match=sentence):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[proxy]\nports = [80, 65536]", "proxy.ports[1]: 65536 is not a port"),
        ("[proxy]\nports = [0]", "proxy.ports[0]: 0 is not a port"),
        ('[proxy]\nlisten = ["127.0.0.1:0"]', "proxy.listen[0]: '127.0.0.1:0' names no port"),
        ('[proxy]\ninner_dns = "127.0.0.1:0"', "proxy.inner_dns: '127.0.0.1:0' names no port"),
        (f'[proxy]\nlisten = ["127.0.0.1:{"9" * 5000}"]', "proxy.listen[0]:"),
        ("[proxy]\ndrain_seconds = -1", "proxy.drain_seconds: -1.0 must be between 0 and 60 seconds"),
        ("[proxy]\ndrain_seconds = inf", "proxy.drain_seconds: inf must be"),
        ("[proxy]\ndrain_seconds = nan", "proxy.drain_seconds: nan must be"),
        ("[dns]\nupstream_timeout = nan", "dns.upstream_timeout: choose between"),
        ('[dns]\nlisten = ["127.0.0.1:0"]', "dns.listen[0]: '127.0.0.1:0' names no port"),
        ('[dns]\ninner = "127.0.0.1:0"', "dns.inner: '127.0.0.1:0' names no port"),
        ('[dns]\nupstream = ["9.9.9.9:0"]', "dns.upstream[0]: '9.9.9.9:0' names no port"),
        (
            '[dns]\nupstream = ["127.0.0.1:5300"]',
            "dns.upstream[0]: '127.0.0.1:5300' is where this filter itself listens",
        ),
        ('[reporting]\nlisten = "127.0.0.1"', "reporting.listen: '127.0.0.1' is no address with a port"),
        ('[reporting]\nlisten = "127.evil.test:8600"', "reporting.listen: '127.evil.test:8600' is no address"),
        ('[reporting]\ndatabase = ""', "reporting.database: name the file"),
        ('[reporting]\ndatabase = "://"', "reporting.database: a file or a PostgreSQL server can be the database"),
        ('[reporting]\ndatabase = "mysql://db/school"', "reporting.database: a file or a PostgreSQL server can be"),
        ('[reporting]\ndatabase = "postgresql://u:p@db/school"', "reporting.database: a password does not belong here"),
        ('[reporting]\ndatabase = "postgresql://db/school?password=p"', "reporting.database: a password does not"),
        ('[reporting]\ndatabase = "postgresql://db"', "reporting.database: the address needs a server and the name"),
        ('[reporting]\ndatabase = "postgresql:///school"', "reporting.database: the address needs a server and the"),
        (
            '[reporting]\ndatabase = "postgresql://db:99999/school"',
            "reporting.database: that is no address of a server",
        ),
        ('[reporting]\ndatabase = "postgresql://db/school?ssl=off"', "reporting.database: after a ? only the folder"),
        ('[reporting.server]\npassword_file = "a"', "reporting.server: the database is a file"),
        ("[reporting.server]\njournal_days = 0", "reporting.server.journal_days: 0 is out of range"),
        ('[reporting]\npublic_url = "staff.school:8600"', "public_url: 'staff.school:8600' is no web address"),
        ('[reporting]\npublic_url = "https://a.test/schoolgate"', "public_url: links in mails begin with a host"),
        ('[reporting]\npublic_url = "https://a.test?x=1"', "public_url: links in mails begin with a host"),
        ('[reporting]\npublic_url = "https://u:p@a.test"', "public_url: links in mails begin with a host"),
        ('[reporting]\npublic_url = "schoolgate.test"', "reporting.public_url: 'schoolgate.test' is no web address"),
        ('[reporting]\npublic_url = "https://[school"', "reporting.public_url: 'https://[school' is no web address"),
        ('[reporting]\npublic_url = "https://a.test:99999"', "reporting.public_url: 'https://a.test:99999'"),
        ("[reporting.mail]\nport = 65536", "reporting.mail.port: 65536 is not a port"),
        ('[reporting.mail]\nhost = ""', "reporting.mail.host: '' is no name of a mail server"),
        (
            '[reporting.mail]\nhost = "localhost.evil.test"',
            "reporting.mail.tls: localhost.evil.test is another machine",
        ),
        ('[reporting.mail]\nhost = "127.evil.test"', "reporting.mail.tls: 127.evil.test is another machine"),
        ('[reporting.mail]\nsender = ""', "reporting.mail.sender: a mail needs a sender"),
        ('[reporting.contacts]\ndsl = "@"', "reporting.contacts.dsl: '@' is no e-mail address"),
        ('[metrics]\naddress = "nowhere"', "metrics.address: 'nowhere' is no address"),
        ("[metrics]\ndns = 99999", "metrics.dns: 99999 is not a port that can be used; choose between 1 and 65472"),
        ("[metrics]\nworker = 65473", "metrics.worker: 65473 is not a port"),
        ("[metrics]\nreporting = 0", "metrics.reporting: 0 is not a port"),
        (
            '[metrics]\naddress = "::1"\nreporting = 8600\n[reporting]\nlisten = "[::1]:8600"',
            "[::1]:8600 is there twice",
        ),
        ('[paths]\nstate = ""', "paths.state: '' is no path"),
        ('[paths]\nrun = "a\\u0000b"', "paths.run: 'a\\x00b' is no path"),
        ('[lists.extra]\nfile = ""', "lists.extra.file: '' is no path"),
        ('[proxy]\nca_key = "a\\u0000b"', "proxy.ca_key: 'a\\x00b' is no path"),
        (f'site = "{"s" * 65}"', "must be letters, digits and underscores, 64 at most"),
        (
            'site = "Public"\n[reporting]\ndatabase = "postgresql://s@db.school.test/log"',
            "site: 'Public' is a name of PostgreSQL's own",
        ),
    ],
)
def test_what_could_not_be_served_is_refused_beforehand(tmp_path, text, sentence):
    with pytest.raises(toml_file.RefusedError, match=re.escape(sentence)):
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
    assert sources["games"][0].path == tmp_path / "lists" / "games.txt"
    assert sources["extra"][0].path == tmp_path / "more" / "extra.txt"
    assert sources["extra"][0].format == "hosts"


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


def test_without_a_configuration_the_command_that_writes_one_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(config.VARIABLE, raising=False)
    monkeypatch.setattr(config, "SYSTEM_WIDE", tmp_path / "system.toml")
    with pytest.raises(
        toml_file.RefusedError, match=r"looked for schoolgate.toml, .*; write one with: schoolgate init"
    ):
        config.find(None)


@pytest.mark.parametrize("by_variable", [True, False])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nope.toml", "there is no file nope.toml"),
        ("folder", "folder is a folder; name the schoolgate.toml in it"),
        ("schoolgate.toml/x", "schoolgate.toml/x: Not a directory"),
        ("n" * 300, f"{'n' * 300}: File name too long"),
    ],
)
def test_a_configuration_that_is_named_and_not_there_is_said(tmp_path, monkeypatch, name, sentence, by_variable):
    (tmp_path / "folder").mkdir()
    (tmp_path / config.NAME).write_text("")  # which must not be used in its place
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(config.VARIABLE, name if by_variable else config.NAME)
    with pytest.raises(toml_file.RefusedError) as refused:
        config.find(None if by_variable else config.Path(name))
    assert refused.value.problems == [sentence]
