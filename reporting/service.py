"""The process that has the database open: takes journals in, raises alerts, sends mail, serves the staff pages.

Each part is a task of one TaskGroup; when one fails the process ends and is started again, and nothing on the request
path notices.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import structs
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from blocklists.live import Files, Live
from reporting import alerting, database_server, places, seed, unaddressed
from reporting.accounts import Accounts
from reporting.awaiting import awaited
from reporting.confirmation import with_confirmation
from reporting.cut_off import CutOff
from reporting.database import Database, opened
from reporting.ingest import Ingest
from reporting.known_sites import KnownSites
from reporting.list_metrics import ListCollector
from reporting.logline import reason
from reporting.mail import link_base
from reporting.mending import Mending
from reporting.metrics import process_collector, serve_metrics
from reporting.month_keys import FOLDER, MonthKeys
from reporting.nightly import Nightly
from reporting.notices import Notices
from reporting.own_metrics import ReportingCollector
from reporting.purging import Purged
from reporting.reach import Reach
from reporting.room import Room
from reporting.sealed_watch import SealedWatch
from reporting.settings import ReportingSettings, on_server
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
    file, mending = places.home_file(settings.database, files), Mending(Path(settings.backup.folder))
    where, tls = database_server.address(settings), database_server.tls(settings)
    school = places.school_of(site, files.keys / "journal.key")

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
            told := alerting.desk(settings, live, rules),
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
        own, reach = ReportingCollector(ingest, outbox), database.reach
        counted = own, ListCollector(files.lists), watch, nightly, mending, database.wear, room, reach
        with _measured(metrics, live, *counted) as measured, listening(settings.listen) as pages:
            office = furnished(
                live=live,
                database=database,
                accounts=accounts,
                sessions=places.session_folder(settings.database, files),
                secure=bool(settings.tls_certificate),
                notices=unaddressed.notices(settings.contacts),
                pseudonym_key=await kept_key(database),
                persons=settings.contacts.persons,
                machine=_looked_at(machine or Machine(), settings, files),
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
                tasks.create_task(Purged(database, MonthKeys(file.parent / FOLDER)).run())
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


def _looked_at(machine: Machine, settings: ReportingSettings, files: Files) -> Machine:
    """*machine* with what is reporting's own to know: the disks, and the folder of backups."""
    backups = None if on_server(settings.database) else Path(settings.backup.folder)
    return msgspec.structs.replace(machine, disks=places.disks(settings.database, files), backups=backups)


def _nightly(database: Database, settings: ReportingSettings, file: Path, files: Files, live: Live) -> Nightly | Spent:
    """What is done at night: backups of a file; a server makes its own, and only the journals are looked after."""
    if database.is_file:
        return Nightly(database, file, files.spool, settings.backup, zone=lambda: alerting.zone_of(live))
    return Spent(database, files.spool, days=settings.server.journal_days)


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
        sessions=places.session_folder(settings.database, live.files),
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
