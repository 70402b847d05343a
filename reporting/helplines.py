"""How often the school turned to help services: one figure for a whole week, and nothing that it could be read out of.

Visits to helplines enter no journal (G12). What is kept instead is a number of *turns*: a device that reached a help
service on a day is one, however often it did. Who that was is known to the counting process alone, in its memory, as a
number that means nothing elsewhere, and until the day is over.

To the disk turns go in fives, when a day or the process is over: the rest waits in memory for more of its week, or is
forgotten. So no reading of the file shows less than five turns, two readings differ by none or by at least five, and
the time at which it was written says nothing. Days and weeks are UTC's. A process that is restarted may count a device
twice in that day, and forgets up to four; of several processes, most of which meet the same devices, the largest figure
is the school's. It is never too large by more than restarts make it.
"""

import contextlib
import datetime
import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from blocklists import defaults
from blocklists.clients import Client, network_of
from blocklists.verdict import Reason, Verdict

log = logging.getLogger("schoolgate.helplines")

FIVE = 5
"""Turns that are the least to be written or shown (G12)."""
DAY = 86_400_000_000_000
"""Nanoseconds."""
HOUR = DAY // 24
WEEKS = 3
"""Weeks that a file holds: the one that goes on, the one to be reported, and one more where a report is late."""
PREFIX = "helplines-"
LONGEST = 4096
"""Bytes of a file; one of three weeks has about 100."""
_EPOCH = datetime.date(1970, 1, 1)


def is_helpline(verdict: Verdict) -> bool:
    """Whether what *verdict* permits is a help service, and not only what its pages share with other sites."""
    return verdict.reason is Reason.ALWAYS_OPEN and not verdict.blocked and verdict.rule not in _shared_parts()


@cache
def _shared_parts() -> frozenset[str]:
    return frozenset(row["host"] for row in defaults.table("help_parts"))


class Turns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds: turns by the Monday of their week."""

    weeks: dict[datetime.date, int] = {}


class Helplines:
    """Counts for one process, whose file is *file*. Never raises for what is wrong with that."""

    def __init__(self, file: Path) -> None:
        """Go on from what *file* holds."""
        self._file = file
        self._weeks = dict(_read(file).weeks)
        self._day = -1
        self._met: set[int] = set()
        self._rest = 0

    def met(self, client: Client, at_ns: int) -> None:
        """*client* reached a help service at *at_ns* (UTC)."""
        self.sweep(at_ns)
        who = hash((client.device or network_of(client.address), "device" if client.device else "address"))
        if who not in self._met:
            self._met.add(who)
            self._rest += 1

    def sweep(self, now_ns: int) -> None:
        """Write a day that is over at *now_ns* (UTC); as often as you like."""
        day = now_ns // DAY
        if day == self._day:
            return
        if self._day >= 0:
            self.write()
            if _monday(day) != _monday(self._day):
                self._rest = 0
        self._met.clear()
        self._day = day

    def write(self) -> None:
        """Write what is there in fives: for the end of a day, and of the process."""
        if self._day < 0:
            return
        monday, fives = _monday(self._day), self._rest - self._rest % FIVE
        self._rest -= fives
        self._weeks[monday] = self._weeks.get(monday, 0) + fives
        for old in sorted(self._weeks)[:-WEEKS]:
            del self._weeks[old]
        try:
            _replace(self._file, msgspec.json.encode(Turns(self._weeks)))
        except OSError as error:
            log.warning("The week's total of help services could not be written: %s", error.strerror or error)


def file_of(spool: Path, kind: str, instance: int) -> Path:
    """Where the process number *instance* of a *kind* counts."""
    return spool / f"{PREFIX}{kind}-{instance}"


def turns_of(spool: Path, monday: datetime.date) -> int | None:
    """The school's turns in the week that began on *monday*, in fives; None where nobody counted that week.

    Ask for a week that is over: its figure does not change any more.
    """
    return max((turns for file in _files(spool) if (turns := _read(file).weeks.get(monday)) is not None), default=None)


def shown(turns: int | None) -> str:
    """The figure as anybody may read it; a week without any looks like one with four."""
    if turns is None:
        return "not counted"
    return f"at least {turns - turns % FIVE}" if turns >= FIVE else f"fewer than {FIVE}"


def last_week(spool: Path, now_ns: int) -> str:
    """The figure of the last week that was over an hour before *now_ns* (UTC): all have written theirs by then."""
    return shown(turns_of(spool, _monday((now_ns - HOUR) // DAY) - datetime.timedelta(weeks=1)))


def _monday(day: int) -> datetime.date:
    date = _EPOCH + datetime.timedelta(days=day)
    return date - datetime.timedelta(days=date.weekday())


def _files(spool: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from spool.glob(f"{PREFIX}*[0-9]")


def _read(file: Path) -> Turns:
    """What *file* holds; nothing where it is damaged, no plain file, or not to be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            found = msgspec.json.decode(opened.read(LONGEST), type=Turns)
    except (OSError, msgspec.DecodeError):
        return Turns()
    return Turns({monday: turns for monday, turns in found.weeks.items() if turns >= 0 and turns % FIVE == 0})


def _replace(file: Path, content: bytes) -> None:
    new = file.with_name(f".{file.name}.new")
    new.write_bytes(content)
    new.replace(file)
