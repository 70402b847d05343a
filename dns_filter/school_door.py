"""The school's own door: who asks, by the configured networks, and whose view outlives a pass."""

from collections.abc import Iterable

from blocklists import policy as deciding
from blocklists.clients import Client, ClientMap, is_among
from blocklists.entry import Entry
from blocklists.policy import Action, Kind, Reason, Request, Verdict
from blocklists.profile import Profile
from blocklists.rulebook import Permit
from dns_filter import canaries
from dns_filter.doors import NEVER, Door, count
from dns_filter.seats import View


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

    def meet(self, clients: ClientMap | None) -> None:
        """Know *clients* from now on: whoever is somebody else than before is found anew, and has no seat until then.

        With everybody found anew, a class that logs in would cost thousands of searches a second.
        """
        moved = clients.moved(self.clients) if clients and self.clients else None
        if moved is None:
            self.remap()  # before the change: what was done until now was done by the earlier ones
        else:
            for raw, seat in [(raw, seat) for raw, seat in self.seats.items() if is_among(seat.address, moved)]:
                self._take(seat)
                del self.seats[raw]
            for address in [address for address in self.views if is_among(address, moved)]:
                del self.views[address]
        self.clients = clients

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

    def _outlive(self, over: int) -> None:
        """Hand the view of whoever had a pass that is over on, without what the pass was about."""
        ended = {p.number: {e.host for e in entries} for p, entries in self._permits() if p.until <= over}
        for effective in list(self._all):
            profile, numbers = effective
            later = profile, tuple(number for number in numbers if number not in ended)
            if later == effective:
                continue
            view = self._all.pop(effective)
            if later in self._all:  # others were never given the pass
                count(self.counted, view, view.hits, view.stops)
                self.size -= sum(len(key) + finished.size for key, finished in view.answers.items())
                continue
            self.size -= view.forget(set().union(*(ended[number] for number in numbers if number in ended)))
            self._all[later] = view

    def _permits(self) -> Iterable[tuple[Permit, tuple[Entry, ...]]]:
        return self.policy.permits if self.policy else ()

    def _decide(self, address: str, host: str, at: int) -> Verdict:
        request = self.request(address, host, at)
        if request is None or self.policy is None:
            return Verdict(Action.BLOCK, Reason.FAILURE, rule="LookupError")
        return canaries.judged(host, deciding.decide(self.policy, request))

    def adopt(self, other: "SchoolDoor") -> None:
        """Have from now on what was decided in *other*, which is nobody's any more then."""
        self._all, self.size = other._all, other.size  # noqa: SLF001 - one of us
        self.boundary = min(self.boundary, other.boundary)
