import asyncio
import contextlib
import hashlib
import json
import logging
import ssl
import sys
import time

import httpx
import msgspec
import pytest
import trustme
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting import seed, service, troubles
from reporting.database import Database, DatabaseInUseError, as_url
from reporting.models import AccountRow
from reporting.month_keys import FOLDER, RECORD, MonthKeys
from reporting.people_models import PersonNameRow, RoleKeyRow
from reporting.recorder import Recorder
from reporting.settings import BackupSettings, ContactSettings, MailSettings, MailTls, ReportingSettings
from tests.support.databases import laid, opened
from tests.support.full_disk import nothing_written
from tests.support.journals import breach, open_journal
from tests.support.school import make_school
from tests.support.smtp import smtp_sink
from tests.support.staff_pages import PASSWORD, QUICK, TOKEN_FIELD, UNUSED_TLS

CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    """Every start makes a hash for names that are nobody's: a fifth of a second, and of no weight here."""
    monkeypatch.setattr("argon2.PasswordHasher", lambda: QUICK)


@pytest.fixture
def school(tmp_path):
    """A school's folders with keys, as `schoolgate init` leaves them."""
    return make_keys(make_school(tmp_path).files)


def make_keys(files):
    files.spool.mkdir(exist_ok=True)
    files.keys.mkdir(exist_ok=True)
    seed.new_keys(files.keys / "journal.key", files.keys / "journal.pub")
    token = hashlib.sha256(b"token").hexdigest()
    (files.keys / "enrolment").write_text(json.dumps({"token_sha256": token, "role": "technician,dsl"}))
    return files


def settings_of(tmp_path, **fields):
    usual = {
        "listen": "127.0.0.1:0", "database": str(tmp_path / "school.db"), "contacts": CONTACTS,
        "backup": BackupSettings(folder=str(tmp_path / "backups")),
    }  # fmt: skip
    return ReportingSettings(**(usual | fields))


@contextlib.asynccontextmanager
async def serving(settings, files):
    """Reporting as deploy runs it, with a database that is there; gives its endpoints."""
    laid(settings.database)
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        service.serve(settings, files, instance=0, metrics=("127.0.0.1", 0), ready=ready.set_result)
    )
    async with asyncio.timeout(30):
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        try:
            yield ready.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def new_journal(files):
    opened_seed, sealed = seed.seal((files.keys / "journal.pub").read_bytes())
    return open_journal(files.spool, seed=opened_seed, sealed_seed=sealed)


async def metrics_of(endpoints):
    host, port = endpoints["metrics"]
    async with httpx.AsyncClient(verify=UNUSED_TLS, trust_env=False) as client:
        lines = (await client.get(f"http://{host}:{port}/metrics")).text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


async def test_a_breach_in_a_journal_becomes_a_mail_to_the_dsl_and_shows_in_the_metrics(tmp_path, where, school):
    async with smtp_sink() as sink:
        host, port = sink.address
        mail = MailSettings(host=host, port=port, sender="schoolgate@school.test")
        async with serving(settings_of(tmp_path, mail=mail, database=str(where)), school) as endpoints:
            journal = new_journal(school)
            urgent = breach(severity=Severity.URGENT, theme="self-harm", host="harm.test", profile="ks2")
            Recorder(journal).first("a", urgent)
            (letter,) = await sink.until(1)
            while (found := await metrics_of(endpoints))["schoolgate_reporting_mails_sent_total"] < 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            journal.close()
    assert letter.recipients == ["dsl@school.test"]
    assert "http://127.0.0.1:8600/alerts/1001" in letter.message.get_content()
    assert found['schoolgate_reporting_breaches_total{severity="urgent"}'] == 1
    assert found["schoolgate_reporting_alerts_total"] == 1
    assert found["schoolgate_reporting_tampered_total"] == 0
    assert found["schoolgate_policy_version"] >= 1


