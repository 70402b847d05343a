"""The DNS filter of a small school in this process: everything real but the sockets and the upstream."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

from blocklists.live import Live
from dns_filter.doors import VERDICTS
from dns_filter.known import Known
from dns_filter.local import Local
from dns_filter.lookups import Lookups
from dns_filter.metrics import Figures
from dns_filter.rebinding import Rebinding
from dns_filter.resolver import Resolver
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.fuzz.judge import Judge
from tests.fuzz.questions import packet, wire_name
from tests.fuzz.responses import Upstream
from tests.support.school import School, make_school

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.9.9.9", "::1", "fe80::1%lo", "::ffff:127.0.0.1")
HEADER = b"\0\1\1\0\0\1\0\0\0\0\0\0"
"""Of a plain question."""
ROOM = 1 << 20
"""Bytes of answers that are kept: few, so that memory is level soon."""
BY_TCP = 0.4
"""The part of the questions that is asked as over TCP."""


class Filter:
    """A resolver, who asks it, and the judge of what it says."""

    def __init__(self, school: School, journal: Journal, chance: Random, spoils: int) -> None:
        """Be ready to answer; *spoils* in a hundred of what upstream says is wrong."""
        self.school = school
        self.chance, self.figures, self.judge = chance, Figures(), Judge(honest=not spoils)
        self.recorder = Recorder(journal)
        lookups = Lookups(
            known=Known(ROOM, 3600),
            ask=Upstream(chance, spoils).ask,
            spawn=asyncio.get_running_loop().create_task,
            rebinding=Rebinding(("internal",)),
            figures=self.figures,
            monotonic=time.monotonic,
        )
        self.resolver = Resolver(
            lookups=lookups,
            local=Local({"printer.school.internal": ("10.20.0.9",)}, ("10.20.0.1",), ()),
            recorder=self.recorder,
            room=ROOM,
            closed=(bytes((192, 0, 2, 99)), b""),
            figures=self.figures,
            now_ns=time.time_ns,
            monotonic=time.monotonic,
        )
        live = Live(school.files)
        live.refresh()
        self.resolver.renew(live.policy, live.clients, live.version, clock_ok=True)

    async def fill(self) -> None:
        """Ask for so many names that what is kept of verdicts and answers is full, and memory level from then on."""
        for place in range(VERDICTS):
            asked = HEADER + wire_name(b"fill%d.learning.test" % place) + b"\0\1\0\1"
            outcomes = [self.resolver.begin(asked, address, self.resolver.school) for address in ADDRESSES]
            await asyncio.gather(*(one for one in outcomes if one is not None and not isinstance(one, bytes)))

    async def hear(self, count: int) -> None:
        """Put *count* packets to it at once, and judge every answer."""
        asked = [(packet(self.chance), self.chance.random() < BY_TCP) for _ in range(count)]
        waiting = [(one, tcp, outcome) for one, tcp in asked if (outcome := self._begin(one, tcp=tcp))]
        found = await asyncio.gather(*(outcome for _, _, outcome in waiting))
        for (one, tcp, _), answer in zip(waiting, found, strict=True):
            self._judge(one, answer, tcp=tcp)

    def _begin(self, one, *, tcp):
        """What is to be awaited; an answer that is there at once is judged."""
        door = self.resolver.inner if self.chance.random() < 0.05 else self.resolver.school
        outcome = self.resolver.begin(one, self.chance.choice(ADDRESSES), door, tcp=tcp)
        if outcome is not None and not isinstance(outcome, bytes):
            return outcome
        self._judge(one, outcome, tcp=tcp)
        return None

    def _judge(self, one: bytes, answer: bytes | None, *, tcp: bool) -> None:
        try:
            self.judge.hear(one, answer, tcp=tcp)
        except Exception as error:
            said = None if answer is None else answer.hex()
            error.add_note(f"packet {one.hex()}\nanswer {said}\nover {'TCP' if tcp else 'UDP'}")
            raise


@contextlib.asynccontextmanager
async def filters(folder: Path, seed: int) -> AsyncIterator[tuple[Filter, Filter]]:
    """One with an honest upstream, and one with an upstream that spoils what it says, in *folder*."""
    school, chance = make_school(folder), Random(seed)
    journals = [Journal.open(school.files.spool, site="test", kind="dns", instance=n, seed=bytes(32)) for n in range(2)]
    pair = Filter(school, journals[0], chance, 0), Filter(school, journals[1], chance, 50)
    recording = [asyncio.create_task(one.recorder.run()) for one in pair]
    try:
        yield pair
    finally:
        for task in recording:
            task.cancel()
        await asyncio.gather(*recording, return_exceptions=True)
        for journal in journals:
            journal.close()
