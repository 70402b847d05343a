"""The process that has the database open: takes journals in, raises alerts, sends mail, serves the staff pages.

Each part is a task of one TaskGroup; when one fails the process ends and is started again, and nothing on the request
path notices.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from blocklists.live import Files, Live
from blocklists.rulebook import Severity
from reporting import alerting, database_server, seed, shipped_rules
from reporting.accounts import Accounts
from reporting.alert_rules import Rules
from reporting.alerts import Desk, office_hours, one_person
from reporting.awaiting import awaited
from reporting.confirmation import with_confirmation
from reporting.cut_off import CutOff
from reporting.database import Database, opened
from reporting.ingest import Ingest
from reporting.known_sites import KnownSites
from reporting.list_metrics import ListCollector
from reporting.logline import reason
from reporting.mail import link_base, notice
from reporting.mending import Mending
from reporting.metrics import process_collector, serve_metrics
from reporting.nightly import Nightly
from reporting.notices import Notices
from reporting.notify import Outbox
from reporting.reach import Reach
from reporting.room import Room
from reporting.school_time import SchoolTime
from reporting.sealed_watch import SealedWatch
from reporting.settings import ContactSettings, ReportingSettings, on_server
from reporting.site_schema import School
from reporting.spent import Spent
from reporting.web.app import create_app, create_waiting, furnished
from reporting.web.guard import pupils_network
from reporting.web.machine import Machine
from reporting.web.offsite import create_offsite
from reporting.web.pseudonyms import kept_key
from reporting.web.serving import hosts, listening, serving

log = logging.getLogger("schoolgate.reporting")

QUIET = ("alembic", "uvicorn")
"""Libraries of whose steps the log of a running system says nothing."""

REFRESH = 0.2
type Ready = Callable[[dict[str, tuple[str, int]]], None]


async def serve(
    settings: ReportingSettings,
    files: Files,
    *,
    instance: int,
    metrics: tuple[str, int] | None,
    ready: Ready,
    machine: Machine | None = None,
    site: str = "school",
) -> None:
    """Run reporting until cancelled. *ready* is called with the real addresses once the pages answer.

    *machine*: the processes and certificates that the health page looks at; disks are reporting's own to know.
    *site* is what a server calls this gateway's schema.

    Raises DatabaseInUseError if another process has the database, OSError if an address is taken.
    """
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
    live = Live(files, sealed_lists=False)
    live.refresh()
    settings = structs.replace(settings, contacts=with_confirmation(settings.contacts, files.state))
    rules = alerting.rules_of(files.folder)
    file, mending = home_file(settings.database, files), Mending(Path(settings.backup.folder))
    where, tls = database_server.address(settings), database_server.tls(settings)
    school = school_of(site, files.keys / "journal.key")

    def meanwhile(reach: Reach) -> AbstractAsyncContextManager[None]:
        return _waiting(settings, live, reach, metrics, ready)

    async with awaited(lambda: opened(where, mend=mending.mend, tls=tls, school=school), meanwhile) as database:
        await mending.tell(database)
        accounts = Accounts(database, invitations=files.state / "invitations")
        await take_first_token(accounts, files.keys / "enrolment")
        known = KnownSites(files.known)
        ingest = Ingest(
            database,
            files.spool,
            told := desk(settings, live, rules),
            unseal=unsealer(files.keys / "journal.key"),
            found_clean=known.take,
            aside=file.parent / "damaged",
            damaged=lambda: mending.suspect(file),
        )
        room = Room(database, file)
        outbox, watch = alerting.outbox_of(database, settings), SealedWatch(files)
        climbing = alerting.climbing(database, told, settings, files.state, files.spool)
        notices_told = Notices(database, settings.contacts, link_base(settings.public_url), lag=lambda: ingest.lag)
        nightly = _nightly(database, settings, file, files, live)
        counted = _Reporting(ingest, outbox), ListCollector(files.lists), watch, nightly, mending, database.wear, room
        reach = database.reach
        with _measured(metrics, live, *counted, reach) as measured, listening(settings.listen) as pages:
            office = furnished(
                live=live,
                database=database,
                accounts=accounts,
                sessions=session_folder(settings.database, files),
                secure=bool(settings.tls_certificate),
                notices=notices(settings.contacts),
                pseudonym_key=await kept_key(database),
                machine=msgspec.structs.replace(machine or Machine(), disks=disks(settings.database, files)),
            )
            answered = hosts(settings, pages.getsockname()[:2])
            app = create_app(office, hosts=answered, refuses=pupils_network(live))
            async with (
                serving(app, settings, pages) as going_on,
                _offsite(settings, live, database, accounts),
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(_refresh(live))
                tasks.create_task(ingest.run())
                tasks.create_task(outbox.run())
                for step in climbing:
                    tasks.create_task(step.run())
                tasks.create_task(watch.run())
                tasks.create_task(known.run())
                tasks.create_task(nightly.run())
                tasks.create_task(room.run())
                tasks.create_task(notices_told.run())
                tasks.create_task(CutOff(reach, settings, database).run())
                if database.is_file:
                    tasks.create_task(mending.look_over(file))
                log.info("Reporting %d has its database open.", instance)
                ready({"pages": pages.getsockname()[:2]} | measured)
                await asyncio.shield(going_on)
                raise RuntimeError("the staff pages ended without being told to")


@contextlib.asynccontextmanager
async def _waiting(
    settings: ReportingSettings, live: Live, reach: Reach, metrics: tuple[str, int] | None, ready: Ready
) -> AsyncIterator[None]:
    """Say that the database's server is away, where the pages and the metrics will be, while the block runs."""
    with _measured(metrics, live, reach) as measured, listening(settings.listen) as pages:
        bound = pages.getsockname()[:2]
        app = create_waiting(hosts=hosts(settings, bound), refuses=pupils_network(live))
        async with serving(app, settings, pages), asyncio.TaskGroup() as tasks:
            meanwhile = [tasks.create_task(task) for task in (_refresh(live), CutOff(reach, settings).run())]
            ready({"pages": bound} | measured)
            yield
            for task in meanwhile:
                task.cancel()


