"""Is everything healthy: processes, journals, lists, certificates, disks, clock, and how much of the traffic is seen.

Each line says what it looked at, whether that is good, and what to do if not; whatever cannot be looked at is not good.
"""

import asyncio
import contextlib
import datetime
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from litestar import Response, get
from sqlalchemy import select

from reporting import backups, list_metrics
from reporting.ingest import SILENCE
from reporting.models import JournalRow
from reporting.permissions import Action
from reporting.room import LOW
from reporting.web import alarms, scraping
from reporting.web.access import needs
from reporting.web.machine import Machine
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html

DAY = 86_400

STALE = 8 * DAY
"""Seconds after which a list is called old: its author publishes weekly at least, and a day late is no news."""

CERTIFICATE_DAYS = 21
"""Days before a certificate's end from which on somebody should act: three weeks hold a half-term."""

LAG = 1_000_000
"""Bytes of a journal that wait to be taken in, from which on reporting is behind: some 3,000 breaches."""

BACKUP_AGE = 26 * 3_600
"""Seconds after which the newest backup is called old: one is made each night, and a night may be an hour longer."""

SIGNER = "schoolgate_proxy_signer_silent"
"""What a worker says of the signer."""

NO_SIGNER = "Until it answers, sites that are new to a worker are closed where a page would have to be opened."
NO_BACKUP = "See reporting's log and the room on the disk, or make one now: schoolgate backup"

RECENT = 5.0
"""Seconds for which today's page believes what was looked at."""


class Line(msgspec.Struct, frozen=True):
    """One thing that was looked at; *todo* is what to do where it is not good."""

    what: str
    good: bool
    says: str
    todo: str = ""


class Coverage(msgspec.Struct, frozen=True):
    """Connections since the front doors started: relayed unopened, opened, refused."""

    spliced: int
    opened: int
    refused: int

    @property
    def shares(self) -> tuple[tuple[str, int, str], ...]:
        """(words, count, share) of each."""
        total = self.spliced + self.opened + self.refused
        counts = (("Relayed unopened", self.spliced), ("Opened and read", self.opened), ("Refused", self.refused))
        return tuple((words, count, f"{count / total:.0%}" if total else "-") for words, count in counts)


class Health(msgspec.Struct, frozen=True):
    """All that was looked at, by what it is about."""

    groups: dict[str, list[Line]]
    coverage: Coverage | None

    @property
    def bad(self) -> list[Line]:
        """What is not good."""
        return [line for lines in self.groups.values() for line in lines if not line.good]


class Watch:
    """What was looked at last, for pages that many people open."""

    def __init__(self, office: Office) -> None:
        """Look at nothing yet."""
        self._office = office
        self._seen: tuple[float, Health] | None = None

    async def recent(self) -> Health:
        """What was looked at within the last RECENT seconds, or is now."""
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > RECENT:
            self._seen = now, await looked_at(self._office)
        return self._seen[1]


def watch_of(request: Asked) -> Watch:
    """The watch that the application was made with."""
    watch = request.app.state["watch"]
    assert isinstance(watch, Watch)
    return watch


@get("/health", opt=needs(Action.HEALTH_READ))
async def health(request: Asked) -> Response[str]:
    """The health page."""
    office = office_of(request)
    return html(request, office, "health.html", health=await looked_at(office))


async def looked_at(office: Office) -> Health:
    """Look at everything once; takes as long as the slowest process, `scraping.PATIENCE` at most."""
    machine = office.machine
    scraped = await asyncio.gather(*(scraping.scrape(place) for place in machine.processes.values()))
    processes = dict(zip(machine.processes, scraped, strict=True))
    async with office.database.reading() as session:
        journals = list(await session.scalars(select(JournalRow).where(JournalRow.state == "reading")))
    files = await asyncio.to_thread(lambda: [list(look(office)) for look in (_certificates, _disks, _lists, _backups)])
    return Health(
        groups={
            "Processes": [*_processes(processes), *_signer(scraped, machine)],
            "Journals": [*_journals(journals, office), *_server(office)],
            "Policy and clock": list(_policy(office)),
            "Lists": files[2],
            "Certificates": files[0],
            "Disk": files[1],
            **({"Backup": files[3]} if machine.backups else {}),
        },
        coverage=_coverage([found for found in scraped if found]),
    )


def _processes(found: dict[str, dict[str, float] | None]) -> Iterator[Line]:
    for name, answer in found.items():
        if answer is None:
            yield Line(name, good=False, says="does not answer", todo="See its log; it is started again by itself.")
        else:
            troubles = list(alarms.raised(answer))
            says = "; ".join(("answers", *(what for what, _ in troubles)))
            todo = " ".join(dict.fromkeys(todo for _, todo in troubles))
            yield Line(name, good=not troubles, says=says, todo=todo)


def _signer(found: Sequence[dict[str, float] | None], machine: Machine) -> Iterator[Line]:
    """The signer as the workers that answer tell of it."""
    if not machine.signer:
        return
    told = [one[SIGNER] for one in found if one and SIGNER in one]
    if not told:
        yield Line("Signer", good=False, says="no worker says how it is", todo="See to the workers first.")
    elif silent := sum(map(bool, told)):
        says = "does not answer" if silent == len(told) else f"does not answer {silent} of {len(told)} workers"
        yield Line("Signer", good=False, says=says, todo=f"See its log. {NO_SIGNER}")
    else:
        yield Line("Signer", good=True, says="answers")


