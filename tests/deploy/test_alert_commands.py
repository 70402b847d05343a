import asyncio
import re

import pytest

from deploy import config
from reporting.alert_tests import FOLDER, NAME
from reporting.confirmation import with_confirmation
from tests.support.commands import schoolgate
from tests.support.smtp import smtp_sink

CONTACTS = ('dsl = ""', 'dsl = "dsl@school.test"')


@pytest.fixture
def school(tmp_path):
    folder = tmp_path / "school"
    assert schoolgate("init", str(folder)).returncode == 0
    return folder / "schoolgate.toml"


def change(file, *changes):
    text = file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    file.write_text(text)


def run(file, *words):
    return schoolgate("alert", *words, "--config", str(file))


def test_a_test_is_asked_for_by_every_way_and_refused_where_there_is_none(school):
    refused = run(school, "test")
    assert (refused.returncode, refused.stderr.strip()) == (
        1,
        "reporting.contacts: there is no address and no channel, so a test reaches nobody",
    )
    change(school, CONTACTS)
    asked = run(school, "test")
    assert asked.returncode == 0, asked.stderr
    assert "Asked for a test alert to: dsl" in asked.stdout
    [request] = (config.load(school).files.state / FOLDER).iterdir()
    assert NAME.fullmatch(request.name)


async def test_a_code_goes_to_the_dsl_and_back_and_confirms_the_address(school):
    async with smtp_sink() as sink, asyncio.timeout(60):
        password = ('password_file = ""', 'password_file = "keys/mail.password"')  # as seen from the school's folder
        (school.parent / "keys" / "mail.password").write_text("a password")
        change(school, CONTACTS, password, ("port = 25\n", f"port = {sink.address[1]}\n"))
        sent = await asyncio.to_thread(run, school, "confirm", "--send")
        assert sent.returncode == 0, sent.stderr
        [letter] = sink.letters
    assert letter.recipients == ["dsl@school.test"]
    code = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", letter.message.get_content())[0]
    assert code not in sent.stdout
    wrong = await asyncio.to_thread(run, school, "confirm", "BBBB-BBBB")
    assert (wrong.returncode, "not the code" in wrong.stderr) == (1, True)
    settings = config.load(school)
    assert not with_confirmation(settings.config.reporting.contacts, settings.files.state).dsl_confirmed
    right = await asyncio.to_thread(run, school, "confirm", code)
    assert right.returncode == 0, right.stderr
    assert with_confirmation(settings.config.reporting.contacts, settings.files.state).dsl_confirmed


def test_without_an_address_a_code_or_a_mail_server_nothing_is_confirmed(school):
    assert "there is no address to confirm" in run(school, "confirm", "--send").stderr
    change(school, CONTACTS, ("port = 25\n", "port = 1\n"))
    assert "give the code that came, or --send" in run(school, "confirm").stderr
    assert "the mail server did not take it" in run(school, "confirm", "--send").stderr
