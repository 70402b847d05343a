"""A door is whom a listener answers: the school's clients (`school_door`), or our own proxies (`inner_door`).

A door turns an address into a `View`: everything that is decided for one *effective policy* (profile, personal rules
and passes in force), so that a pass for one room never opens a name for all. Views hold verdicts and finished
answers; a new policy, permit, sealed list or index empties them of all that it may decide otherwise, a new clients
snapshot only maps addresses anew.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import islice

from blocklists.clients import network_of
from blocklists.policy import Policy, Reason, Request, Verdict
from blocklists.profile import Profile
from dns_filter.cache import Ready, Stop, Stops
from dns_filter.floods import Floods
from dns_filter.seats import Seat, View
from dns_filter.shares import Waiting
from dns_filter.turns import Share
from reporting.runs import NO_RUNS, Run

NEVER = 1 << 63
"""A time that does not come, in nanoseconds or seconds."""
ADDRESSES = 65536
"""Addresses that are mapped at a time; an IPv6 client can have any number."""
VERDICTS = 4096
"""Verdicts that one view keeps, about 2 MB."""

type Visited = Callable[[str, list[str], int], None]
"""Told that an address was given answers for sites (one for each answer, "" for none) at a UTC nanosecond."""

CONNECTIONS = 20
"""TCP connections of one client: a tenth of a listener's (`dns_filter.tcp.CONNECTIONS`). Programs keep one or two; a
classroom behind one address has some, and only its idlest ends when there are more."""
ENDLESS = 1 << 40
"""Questions: a door that was not told otherwise slows nobody."""
WAITING = 4000
"""Answers of upstream that the clients of one door may wait for together, each a task and about 4 kB."""
COSTLY = 8
"""A question that no finished answer fits counts for so many: it takes that many times as long."""
DROPPED = 32
"""One of so many finished answers of a view makes room, the oldest first."""
SEATS_AT_ONCE = 4000
"""Seats that are looked through between two turns of the event loop: about 1 ms."""


class Door:
    """What both doors have: views by address, bounded, and emptied together.

    *seats* are the same by the address's own bytes: the listener fills them, they never outlive *views*. *waiting*
    counts the answers of upstream that clients wait for, *connections* is how many TCP connections one client may have,
    *floods* knows who asks too much. *visited* is told who went where.
    """

    weight = 1
    connections = CONNECTIONS

    def __init__(self, capacity: int) -> None:
        """Hold at most *capacity* bytes of finished answers in all views together."""
        self.waiting = Waiting(WAITING, self.weight)
        self.floods = Floods(ENDLESS, ENDLESS)
        self.visited: Visited | None = None
        self.runs_of: Callable[[str], Mapping[Hashable, Run]] = lambda _: NO_RUNS
        self.stops = Stops()
        self.views: dict[str, View] = {}
        self.seats: dict[bytes, Seat] = {}
        self._at, self._now = 0, 0.0
        self.policy: Policy | None = None
        self.clock_ok = True
        self.boundary = NEVER
        self.counted: Counter[tuple[str, bool]] = Counter()
        self._capacity, self.size = capacity, 0
        self._all: dict[tuple[str, tuple[int, ...]], View] = {}

    def view(self, address: str, at: int) -> View | None:
        """The view of *address* at the UTC nanosecond *at*, or None for somebody whom this door does not answer.

        What was decided until a moment that has come is forgotten here, as every way but the hit path begins here.
        """
        if at >= self.boundary:
            self.turn()
        found = self.views.get(address)
        if found is None and (found := self._find(address, at)) is not None:
            if len(self.views) >= ADDRESSES:
                self.remap()
            self.views[address] = found
        return found

    def verdict(self, view: View, address: str, host: str, at: int) -> Verdict:
        """The verdict on *host* in *view*, decided at most once until something changes."""
        found = view.verdicts.get(host)
        if found is None:
            found = self._decide(address, host, at)
            if found.reason is not Reason.FAILURE and (found.until is None or at < found.until):
                self._remember(view, host, found)
        return found

    def request(self, address: str, host: str, at: int) -> Request | None:
        """The question as the decision and the journal know it; None where nobody in the school asks."""
        raise NotImplementedError

    def profile(self, view: View) -> Profile | None:  # noqa: ARG002
        """The profile of *view*; None where nobody in the school asks."""
        return None

    def share(self, address: str) -> Share:
        """In whose turn what *address* asks goes to upstream."""
        return Share(network_of(address))

    def keep(self, view: View, key: bytes, ready: Ready | Stop, *, ends: bool = False) -> None:
        """Keep a finished answer for packets that equal *key* behind their number, unless it is over already.

        *ends*: a verdict behind it does at some time, so it goes at the next boundary.
        """
        if not ready.lasts:
            return
        if ends:
            view.ending.add(key)
        if (old := view.answers.get(key)) is not None:
            self.size -= len(key) + old.size
        view.answers[key] = ready
        self.size += len(key) + ready.size
        if self.size > self._capacity:
            self._make_room()

    @property
    def stored(self) -> int:
        """Finished answers at hand; for any thread."""
        return sum(len(view.answers) for view in list(self._all.values()))

    def seat(self, raw: bytes, address: str, at: int) -> Seat | None:
        """A new seat for *address*, whose bytes are *raw*; None for somebody whom this door does not answer."""
        view = self.view(address, at)
        if view is None:
            return None
        found = self.seats[raw] = Seat(view, address, self.runs_of(address))
        return found

    def missed(self, seat: Seat) -> None:
        """Count a question of *seat* that no finished answer fitted; its client may have its first run by now."""
        seat.costly += 1
        seat.runs = self.runs_of(seat.address)

    def look(self, at: int, now: float) -> Iterator[None]:
        """Take what seats hold at the UTC nanosecond *at* and the second *now*; yields now and then, for others."""
        self._at, self._now = at, now
        self.floods.sweep(now)
        for place, seat in enumerate(list(self.seats.values()), start=1):
            self._take(seat)
            if place % SEATS_AT_ONCE == 0:
                yield

    def _take(self, seat: Seat) -> None:
        """Count what *seat* holds, as of the last look: it is a fraction of a second old at most."""
        seen, stops, costly = seat.seen, seat.stops, seat.costly
        if not (seen or stops or costly):
            return
        seat.seen, seat.stops, seat.costly = [], 0, 0
        seat.view.hits += len(seen)
        seat.view.stops += stops
        self.floods.count(seat.network, len(seen) + stops + COSTLY * costly, self._now)
        if seen and self.visited:
            self.visited(seat.address, seen, self._at)

    def turn(self) -> None:
        """Forget what hung on a verdict that ends, at a boundary, and find every client anew, as a pass may have ended.

        Of the rest nothing changes, so a bell costs no more decisions than there are names that hang on it.
        """
        self.remap()
        over, self.boundary = self.boundary, NEVER
        self._outlive(over)
        for view in self._all.values():
            for key in view.ending:
                if (gone := view.answers.pop(key, None)) is not None:
                    self.size -= len(key) + gone.size
            view.ending.clear()
            view.verdicts = {host: verdict for host, verdict in view.verdicts.items() if verdict.until is None}

    def _outlive(self, over: int) -> None:
        """Find out which views' effective policy is another from the moment *over* on."""

    def remap(self) -> None:
        """Forget which address has which view."""
        for seat in self.seats.values():
            self._take(seat)
        self.views.clear()
        self.seats.clear()

    def empty(self) -> None:
        """Forget everything that was decided."""
        self.remap()
        for view in self._all.values():
            count(self.counted, view, view.hits, view.stops)
            view.hits = view.stops = 0
            view.answers.clear()
        self._all.clear()
        self.size = 0
        self.boundary = NEVER

    def counts(self) -> Counter[tuple[str, bool]]:
        """Answers that went out finished, by (profile, blocked), since the start; for any thread."""
        total = self.counted.copy()
        for seat in list(self.seats.values()):
            count(total, seat.view, len(seat.seen), seat.stops)
        for view in list(self._all.values()):
            count(total, view, view.hits, view.stops)
        return total

    def _find(self, address: str, at: int) -> View | None:
        raise NotImplementedError

    def _decide(self, address: str, host: str, at: int) -> Verdict:
        raise NotImplementedError

    def _remember(self, view: View, host: str, verdict: Verdict) -> None:
        if len(view.verdicts) >= VERDICTS:
            for old in list(islice(view.verdicts, VERDICTS // 2)):
                del view.verdicts[old]
        view.verdicts[host] = verdict
        if verdict.until is not None:
            self.boundary = min(self.boundary, verdict.until)

    def _make_room(self) -> None:
        """Drop the oldest of the fullest view: amortised over as many answers as it drops.

        Half of them at a time would have to be made anew within a second, which kept everybody waiting for 60 ms.
        """
        while self.size > self._capacity:
            fullest = max(self._all.values(), key=lambda view: len(view.answers))
            for key in list(islice(fullest.answers, len(fullest.answers) // DROPPED + 1)):
                self.size -= len(key) + fullest.answers.pop(key).size
                fullest.ending.discard(key)


def count(total: Counter[tuple[str, bool]], view: View, permitted: int, blocked: int) -> None:
    """Add to *total* what went out from *view*."""
    total[view.profile, False] += permitted
    total[view.profile, True] += blocked
