"""Asking one resolver over UDP, from a few sockets whose ports are random and do not last.

A forger who cannot see our packets must guess port, number and letters of a question that is under way (RFC 5452, 4).
Linux gives a connected socket one of P = 28,232 ports at random (net.ipv4.ip_local_port_range); the number is one of
I = 65,536, both by the kernel's generator, and letters add a bit each (`dns_filter.upstream_query`). Equal questions
are joined (`dns_filter.lookups`), but one that is put again leaves its earlier packets waiting, three in all
(`dns_filter.upstream_search.ROUNDS`), and the bits DO and CD make four questions of one name and type. So D, the
packets out to one resolver that a forged answer may fit, is 1 for a question that is answered in time; where the
resolver is silent it is 3, and 12 for a name and type if all four are asked. Of F forged packets one is taken with the
probability D * F / (P * I) = D * F / 1,850,000,000 (RFC 5452, 7.2, with one address of the resolver) before the letters
count: ten of them make it D * F / 1.9 * 10^12, at worst F / 1.6 * 10^11.

A socket for each question costs 30 us. So a question goes out from one of 16 places, drawn at random, and the socket
there is used again, for 64 questions or 2 seconds, whatever is first. At a few questions a second each still has a port
of its own; under load 16 ports are open instead of hundreds, and for any one packet of ours there is still exactly one
port that will do. What a port that lives longer might give away (side channels that find open ports need seconds, at
about 1,000 probes a second: CVE-2020-25705) is taken back by a rule that a fresh socket does not have: **one guess a
port**. The first packet that fits no question of ours closes the port, and all that wait there ask again over TCP.
Knowing a port, a forger has one guess among 65,536 numbers and all letters, and no second one.

The socket is connected, so the kernel drops what any other address or port sends. A late answer to a question that was
asked from the same port is known by its number and is no guess.
"""

import os
import socket
from asyncio import get_running_loop

from dns_filter import upstream_query
from dns_filter.upstream_alarms import Alarms
from dns_filter.upstream_attempt import Attempt
from dns_filter.upstream_place import Place
from dns_filter.upstream_query import NUMBER, Fit

POOL = 16
"""Ports open for new questions at a time: a power of two, drawn by bits of one random byte."""
USES = 64
"""Questions of one port."""
AGE = 2.0
"""Seconds that a port takes new questions."""
BATCH = 64
"""Answers read before the event loop has its turn."""
LONGEST = 4096
"""Bytes of an answer; we ask for 1,232 at most."""


class Ports:
    """The sockets towards one resolver.

    *plain*: the name goes out in small letters. *mismatches* counts packets that fit no question of ours.
    """

    def __init__(self, place: Place, alarms: Alarms) -> None:
        """Open none yet."""
        self.place, self.alarms = place, alarms
        self.plain = False
        self.mismatches = 0
        self._slots: list[Port | None] = [None] * POOL
        self._open: set[Port] = set()

    def put(self, attempt: Attempt) -> None:
        """Send *attempt* from one of the ports; OSError if there is no way to the resolver."""
        noise = os.urandom(1 + NUMBER + len(attempt.asking.question))
        slot = noise[0] % POOL
        port = self._slots[slot]
        if port is None or port.spent():
            port = self._slots[slot] = Port(self, slot)
            self._open.add(port)
        port.send(attempt, noise[1:])

    def close(self) -> None:
        """Give every port back."""
        for port in tuple(self._open):
            port.close()

    def left(self, port: "Port") -> None:
        """Use *port* for no new question."""
        if self._slots[port.slot] is port:
            self._slots[port.slot] = None

    def closed(self, port: "Port") -> None:
        """Forget *port*."""
        self.left(port)
        self._open.discard(port)


class Port:
    """One socket, and the attempts that wait at it by their numbers."""

    __slots__ = ("_numbers", "_peer", "_ports", "_retired", "_ring_at", "_waiting", "slot")

    def __init__(self, ports: Ports, slot: int) -> None:
        """Open a socket with a port of the kernel's choice; OSError if there is no way to the resolver."""
        place = ports.place
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._peer = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._peer.connect((place.host, place.port))
        except OSError:
            self._peer.close()
            raise
        self._ports, self.slot = ports, slot
        self._numbers: set[bytes] = set()
        self._waiting: dict[bytes, tuple[Attempt, bytes]] = {}
        self._retired = False
        self._ring_at = ports.alarms.at(ports.alarms.now() + AGE, self)
        get_running_loop().add_reader(self._peer.fileno(), self._receive)

    def spent(self) -> bool:
        """Whether it has had all its questions."""
        return len(self._numbers) >= USES

    def send(self, attempt: Attempt, noise: bytes) -> None:
        """Put *attempt* with the number and the letters that *noise* says."""
        number, asking = noise[:NUMBER], attempt.asking
        while number in self._numbers:
            number = os.urandom(NUMBER)
        question = asking.question if self._ports.plain else upstream_query.mixed(asking.question, noise[NUMBER:])
        self._numbers.add(number)
        try:
            self._peer.send(upstream_query.message(number, question, asking))
        except BlockingIOError:
            pass  # as if it were lost on its way: it is put again
        except OSError as error:  # about an earlier packet, or this one: nobody is there
            self._broken(error)
            raise
        attempt.number, attempt.carrier = number, self
        self._waiting[number] = attempt, question

    def forget(self, attempt: Attempt) -> None:
        """Wait no longer for *attempt*."""
        self._waiting.pop(attempt.number, None)
        self._close_if_done()

    def ring(self) -> None:
        """Take no new questions: the time is over."""
        self._retired = True
        self._ports.left(self)
        self._close_if_done()

    def close(self) -> None:
        """Give the port back."""
        if self._peer.fileno() < 0:
            return
        self._ring_at.discard(self)
        get_running_loop().remove_reader(self._peer.fileno())
        self._peer.close()
        self._ports.closed(self)

    def _close_if_done(self) -> None:
        if not self._waiting and (self._retired or self.spent()):
            self.close()

    def _receive(self) -> None:
        for _ in range(BATCH):
            try:
                message = self._peer.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError as error:  # the resolver's machine says that nobody listens there
                self._broken(error)
                return
            self._sort(message)
            if self._peer.fileno() < 0:
                return

    def _sort(self, message: bytes) -> None:
        """Give *message* to who waits for it, if it may be believed."""
        number = message[:NUMBER]
        if number not in self._waiting:
            if number not in self._numbers:
                self._doubt()
            return
        attempt, question = self._waiting[number]
        how = upstream_query.fit(question, message)
        if how is Fit.OTHER:
            self._doubt()
            return
        del self._waiting[number]
        if how is Fit.SAME:
            attempt.told.heard(attempt, message)
        else:
            attempt.told.doubted(attempt, folded=True)
        self._close_if_done()

    def _doubt(self) -> None:
        """Somebody guesses, or the resolver is broken: nothing that comes here is believed any more."""
        self._ports.mismatches += 1
        for attempt in self._left_alone():
            attempt.told.doubted(attempt, folded=False)

    def _broken(self, error: OSError) -> None:
        for attempt in self._left_alone():
            attempt.told.failed(attempt, error)

    def _left_alone(self) -> list[Attempt]:
        """Those who wait here, when the port is closed on them."""
        attempts = [attempt for attempt, _ in self._waiting.values()]
        self._waiting.clear()
        self.close()
        return attempts
