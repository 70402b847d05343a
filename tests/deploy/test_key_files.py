"""Files that settings name, as `--check` and the processes see them: with and without systemd's credentials."""

import os
import shutil
import subprocess

import pytest

from deploy import config, rooms, setup
from deploy.certificates import Authority
from tests.support.commands import COMMAND, free_ports, schoolgate


@pytest.fixture
def school(tmp_path):
    """A school whose staff pages have a certificate in the folder of keys, and whose mail has a password there."""
    folder = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder
    keys = folder / "keys"
    (keys / "pages.crt").write_bytes(Authority.new("Pages").leaf(["staff.school.test"]))
    shutil.copy(keys / "pages.crt", keys / "pages.key")
    (keys / "mail.password").write_text("a password\n")
    pages, metrics = free_ports(2)
    given = {
        'tls_certificate = ""': 'tls_certificate = "keys/pages.crt"',
        'tls_key = ""': 'tls_key = "keys/pages.key"',
        'password_file = ""': 'password_file = "keys/mail.password"',
        "127.0.0.1:8600": f"127.0.0.1:{pages}",
        "reporting = 9155": f"reporting = {metrics}",
    }
    path = folder / config.NAME
    text = path.read_text()
    for old, new in given.items():
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return folder


def changed(school, old, new):
    path = school / config.NAME
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def given_for_server(school, key, value):
    path = school / config.NAME
    head, section, rest = path.read_text().partition("[reporting.server]")
    assert f'{key} = ""' in rest
    path.write_text(head + section + rest.replace(f'{key} = ""', f'{key} = "{value}"', 1))


def said_by_check(school):
    ran = schoolgate("run", "--check", "--config", str(school / config.NAME))
    assert "Traceback" not in ran.stderr
    remarks = ("networks: there is none", "reporting.contacts: there is no address")
    return "\n".join(line for line in ran.stderr.splitlines() if not any(remark in line for remark in remarks))


def test_good_files_are_good(school):
    assert said_by_check(school) == ""


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("pages.crt", b"no PEM", "reporting.tls_certificate: {} holds no certificate (PEM)"),
        ("pages.key", b"no PEM", "reporting.tls_key: {} holds no key (PEM)"),
        ("pages.key", None, "reporting.tls_key: there is no file {}"),
        ("mail.password", b" \n", "reporting.mail.password_file: {} holds no password"),
        ("mail.password", None, "reporting.mail.password_file: there is no file {}"),
    ],
)
def test_the_check_looks_into_each_file(school, name, content, says):
    path = school / "keys" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert said_by_check(school).startswith(f"{school / config.NAME}: {says.format(path)}")


@pytest.mark.parametrize("setting", ["ca_file", "upstream_ca"])
def test_the_check_looks_into_files_of_trusted_certificates(school, setting):
    changed(school, f'{setting} = ""', f'{setting} = "trusted.pem"')
    assert f"{setting}: there is no file {school / 'trusted.pem'}" in said_by_check(school)
    (school / "trusted.pem").write_text("no PEM")
    assert f"{setting}: {school / 'trusted.pem'} holds no certificate (PEM)" in said_by_check(school)
    shutil.copy(school / "keys" / "ca.crt", school / "trusted.pem")
    assert said_by_check(school) == ""


@pytest.mark.parametrize(
    ("content", "says"), [(None, "there is no file {}"), (" \n", "{} holds no address of a channel")]
)
def test_the_check_looks_into_the_file_of_a_channel(school, content, says):
    path = school / "keys" / "phones"
    if content is not None:
        path.write_text(content)
    with (school / config.NAME).open("a") as file:
        file.write('\n[reporting.channels.phones]\nurl_file = "keys/phones"\n')
    assert f"reporting.channels.phones.url_file: {says.format(path)}" in said_by_check(school)
    path.write_text("ntfys://ntfy.school.test/alerts\n")
    assert said_by_check(school) == ""


def test_a_folder_in_place_of_a_file_is_refused(school):
    changed(school, "keys/mail.password", "keys")
    assert "reporting.mail.password_file: " in said_by_check(school)
    assert "Is a directory" in said_by_check(school)


def reporting(school, credentials, *names):
    """What reporting says that has the files *names* as credentials, until it ends or is ready."""
    credentials.mkdir()
    for name in names:
        shutil.copy(school / "keys" / name, credentials / name)
    with subprocess.Popen(
        [*COMMAND, "reporting", "--config", str(school / config.NAME)],
        env={**os.environ, config.CREDENTIALS: str(credentials)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line.strip())
            if " Ready: " in line:
                process.terminate()
        return said


UNIT = ("journal.key", "enrolment")


def test_a_certificate_that_the_unit_does_not_load_is_said_with_the_line_to_add(school, tmp_path):
    *_, last = reporting(school, tmp_path / "credentials", *UNIT, "pages.crt")
    missing = tmp_path / "credentials" / "pages.key"
    line = f"LoadCredential=pages.key:{school / 'keys' / 'pages.key'}"
    assert f" ERROR It cannot start: {school / config.NAME}: reporting.tls_key: there is no file {missing}; " in last
    assert f"with the line {line} in" in last


def test_a_password_that_the_unit_does_not_load_is_said_and_the_pages_answer(school, tmp_path):
    said = reporting(school, tmp_path / "credentials", *UNIT, "pages.crt", "pages.key")
    (complaint,) = [line for line in said if "No mail can be sent" in line]
    assert "LoadCredential=mail.password:" in complaint
    assert any(" Ready: " in line for line in said)


def test_with_each_file_loaded_nothing_is_missing(school, tmp_path):
    said = reporting(school, tmp_path / "credentials", *UNIT, "pages.crt", "pages.key", "mail.password")
    assert not [line for line in said if " ERROR " in line]
    assert any(" Ready: " in line for line in said)


@pytest.mark.parametrize(("content", "says"), [(None, "there is no file {}"), (" \n", "{} holds no password")])
def test_the_check_looks_into_the_password_of_a_database_on_a_server(school, content, says):
    path = school / "keys" / "database.password"
    changed(school, "database/schoolgate.db", "postgresql://schoolgate@db.school.test/schoolgate")
    given_for_server(school, "password_file", "keys/database.password")
    if content is not None:
        path.write_text(content)
    assert f"reporting.server.password_file: {says.format(path)}" in said_by_check(school)


def test_what_a_database_on_a_server_needs_is_found_from_the_folder_of_the_settings(school):
    changed(school, "database/schoolgate.db", "postgresql://schoolgate@db.school.test/schoolgate")
    given_for_server(school, "ca_file", "keys/pages.crt")
    given = rooms.reporting_settings(config.load(school / config.NAME))
    assert given.database == "postgresql://schoolgate@db.school.test/schoolgate"
    assert given.server.ca_file == str(school / "keys" / "pages.crt")
