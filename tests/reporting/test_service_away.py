"""Reporting whose database is on a server that is away: it says so, waits, and goes on by itself."""

import asyncio
import contextlib
import signal

import httpx
import pytest

from blocklists.rulebook import Severity
from reporting import cut_off, notices, reach, seed, service
from reporting.settings import ContactSettings, MailSettings, ReportingSettings
from tests.support import postgres
from tests.support.commands import free_ports
from tests.support.journals import breach, open_journal
from tests.support.school import make_school
from tests.support.smtp import smtp_sink
from tests.support.staff_pages import QUICK, UNUSED_TLS

CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, technician="it@school.test")
AWAY = "schoolgate_reporting_database_away_seconds"


@pytest.fixture(scope="module")
def own():
    """A server that tests may kill."""
    postgres.installed()
    with postgres.running(*postgres.QUICK) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(reach, "FIRST", 0.05)
    monkeypatch.setattr(reach, "LONGEST", 0.2)
    monkeypatch.setattr(cut_off, "LOOK", 0.05)
    monkeypatch.setattr(notices, "LOOK", 0.2)
    monkeypatch.setattr(cut_off, "LASTING", 0.3)
    monkeypatch.setattr("argon2.PasswordHasher", lambda: QUICK)


@pytest.fixture
def files(tmp_path):
    made = make_school(tmp_path).files
    made.spool.mkdir(exist_ok=True)
    made.keys.mkdir(exist_ok=True)
    seed.new_keys(made.keys / "journal.key", made.keys / "journal.pub")
    return made


@contextlib.asynccontextmanager
async def serving(url, files, mail):
    """Reporting as deploy runs it; gives where its metrics and pages are, once they answer."""
    places = dict(zip(("pages", "metrics"), free_ports(2), strict=True))
    answers = asyncio.Event()
    host, port = mail
    settings = ReportingSettings(
        listen=f"127.0.0.1:{places['pages']}",
        database=url,
        contacts=CONTACTS,
        mail=MailSettings(host=host, port=port, sender="schoolgate@school.test"),
    )
    task = asyncio.create_task(
        service.serve(
            settings, files, instance=0, metrics=("127.0.0.1", places["metrics"]), ready=lambda _: answers.set()
        )
    )
    said = asyncio.create_task(answers.wait())
    try:
        async with asyncio.timeout(60):
            await asyncio.wait([task, said], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield places
    finally:
        said.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(asked, good):
    """Ask until what comes back is *good*, also while nobody listens for a moment; that answer."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if good(answer := await asked()):
                    return answer
            await asyncio.sleep(0.05)


@pytest.fixture
async def client():
    async with httpx.AsyncClient(verify=UNUSED_TLS, trust_env=False) as made:
        yield made


def asking(client, places):
    """Two questions: the staff pages' first answer, and a metric."""

    async def page(path="/log-in"):
        return await client.get(f"http://127.0.0.1:{places['pages']}{path}")

    async def away():
        lines = (await client.get(f"http://127.0.0.1:{places['metrics']}/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith(AWAY)).rpartition(" ")[2])

    return page, away


def journal(files):
    opened_seed, sealed = seed.seal((files.keys / "journal.pub").read_bytes())
    return open_journal(files.spool, seed=opened_seed, sealed_seed=sealed)


def subjects(sink, recipient):
    return [letter.message["Subject"] for letter in sink.letters if letter.recipients == [recipient]]


async def test_a_server_that_is_away_at_the_start_is_waited_for_and_people_are_told(own, files, client):
    url = own.new()
    own.stop()
    async with smtp_sink() as sink:
        try:
            async with serving(url, files, sink.address) as places:
                page, away = asking(client, places)
                answer = await page()
                assert (answer.status_code, "Its server does not answer" in answer.text) == (503, True)
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                script = await page("/api/breaches")
                assert (script.status_code, script.json()["error"][:12]) == (503, "The database")
                assert (await client.get(str(answer.url), headers={"Host": "elsewhere.test"})).status_code == 421
                assert await until(away, lambda seconds: seconds > 0)
                await until(lambda: asyncio.sleep(0, len(sink.letters)), lambda count: count == 2)
                assert subjects(sink, "it@school.test") == subjects(sink, "dsl@school.test") == [cut_off.TITLE]
                which = "The pages that do not open: http://127.0.0.1:8600"
                assert all(which in letter.message.get_content() for letter in sink.letters), "of several schools"
                with contextlib.closing(journal(files)) as written:
                    written.write(breach(severity=Severity.URGENT, theme="self-harm", profile="ks2"))
                    own.start(*postgres.QUICK)
                    assert (await until(page, lambda answer: answer.status_code != 503)).status_code in {200, 303}
                    assert await until(away, lambda seconds: seconds == 0) == 0
                    told = lambda: asyncio.sleep(0, subjects(sink, "dsl@school.test"))  # noqa: E731
                    assert len(await until(told, lambda titles: len(titles) == 2)) == 2
        finally:
            if own._server.poll() is not None:
                own.start(*postgres.QUICK)


async def test_a_server_that_goes_away_and_comes_back_costs_no_restart(own, files, client):
    url = own.new()
    async with smtp_sink() as sink, serving(url, files, sink.address) as places:
        page, away = asking(client, places)
        assert (await page()).status_code in {200, 303}
        own.stop(signal.SIGQUIT)
        try:
            await until(away, lambda seconds: seconds > 0)
            assert await until(lambda: page("/enrol?token=x"), lambda answer: answer.status_code in {200, 503})
            script = await client.get(
                f"http://127.0.0.1:{places['pages']}/api/breaches", headers={"Authorization": "Bearer nobody"}
            )
            assert script.status_code == 503
            with contextlib.closing(journal(files)) as written:
                written.write(breach(severity=Severity.URGENT, theme="self-harm", profile="ks2"))
            titles = lambda: asyncio.sleep(0, subjects(sink, "dsl@school.test"))  # noqa: E731
            assert await until(titles, lambda told: cut_off.TITLE in told)
        finally:
            own.start(*postgres.QUICK)
        await until(away, lambda seconds: seconds == 0)
        found = await until(titles, lambda told: len(told) >= 3)
        assert found.count(cut_off.TITLE) == 1
        assert any("notice" in title for title in found)