async def take_first_token(accounts: Accounts, file: Path) -> None:
    """Take the first token over from *file*; a database that refuses keeps nobody's alerts waiting for that."""
    try:
        await accounts.load_enrolment(file)
    except SQLAlchemyError as error:
        says = "%s could not be taken over, so nobody can enrol with it until reporting is started again: %s"
        log.error(says, file, reason(error))  # noqa: TRY400 - one sentence


def desk(settings: ReportingSettings, live: Live, rules: Rules | None = None) -> Desk:
    """How alerts are routed and written, by the policy in force at that moment and by *rules*."""

    def column(profile: str) -> str:
        found = live.policy.rulebook.profiles.get(profile) if live.policy else None
        return found.column if found else ""

    def write(number: int, severity: Severity, act_by_ns: int) -> tuple[str, str]:
        return notice(number, severity, act_by_ns, link=link_base(settings.public_url), zone=zone_of(live))

    def school() -> SchoolTime:
        book = live.policy.rulebook if live.policy else None
        return SchoolTime(book.zone, book.calendar) if book else office_hours()

    return Desk(
        contacts=settings.contacts,
        column=column,
        write=write,
        rules=rules or shipped_rules.shipped(),
        school=school,
        channels=settings.channels,
    )


def zone_of(live: Live) -> ZoneInfo:
    """The school's time zone, or the usual one while no policy has been read."""
    return live.policy.zone if live.policy else ZoneInfo("Europe/London")


def home_file(database: str, files: Files) -> Path:
    """The file of *database*; for one on a server, a file that is not there, in the folder where it would be.

    Beside it lies what reporting keeps besides its rows: log-ins, damaged pieces of journals.
    """
    if not on_server(database):
        return Path(database)
    folder = files.state.parent / "database"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "server"


def session_folder(database: str, files: Files) -> Path:
    """Where log-ins are kept."""
    return home_file(database, files).parent / "sessions"


def disks(database: str, files: Files) -> dict[str, Path]:
    """The folders whose disks must have room, by what is kept there; a server's are its own business."""
    kept = {"State": files.state, "Journals": files.spool}
    return kept if on_server(database) else {"Database": Path(database).parent, **kept}


def _nightly(database: Database, settings: ReportingSettings, file: Path, files: Files, live: Live) -> Nightly | Spent:
    """What is done at night: backups of a file; a server makes its own, and only the journals are looked after."""
    if database.is_file:
        return Nightly(database, file, files.spool, settings.backup, zone=lambda: zone_of(live))
    return Spent(database, files.spool, days=settings.server.journal_days)


def notices(contacts: ContactSettings) -> tuple[str, ...]:
    """What stays red on today's page: where alerts go for want of the right address (`reporting.alerts.route`, G15)."""
    return tuple(sentence for sentence in (_about_pupils(contacts), _about_staff(contacts)) if sentence)


