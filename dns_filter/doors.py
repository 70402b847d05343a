"""A door is whom a listener answers: the school's clients, or our own proxies on loopback.

A door turns an address into a `View`: everything that is decided for one *effective policy* (profile, personal rules
and passes in force), so that a pass for one room never opens a name for all. Views hold verdicts and finished
answers; a new policy, permit, sealed list or index empties them, a new clients snapshot only maps addresses anew.
"""

import ipaddress
from itertools import islice

from blocklists import policy as deciding
from blocklists.clients import Client, ClientMap, network_of
from blocklists.policy import Action, Kind, Policy, Reason, Request, Verdict
from blocklists.profile import Profile
from blocklists.rulebook import Severity
from dns_filter import canaries
from dns_filter.cache import Ready
from dns_filter.shares import Waiting
from dns_filter.turns import PART, Share

NEVER = 1 << 63
"""A time in nanoseconds that does not come."""
ADDRESSES = 65536
"""Addresses that are mapped at a time; an IPv6 client can have any number."""
VERDICTS = 4096
"""Verdicts that one view keeps, about 2 MB."""
MINE = "inner"
CONNECTIONS = 20
"""TCP connections of one client: a tenth of a listener's (`dns_filter.tcp.CONNECTIONS`). Programs keep one or two; a
classroom behind one address has some, and only its idlest ends when there are more."""
CONNECTIONS_INNER = 200
"""TCP connections of our own proxies: all of the listener's, as they are its only client."""
OUTSTANDING = 50
"""Answers of upstream that one address may wait for: a page asks for 20 to 40 names, hardly all of them new."""
OUTSTANDING_NETWORK = 100
"""Answers that all addresses of one IPv6 /64 may wait for: one device can have them all, or a classroom shares them."""
OUTSTANDING_INNER = 1000
"""Answers of upstream that our own proxies may wait for, who ask for the whole school from one address and limit each
client themselves: 20 busy ones of 40 each, and a reserve. As many may be under way (half of all, see `share`)."""


class View:
    """What is decided for one effective policy.

    *answers* is by raw packet without its number; *hits* and *stops* count the permitted and the blocked answers that
    went out from it.
    """

    __slots__ = ("answers", "certificate", "hits", "profile", "stops", "verdicts")

    def __init__(self, profile: str, *, certificate: bool) -> None:
        """Start with nothing decided."""
        self.profile, self.certificate = profile, certificate
        self.answers: dict[bytes, Ready] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.hits = self.stops = 0