def _backups(office: Office) -> Iterator[Line]:
    """The newest backup whose time has come: one of tomorrow is of a clock that was wrong."""
    if (folder := office.machine.backups) is None:
        return
    now, newest = office.now_ns(), 0
    with contextlib.suppress(OSError):
        newest = max((at for at in map(backups.taken_ns, backups.all_in(folder)) if at <= now), default=0)
    age = (now - newest) / 1e9
    good = bool(newest) and age < BACKUP_AGE
    says = f"made {_span(age)} ago" if newest else "there is none"
    yield Line("Newest backup", good=good, says=says, todo="" if good else NO_BACKUP)


def _journals(rows: list[JournalRow], office: Office) -> Iterator[Line]:
    now = office.now_ns()
    for row in rows:
        name = f"{row.kind} {row.instance} at {row.site}"
        behind = _size(office.live.files.spool / row.name) - row.offset
        heard = (now - row.heartbeat_ns) / 1e9
        if behind > LAG:
            says = f"{behind:,} bytes wait to be taken in"
            yield Line(name, good=False, says=says, todo="Reporting is behind; see its log.")
        elif row.heartbeat_ns and heard > SILENCE:
            yield Line(name, good=False, says=f"not heard for {_span(heard)}", todo="See whether its process runs.")
        elif row.chain == "broken":
            yield Line(name, good=False, says="changed after it was written", todo="Tell the headteacher.")
        else:
            yield Line(name, good=True, says=f"taken in, heard {_span(heard)} ago" if row.heartbeat_ns else "taken in")
    if not rows:
        yield Line("Journals", good=True, says="none is being written")


def _server(office: Office) -> Iterator[Line]:
    """How it went with the database's server; while it is away there is no page to say so on but that of an error."""
    if not office.database.is_file:
        times = office.database.reach.times
        often = f"; was away {'once' if times == 1 else f'{times:,} times'} since reporting started" if times else ""
        yield Line("Database's server", good=True, says=f"answers{often}")


def _policy(office: Office) -> Iterator[Line]:
    live = office.live
    version = f"version {live.version} is in force" if live.ready else "none is in force"
    yield Line("Policy", good=live.ready, says=version, todo="" if live.ready else "Run: schoolgate policy apply")
    clock = live.clock_ok()
    says = "later than all that was written before" if clock else "earlier than what was written before"
    yield Line("Clock", good=clock, says=says, todo="" if clock else "Set the clock; passes are closed until then.")


def _lists(office: Office) -> Iterator[Line]:
    for name, age in sorted(list_metrics.ages(office.live.files.lists, office.now_ns()).items()):
        old = age > STALE
        todo = "Run: schoolgate lists update" if old else ""
        yield Line(name, good=not old, says=f"known to be the newest {_span(age)} ago", todo=todo)
    yield from _index(office)


def _index(office: Office) -> Iterator[Line]:
    if office.live.policy is None:
        return
    built = getattr(getattr(office.live.policy.index, "manifest", None), "built_ns", 0)
    age = max(0.0, (office.now_ns() - built) / 1e9)
    yield Line("Index", good=True, says=f"built {_span(age)} ago" if built > 1 else "built from the starter lists")


def _certificates(office: Office) -> Iterator[Line]:
    now = datetime.datetime.fromtimestamp(office.now_ns() / 1e9, datetime.UTC)
    for what, path in office.machine.certificates.items():
        try:
            ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        except (OSError, ValueError):
            yield Line(
                what, good=False, says="cannot be read", todo=f"See whether {path.name} is there and a PEM file."
            )
            continue
        days = (ends - now).days
        says = f"holds for {days:,} days, until {ends:%-d %B %Y}" if days >= 0 else f"ran out on {ends:%-d %B %Y}"
        good = days >= CERTIFICATE_DAYS
        yield Line(what, good=good, says=says, todo="" if good else "Make or fetch a new one.")


def _disks(office: Office) -> Iterator[Line]:
    for what, folder in office.machine.disks.items():
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            yield Line(what, good=False, says="cannot be looked at", todo="See whether the folder is there.")
            continue
        free = disk.free / disk.total if disk.total else 0.0
        says = f"{free:.0%} free, {disk.free / 1e9:,.1f} GB of {disk.total / 1e9:,.1f} GB"
        yield Line(what, good=free >= LOW, says=says, todo="" if free >= LOW else "Make room, or fit a larger disk.")


def _coverage(found: list[dict[str, float]]) -> Coverage | None:
    """What the front doors did with connections; None where there is no front door that answers."""
    doors = [one for one in found if "schoolgate_peek_connections_total" in one]
    if not doors:
        return None
    spliced, handed, refused = (
        int(sum(one.get(f"schoolgate_peek_{name}_total", 0.0) for one in doors))
        for name in ("spliced", "handed_over", "refused")
    )
    return Coverage(spliced, handed, refused)


def _span(seconds: float) -> str:
    """*seconds* as people say it."""
    for unit, length in (("day", DAY), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