def _about_pupils(contacts: ContactSettings) -> str:
    if contacts.dsl and contacts.dsl_confirmed:
        return ""
    head = bool(contacts.headteacher)
    if contacts.dsl and head:
        return "The DSL's address is not confirmed yet, so alerts about pupils go to the headteacher."
    if contacts.dsl:
        return (
            "The DSL's address is not confirmed yet and no address of the headteacher is known, "
            "so alerts about pupils go to the DSL all the same."
        )
    if head:
        return "No address of the DSL is known, so alerts about pupils go to the headteacher."
    return "No address of the DSL or the headteacher is known, so mail about pupils reaches nobody."


def _about_staff(contacts: ContactSettings) -> str:
    if not contacts.headteacher:
        return "No address of the headteacher is known, so mail about staff reaches nobody."
    if one_person(contacts) and not contacts.chair:
        return "DSL and headteacher have one address and the chair's is not known, so alerts about staff go there too."
    return ""


def school_of(site: str, private: Path) -> School:
    """The school as a server knows it: *site*, and the gateway that has the key in the file *private*."""
    try:
        return School(site, seed.fingerprint(seed.read_private(private)))
    except (OSError, ValueError):  # `unsealer` says so
        return School(site)


def unsealer(private: Path) -> Callable[[bytes], bytes | None]:
    """What opens a journal's seed with the key in the file *private*; without a sound one, nothing opens."""
    try:
        key = seed.read_private(private)
    except (OSError, ValueError) as error:
        log.error("%s cannot be used, so every journal's chain stays unverified: %s", private, error)  # noqa: TRY400
        return lambda _sealed: None
    return lambda sealed: seed.unseal(key, sealed)


@contextlib.asynccontextmanager
async def _offsite(
    settings: ReportingSettings, live: Live, database: Database, accounts: Accounts
) -> AsyncIterator[None]:
    """Answer at the address for acknowledging from outside, if there is one, while the block runs."""
    place = settings.offsite
    if not place.listen:
        yield
        return
    host = urlsplit(place.url)
    office = furnished(
        live=live,
        database=database,
        accounts=accounts,
        sessions=session_folder(settings.database, live.files),
        secure=host.scheme == "https",
    )
    app = create_offsite(office, hosts=(host.netloc.lower(),), refuses=pupils_network(live))
    with listening(place.listen) as bound:
        async with serving(app, settings, bound):
            yield


async def _refresh(live: Live) -> None:
    while True:
        live.refresh()
        await asyncio.sleep(REFRESH)


@contextlib.contextmanager
def _measured(
    metrics: tuple[str, int] | None, live: Live, *collectors: Collector
) -> Iterator[dict[str, tuple[str, int]]]:
    if metrics is None:
        yield {}
        return
    registry = CollectorRegistry()
    registry.register(process_collector(live, None))
    for collector in collectors:
        registry.register(collector)
    served = serve_metrics(registry, metrics)
    try:
        yield {"metrics": served.address}
    finally:
        served()


class _Reporting(Collector):
    def __init__(self, ingest: Ingest, outbox: Outbox) -> None:
        self._ingest, self._outbox = ingest, outbox

    def collect(self) -> Iterator[Metric]:
        ingest, outbox = self._ingest, self._outbox
        breaches = CounterMetricFamily(
            "schoolgate_reporting_breaches", "Breaches taken in, without their repeats.", labels=["severity"]
        )
        for severity in Severity:
            breaches.add_metric([severity.name.lower()], ingest.breaches[severity])
        yield breaches
        for name, says, count in (
            ("visits", "Visits taken in: one for each client, site and minute.", ingest.visits),
            ("damaged", "Pieces of journals that were set aside.", ingest.damaged),
            ("tampered", "Tamper alarms.", ingest.tampered),
            ("strange_files", "Files in the spool whose names are no journal's; left alone.", ingest.strange),
            ("ingest_failures", "Batches that failed and are tried again.", ingest.failures),
            ("alerts", "Alerts opened.", ingest.alerts),
            ("mails_sent", "Mails that the mail server took.", outbox.sent),
            ("mails_failed", "Attempts to send a mail that failed.", outbox.failed),
            ("outbox_troubles", "Times that the database refused the outbox; mails wait.", outbox.troubles),
        ):
            yield CounterMetricFamily(f"schoolgate_reporting_{name}", says, value=count)
        yield GaugeMetricFamily(
            "schoolgate_reporting_ingest_lag_seconds", "For how long something has been waiting.", value=ingest.lag
        )
        yield GaugeMetricFamily("schoolgate_reporting_outbox_waiting", "Mails not yet sent.", value=outbox.waiting)
        oldest = outbox.oldest_ns
        age = 0.0 if oldest is None else max(0.0, (time.time_ns() - oldest) / 1e9)
        yield GaugeMetricFamily("schoolgate_reporting_outbox_oldest_seconds", "Age of the oldest of them.", value=age)