async def test_alerts_about_pupils_reach_the_dsl_though_reporting_has_no_key_of_the_sealed_lists(tmp_path):
    sealing = make_school(tmp_path)
    sealing.write_sealed("harm.test")
    files = make_keys(sealing.files)
    files.sealing_key.unlink()  # as the unit leaves it: reporting is given journal.key and the enrolment, no more
    async with smtp_sink() as sink, asyncio.timeout(30):
        host, port = sink.address
        mail = MailSettings(host=host, port=port, sender="schoolgate@school.test")
        async with serving(settings_of(tmp_path, mail=mail), files) as endpoints:
            journal = new_journal(files)
            journal.write(breach(severity=Severity.URGENT, theme="self-harm", profile="ks2"))
            (letter,) = await sink.until(1)
            found = await metrics_of(endpoints)
            journal.close()
    assert letter.recipients == ["dsl@school.test"]
    assert (found["schoolgate_policy_version"] >= 1, found["schoolgate_snapshots_refused_total"]) == (True, 0)


async def test_the_metrics_have_a_name_for_everything_that_can_go_wrong(tmp_path, school):
    async with serving(settings_of(tmp_path), school) as endpoints:
        found = await metrics_of(endpoints)
    names = {name.partition("{")[0] for name in found}
    assert {
        "schoolgate_reporting_breaches_total",
        "schoolgate_reporting_damaged_total",
        "schoolgate_reporting_tampered_total",
        "schoolgate_reporting_ingest_failures_total",
        "schoolgate_reporting_ingest_lag_seconds",
        "schoolgate_reporting_alerts_total",
        "schoolgate_reporting_mails_sent_total",
        "schoolgate_reporting_mails_failed_total",
        "schoolgate_reporting_outbox_waiting",
        "schoolgate_reporting_outbox_oldest_seconds",
        "schoolgate_snapshots_refused_total",
        "schoolgate_clock_implausible",
        "schoolgate_snapshots_outdated",
        "schoolgate_config_refused_total",
        "schoolgate_config_outdated",
    } <= names


async def test_the_pages_answer_their_own_name_and_the_enrolment_token_is_known(tmp_path, school):
    async with (
        serving(settings_of(tmp_path), school) as endpoints,
        httpx.AsyncClient(verify=UNUSED_TLS, trust_env=False) as client,
    ):
        host, port = endpoints["pages"]
        here = f"http://{host}:{port}"
        assert (await client.get(here, follow_redirects=True)).status_code == 200
        assert (await client.get(here, headers={"Host": "elsewhere.test"})).status_code == 421
        assert (await client.get(here, headers={"Host": "127.0.0.1:8600"})).status_code != 421
    async with opened(tmp_path / "school.db") as database:
        assert not await service.Accounts(database).exist()
        assert (await service.Accounts(database).enrol("token", "sam", "three random words")).roles == {
            "technician",
            "dsl",
        }


async def test_a_first_token_that_a_full_disk_does_not_take_is_said_and_taken_at_the_next_start(
    tmp_path, school, caplog
):
    async with opened(tmp_path / "school.db") as database:
        accounts = service.Accounts(database)
        with nothing_written(database):
            await service.take_first_token(accounts, school.keys / "enrolment")
        assert "nobody can enrol with it until reporting is started again" in caplog.text
        await service.take_first_token(accounts, school.keys / "enrolment")
        assert await accounts.enrol("token", "sam", "three random words")


async def test_an_invitation_in_the_state_makes_an_account(tmp_path, school):
    folder = school.state / "invitations"
    folder.mkdir()
    content = {"roles": "headteacher", "created_ns": time.time_ns()}
    (folder / hashlib.sha256(b"invited").hexdigest()).write_text(json.dumps(content))
    async with (
        serving(settings_of(tmp_path), school) as endpoints,
        httpx.AsyncClient(verify=UNUSED_TLS, trust_env=False) as client,
    ):
        host, port = endpoints["pages"]
        here = f"http://{host}:{port}/enrol"
        hidden = TOKEN_FIELD.search((await client.get(here)).text)[1]
        fields = {"enrolment": "invited", "name": "head", "password": PASSWORD, "again": PASSWORD}
        assert (await client.post(here, data={**fields, "_csrf_token": hidden})).status_code == 303
    async with opened(tmp_path / "school.db") as database:
        assert (await service.Accounts(database).verify("head", PASSWORD)).roles == {"headteacher"}


