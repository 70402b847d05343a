"""Breaches and journals for tests."""

import asyncio
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from blocklists.rulebook import Severity
from reporting.alerts import Desk
from reporting.breach import VERSION, Breach, BreachKind
from reporting.database import Database
from reporting.ingest import Ingest
from reporting.journal import Journal
from reporting.recorder import Recorder
from reporting.runs import count_repeat
from reporting.settings import ContactSettings

SEED = bytes(range(32))
AT = 1_700_000_000_000_000_000


def breach(number: int = 0, **fields: Any) -> Breach:
    """A breach like any other; *number* tells it from its neighbours."""
    given: dict[str, Any] = {
        "v": VERSION,
        "kind": BreachKind.STOPPED,
        "at_ns": AT + number,
        "source": "dns",
        "address": "10.0.0.7",
        "client": 7,
        "profile": "ks2",
        "host": f"host{number}.gambling.test",
        "reason": "category",
        "category": "gambling",
        "severity": Severity.NOTE,
        "policy": 1,
    }
    return Breach(**(given | fields))


def again(recorder: Recorder, key: tuple[str, Hashable], at_ns: int) -> bool:
    """Count one more of the open run *key* (address, name) as the UDP loop does; False if there is none."""
    runs = recorder.runs_of(key[0])
    return count_repeat(runs, key[1], at_ns, b"")


def open_journal(spool: Path, **fields: Any) -> Journal:
    """A new journal in *spool* with a seed that is known."""
    given: dict[str, Any] = {"site": "school", "kind": "dns", "instance": 0, "seed": SEED}
    return Journal.open(spool, **(given | fields))


def follower(database: Database, spool: Path, **fields: Any) -> Ingest:
    """An Ingest of *spool* that opens the seed b"sealed" and writes plain mails to a DSL."""
    contacts = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")
    desk = Desk(contacts=contacts, column=lambda profile: profile, write=lambda number, *_: (f"Alert {number}", "-"))
    given: dict[str, Any] = {"unseal": lambda sealed: SEED if sealed == b"sealed" else None}
    return Ingest(database, spool, desk, **(given | fields))


async def drained(ingest: Ingest) -> None:
    """Return once *ingest* has taken in all that there is."""
    async with asyncio.timeout(30):
        while await ingest.step():
            pass
