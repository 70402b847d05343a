"""A filter whose clock is the test's, and whose upstream waits until it is let go."""

import asyncio
import datetime
import ipaddress
import time
from zoneinfo import ZoneInfo

from blocklists.live import Live
from dns_filter.answer import Answer
from dns_filter.known import Known
from dns_filter.local import Local
from dns_filter.lookups import Lookups
from dns_filter.metrics import Figures
from dns_filter.rebinding import Rebinding
from dns_filter.reply import Body
from dns_filter.resolver import Resolver
from dns_filter.turns import Share
from reporting.recorder import Recorder

FOUND = ["192.0.2.1"]
"""What upstream says of every name."""
SECOND = 10**9
MORNING = int(datetime.datetime(2025, 3, 4, 8, 29, 59, tzinfo=ZoneInfo("Europe/London")).timestamp()) * SECOND
"""A second before a school day begins: "social.test" is open for pupils, and closed in lessons."""


class Hour:
    """A filter over real TCP; its clock stands at *now* until the test sets it, its upstream waits for *free*."""

    def __init__(self, live: Live, recorder: Recorder) -> None:
        self.now, self.free, self.asked = MORNING, asyncio.Event(), asyncio.Event()
        self.names: tuple[str, ...] = ()
        self.answer: Answer | None = None
        self.free.set()
        figures = Figures()
        lookups = Lookups(
            known=Known(1 << 20, 0),
            ask=self._found,
            spawn=asyncio.get_running_loop().create_task,
            rebinding=Rebinding(()),
            figures=figures,
            monotonic=time.monotonic,
        )
        self.resolver = Resolver(
            lookups=lookups,
            local=Local({}, (), ()),
            recorder=recorder,
            room=100_000,
            closed=(bytes((192, 0, 2, 99)), b""),
            figures=figures,
            now_ns=lambda: self.now,
            monotonic=time.monotonic,
        )
        self.resolver.renew(live.policy, live.clients, live.version, clock_ok=True)

    async def _found(self, packet: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool) -> Answer:  # noqa: ARG002
        self.asked.set()
        await self.free.wait()
        if self.answer is not None:
            return self.answer
        record = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"
        address = ipaddress.ip_address(FOUND[0])
        return Answer(
            Body(0, record, (1, 0, 0)), 300, offsets=(6,), ttls=(300,), names=self.names, addresses=(address,)
        )