async def test_libraries_say_nothing_of_their_steps(tmp_path, school):
    program = (
        "import logging; logging.basicConfig(level='INFO')\n"
        "import asyncio, pathlib, sys\n"
        "from blocklists.live import Files\n"
        "from reporting import service, settings\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "files = Files(folder / 'state', folder / 'keys', folder / 'spool')\n"
        "backup = settings.BackupSettings(str(folder / 'backups'))\n"
        "database = str(folder / 'other.db')\n"
        "given = settings.ReportingSettings(listen='127.0.0.1:0', database=database, backup=backup)\n"
        "async def run():\n"
        "    done = asyncio.Event()\n"
        "    serve = service.serve(given, files, instance=0, metrics=None, ready=lambda _: done.set())\n"
        "    task = asyncio.create_task(serve)\n"
        "    await done.wait()\n"
        "    task.cancel()\n"
        "    await asyncio.gather(task, return_exceptions=True)\n"
        "asyncio.run(run())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 0, said
    assert b"Reporting 0 has its database open." in said
    assert not [line for line in said.splitlines() if b"alembic" in line or b"uvicorn" in line]


async def test_the_pages_are_served_over_tls_with_the_given_certificate(tmp_path, school):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "pages.pem")
    issued.private_key_pem.write_to_path(tmp_path / "pages.key")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with_tls = {"tls_certificate": str(tmp_path / "pages.pem"), "tls_key": str(tmp_path / "pages.key")}
    async with serving(settings_of(tmp_path, **with_tls), school) as endpoints:
        host, port = endpoints["pages"]
        async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
            assert (await client.get(f"https://{host}:{port}", follow_redirects=True)).status_code == 200


async def test_a_second_reporting_is_refused_and_the_first_goes_on(tmp_path, school):
    async with serving(settings_of(tmp_path), school) as endpoints:
        with pytest.raises(DatabaseInUseError, match="stop it first"):
            async with serving(settings_of(tmp_path), school):
                pass
        assert await metrics_of(endpoints)


async def test_what_was_written_while_reporting_was_away_is_taken_in_when_it_is_back(tmp_path, school):
    async with serving(settings_of(tmp_path), school):
        pass
    journal = new_journal(school)
    journal.write(breach())
    journal.close()
    async with serving(settings_of(tmp_path), school) as endpoints:
        while not (await metrics_of(endpoints))['schoolgate_reporting_breaches_total{severity="note"}']:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_without_policy_and_keys_reporting_still_starts(tmp_path, caplog):
    files = service.Files(tmp_path / "state", tmp_path / "keys", tmp_path / "spool")
    with caplog.at_level(logging.ERROR):
        async with serving(settings_of(tmp_path), files) as endpoints:
            assert (await metrics_of(endpoints))["schoolgate_policy_version"] == 0
    assert "every journal's chain stays unverified" in caplog.text


@pytest.mark.parametrize("key", [b"", b"half a key", bytes(33)])
async def test_a_damaged_key_of_the_journals_is_said_once_and_no_breach_waits_for_it(tmp_path, school, caplog, key):
    journals = [new_journal(school) for _ in range(2)]
    for journal in journals:
        journal.write(breach(severity=Severity.URGENT, theme="self-harm"))
        journal.close()
    (school.keys / "journal.key").write_bytes(key)
    with caplog.at_level(logging.ERROR):
        async with serving(settings_of(tmp_path), school) as endpoints, asyncio.timeout(30):
            while (found := await metrics_of(endpoints))['schoolgate_reporting_breaches_total{severity="urgent"}'] < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert found["schoolgate_reporting_alerts_total"] == 1
    assert found["schoolgate_reporting_tampered_total"] == 0
    assert found["schoolgate_reporting_ingest_failures_total"] == 0
    assert caplog.text.count("every journal's chain stays unverified") == 1


async def test_everything_is_closed_again(tmp_path, school):
    async with serving(settings_of(tmp_path), school) as endpoints:
        pass
    for host, port in endpoints.values():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)


