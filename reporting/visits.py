"""Named visits: which sites a client was let through to, folded by the minute (POLICY.md, "named visits kept").

Not every permitted name is a visit: what somebody seeks help or counsel at, what stands for health, belief or identity,
and what programs ask for by themselves enters no journal (G8, G9, G12). This file reads no clock and writes nothing
itself: time and the journal are arguments.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import batched

from blocklists import suffix
from blocklists.clients import Client
from blocklists.profile import Profile
from blocklists.verdict import Reason, Verdict
from reporting.breach import VERSION, Visit
from reporting.helplines import Helplines, is_helpline

MINUTE = 60_000_000_000
"""Nanoseconds that are one row."""

SITES_EACH = 500
"""Different sites of one client in a minute, about 50 KB: a classroom behind one address has as many."""

SITES = 100_000
"""Different sites of all clients in a minute, about 10 MB: 1,000 busy ones of 100 each."""

CLIENTS = 8_192
"""Clients of a minute; what more of them ask is counted by profile and not by client."""

OTHER = "(other)"
"""The site under which a client's visits stand for which there is no room; no name has parentheses."""

HELPLINE = "(helpline)"
"""In place of a site: a help service, which is no visit and counts for the school's weekly total alone (G12)."""

RECORD = 64
"""Sites of one record: 17 KB at most, and few enough for 500 records to be one transaction (`reporting.ingest`)."""

SLICE = 50
"""Records that a sweep writes, or a client's few more: about 1.5 ms. It was 200 clients once: when each had been to
hundreds of sites in the minute, that kept everybody waiting for 90 ms."""


def worth_a_visit(verdict: Verdict, profile: Profile, host: str) -> str:
    """The site that a permitted answer for the canonical *host* is a visit to, or "" if it is none.

    None for a refusal, what is on a list of nobody's business (`NEVER_VISITED`) whatever else it is on, a reverse or a
    single-label name, and profiles whose named visits are not kept; HELPLINE for a help service, whoever asks, and none
    for what its pages share with others. 2.4 us for a new host, so it is asked when an answer is made and not for each
    that goes out.
    """
    if verdict.reason is Reason.ALWAYS_OPEN and not verdict.blocked:
        return HELPLINE if is_helpline(verdict) else ""
    if not profile.visits or verdict.blocked or verdict.personal:
        return ""
    if host.endswith(".arpa") or "." not in host:
        return ""
    return suffix.registrable(host) or host


class Visits:
    """Counts a worker's visits and has them written once their minute is over; a kill loses a minute of them.

    *write* puts a record into the journal (`Recorder.visit`). *kept* is False until a DSL is confirmed (G15): then
    nothing is counted at all. What `add` is given is never lost: sites beyond the bounds are counted under OTHER.
    *helplines* counts who turned to a help service, which is written nowhere else.
    """

    def __init__(
        self,
        write: Callable[[Visit], None],
        *,
        kept: bool,
        source: str = "dns",
        helplines: Helplines | None = None,
    ) -> None:
        """Start with none."""
        self._helplines = helplines
        self._write, self._kept, self._source = write, kept, source
        self._minutes: dict[int, dict[Client, Counter[str]]] = {}
        self._over: deque[tuple[int, Client, Counter[str]]] = deque()
        self._sites = 0

    def add(self, client: Client, sites: Iterable[str], at_ns: int) -> None:
        """Count *sites*, one for each permitted answer, as visits by *client* in the minute of *at_ns* (UTC).

        *client* is as the clients snapshot has it (`ClientMap.of`). Empty sites are passed over.
        """
        named = Counter(sites)
        if named.pop(HELPLINE, 0) and self._helplines is not None:
            self._helplines.met(client, at_ns)
        if not self._kept:
            return
        minute = self._minutes.setdefault(at_ns - at_ns % MINUTE, {})
        if client not in minute and len(minute) >= CLIENTS:
            client = Client("", client.profile)
        counted = minute.setdefault(client, Counter())
        for site, count in named.items():
            if site:
                counted[self._fitting(counted, site)] += count

    def sweep(self, now_ns: int, most: int = SLICE) -> bool:
        """Write about *most* records of a minute that is over at *now_ns* (UTC); True if there is more.

        Called every 0.05 s, it has written all of a minute within 10 s of its end.
        """
        if self._helplines is not None:
            self._helplines.sweep(now_ns)
        self._turn(now_ns - now_ns % MINUTE)
        written = 0
        while self._over and written < most:
            written += self._put(*self._over.popleft())
        return bool(self._over)

    def flush(self) -> None:
        """Write everything, the minute that goes on too: for the end of a process."""
        if self._helplines is not None:
            self._helplines.write()
        self._turn(None)
        while self._over:
            self._put(*self._over.popleft())

    def _fitting(self, counted: Counter[str], site: str) -> str:
        """*site*, or OTHER if there is no room for another."""
        if site in counted:
            return site
        if len(counted) >= SITES_EACH or self._sites >= SITES:
            return OTHER
        self._sites += 1
        return site

    def _turn(self, now: int | None) -> None:
        """Set aside, to be written, what is not of the minute *now*: after a clock's step a later one is over too."""
        for minute in [minute for minute in self._minutes if minute != now]:
            self._over.extend((minute, client, sites) for client, sites in self._minutes.pop(minute).items())

    def _put(self, minute: int, client: Client, sites: Counter[str]) -> int:
        """Write what *client* did in *minute*; returns in how many records."""
        self._sites -= len(sites) - (OTHER in sites)
        for part in batched(sites.items(), RECORD):
            record = Visit(
                VERSION,
                minute,
                self._source,
                dict(part),
                address=client.address,
                client=client.number,
                device=client.device,
                person=client.person,
                profile=client.profile,
            )
            self._write(record)
        return -(-len(sites) // RECORD)