class Door:
    """The part that both doors share: views by address, bounded, and emptied together.

    *seats* are the same by the address's own bytes, with its text: the listener fills them, they never outlive *views*.
    *waiting* counts the answers of upstream that clients wait for; *patience* is how many an address and how many an
    IPv6 /64 may wait for, *connections* how many TCP connections one client may have.
    """

    patience = OUTSTANDING, OUTSTANDING_NETWORK
    connections = CONNECTIONS

    def __init__(self, capacity: int) -> None:
        """Hold at most *capacity* finished answers in all views together."""
        self.waiting = Waiting(*self.patience)
        self.views: dict[str, View] = {}
        self.seats: dict[bytes, tuple[View, str]] = {}
        self.policy: Policy | None = None
        self.clock_ok = True
        self.boundary = NEVER
        self.counted: dict[tuple[str, bool], int] = {}
        self._capacity, self._stored = capacity, 0
        self._all: dict[object, View] = {}

    def view(self, address: str, at: int) -> View | None:
        """The view of *address* at the UTC nanosecond *at*, or None for somebody whom this door does not answer.

        What was decided until a moment that has come is forgotten here, as every way but the hit path begins here.
        """
        if at >= self.boundary:
            self.empty()
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

    def keep(self, view: View, key: bytes, ready: Ready) -> None:
        """Keep a finished answer for packets that equal *key* behind their number, unless it is over already."""
        if ready.until <= ready.born:
            return
        self._stored += key not in view.answers
        view.answers[key] = ready
        if self._stored > self._capacity:
            self._make_room()

    @property
    def stored(self) -> int:
        """Finished answers at hand."""
        return self._stored

    def remap(self) -> None:
        """Forget which address has which view."""
        self.views.clear()
        self.seats.clear()

    def empty(self) -> None:
        """Forget everything that was decided."""
        for view in self._all.values():
            for blocked, count in ((False, view.hits), (True, view.stops)):
                self.counted[view.profile, blocked] = self.counted.get((view.profile, blocked), 0) + count
            view.hits = view.stops = 0
            view.answers.clear()
        self.remap()
        self._all.clear()
        self._stored = 0
        self.boundary = NEVER

    def counts(self) -> dict[tuple[str, bool], int]:
        """Answers that went out finished, by (profile, blocked), since the start."""
        total = dict(self.counted)
        for view in self._all.values():
            for blocked, count in ((False, view.hits), (True, view.stops)):
                total[view.profile, blocked] = total.get((view.profile, blocked), 0) + count
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
        """Drop the older half of the fullest view: amortised over as many answers as it drops."""
        fullest = max(self._all.values(), key=lambda view: len(view.answers))
        for key in list(islice(fullest.answers, len(fullest.answers) // 2 + 1)):
            del fullest.answers[key]
        self._stored = sum(len(view.answers) for view in self._all.values())


class SchoolDoor(Door):
    """Answers the clients of the configured networks, each by its profile and passes."""

    def __init__(self, capacity: int) -> None:
        """Answer nobody until there are clients and a policy."""
        super().__init__(capacity)
        self.clients: ClientMap | None = None

    def request(self, address: str, host: str, at: int) -> Request | None:
        """What the client at *address* asks."""
        client = self._client(address)
        return None if client is None else Request(Kind.DNS, client, host, at, clock_ok=self.clock_ok)

    def profile(self, view: View) -> Profile | None:
        """The profile of *view* in the policy in force."""
        return self.policy.rulebook.profiles.get(view.profile) if self.policy else None

    def _client(self, address: str) -> Client | None:
        return self.clients.of(address) if self.clients else None

    def _find(self, address: str, at: int) -> View | None:
        client = self._client(address)
        if client is None or self.policy is None:
            return None
        effective = self.policy.effective(client, at)
        ends = (permit.until for permit, _ in self.policy.permits if permit.until > at)
        self.boundary = min(self.boundary, *ends, NEVER)
        if effective not in self._all:
            profile = self.policy.rulebook.profiles.get(client.profile)
            self._all[effective] = View(client.profile, certificate=bool(profile and profile.certificate))
        return self._all[effective]

    def _decide(self, address: str, host: str, at: int) -> Verdict:
        request = self.request(address, host, at)
        if request is None or self.policy is None:
            return Verdict(Action.BLOCK, Reason.FAILURE, rule="LookupError")
        return canaries.judged(host, deciding.decide(self.policy, request))


class InnerDoor(Door):
    """Answers our own proxies on this machine: they have decided already, only sealed hosts stay closed."""

    patience = OUTSTANDING_INNER, OUTSTANDING_INNER
    connections = CONNECTIONS_INNER

    def request(self, address: str, host: str, at: int) -> Request | None:  # noqa: ARG002
        """Nobody: the proxy knows who asks, and keeps the record."""
        return None

    def share(self, address: str) -> Share:  # noqa: ARG002
        """All that our proxies ask is one share, which may have as much as is free, so half of all."""
        return Share(MINE, PART)

    def _find(self, address: str, at: int) -> View | None:  # noqa: ARG002
        if self.policy is None or not _is_loopback(address):
            return None
        return self._all.setdefault(MINE, View(MINE, certificate=False))

    def _decide(self, address: str, host: str, at: int) -> Verdict:  # noqa: ARG002
        if self.policy is None or self.policy.sealed.match_host(host):
            return Verdict(Action.BLOCK, Reason.SEALED, category="illegal", severity=Severity.ILLEGAL, quiet=True)
        return Verdict(Action.ALLOW, Reason.OPEN)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return (mapped or parsed).is_loopback