def test_ipv6_is_bound_and_named_with_brackets():
    with service.listening("[::1]:0") as bound:
        address = bound.getsockname()[:2]
    assert address[0] == "::1"
    assert service.hosts(ReportingSettings(), address) == ("127.0.0.1:8600", f"[::1]:{address[1]}")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"listen": "10.0.0.1:8600"}, "reporting.tls_certificate"),
        ({"tls_certificate": "a.pem"}, "reporting.tls_key"),
        ({"mail": MailSettings(host="mail.school.test")}, "reporting.mail.tls"),
        ({"mail": MailSettings(username="gate")}, "reporting.mail.password_file"),
        ({"mail": MailSettings(sender="nobody")}, "reporting.mail.sender"),
        ({"contacts": ContactSettings()}, None),  # filtering never waits for paperwork (G15)
        ({"contacts": msgspec.structs.replace(CONTACTS, chair="a@b.test, c@d.test")}, "reporting.contacts.chair"),
        ({"mail": MailSettings(host="mail.school.test", tls=MailTls.STARTTLS)}, None),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_with_its_key(fields, says):
    found = list(ReportingSettings(**({"contacts": CONTACTS} | fields)).problems())
    assert [problem.partition(":")[0] for problem in found] == ([says] if says else [])


async def test_an_address_that_is_taken_and_a_certificate_that_is_missing_end_it_with_an_error(tmp_path, school):
    with service.listening("127.0.0.1:0") as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"^the staff pages cannot listen on {place}: Address already in use$"):
            async with serving(settings_of(tmp_path, listen=place), school):
                pass
    missing = {"tls_certificate": str(tmp_path / "missing.pem"), "tls_key": str(tmp_path / "missing.key")}
    with pytest.raises(RuntimeError, match="did not start"):
        async with serving(settings_of(tmp_path, **missing), school):
            pass


async def test_a_damaged_database_is_rebuilt_at_the_start_and_that_is_counted_and_told(tmp_path, school):
    settings = settings_of(tmp_path)
    with contextlib.closing(new_journal(school)) as journal:
        journal.write(breach())
    async with serving(settings, school) as endpoints:
        await until_metric(endpoints, "schoolgate_reporting_backups_total")
    (tmp_path / "school.db").write_bytes(b"no database" * 1000)
    async with serving(settings, school) as endpoints:
        assert (await metrics_of(endpoints))["schoolgate_reporting_database_rebuilt_total"] == 1
    async with opened(tmp_path / "school.db") as database, database.reading() as session:
        (row,) = await troubles.recent(session, time.time_ns())
    assert row.kind == "rebuilt"
    assert row.told_ns, "by mail too"


async def until_metric(endpoints, name):
    async with asyncio.timeout(20):
        while not (await metrics_of(endpoints))[name]:  # noqa: ASYNC110 - a scrape is all that tells
            await asyncio.sleep(0.05)


async def test_a_purge_that_is_on_record_is_finished_while_reporting_runs(tmp_path, school):
    settings, month = settings_of(tmp_path), "2026-02"
    async with opened(settings.database) as database, database.writing() as session:
        session.add(AccountRow(id=1, name="ann", roles="dsl", password_hash="x", created_ns=1))
        session.add(RoleKeyRow(role="dsl", public=b"x" * 32, created_ns=1))
        await session.flush()
        session.add(PersonNameRow(person=7, role="dsl", sealed=b"x", written_ns=1, written_by=1, month=month))
    keys = MonthKeys(tmp_path / FOLDER)
    keys.folder.mkdir()
    line = {"at": "", "before": "2026-03", "by": "A. Okafor", "reason": "The year is over"}
    (keys.folder / RECORD).write_text(json.dumps(line))
    reader = Database(as_url(settings.database))
    try:
        async with serving(settings, school), asyncio.timeout(30):
            while await names_in(reader):  # noqa: ASYNC110 - another connection is told of nothing
                await asyncio.sleep(0.05)
    finally:
        await reader.close()


async def names_in(database):
    async with database.reading() as session:
        return list(await session.scalars(select(PersonNameRow)))
