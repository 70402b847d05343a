"""The hit path: one socket, drained up to 64 packets at a time.

A packet whose bytes behind its number were answered before, for a client of the same effective policy, costs two
dictionary lookups and a join: no task, no object, no parsing. Everything else goes to the resolver. No exception
leaves the loop: a packet at which we fail is answered SERVFAIL, counted and logged.

There are two ways to drain, with the same answers: `_drain_many` shares system calls (`dns_filter.batch`),
`_drain_each` is for machines that cannot.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

from dns_filter import batch, reply
from dns_filter.batch import INBOX, OUTBOX, PACKETS, Batch
from dns_filter.doors import Door
from dns_filter.finished import finished
from dns_filter.resolver import Resolver
from dns_filter.seats import Seat
from dns_filter.wire import HEADER
from reporting.runs import count_repeat
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.dns")

BATCH = 64
"""Packets read before the event loop has its turn: about 0.3 ms."""
LONGEST = 4096
"""Bytes of a question; a longer one is cut and so malformed."""
ROUNDS = 4
"""Full batches before the event loop has its turn: beside what else is done there, such as a rehearsal, that is what
answers have of the time."""
MADE = 8
"""Answers that are made, some 40 us each, before what is ready goes out: a system call for each would cost a third
more, and one for all would keep the first waiting."""
LAST = 64
"""Batches that are answered before a port is given back: 4,096 questions, some 40 ms."""
UNDER_WAY = 8000
"""Questions that may wait for upstream or disk; more are dropped, and clients ask again."""
_BUFFER = 4 << 20
"""Bytes that the kernel holds for us while a snapshot is read: some 20,000 questions."""


type Spawn = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
"""Starts a task that somebody owns."""


class Listener:
    """One UDP socket of one door."""

    def __init__(
        self,
        peer: socket.socket,
        door: Door,
        resolver: Resolver,
        *,
        spawn: Spawn,
    ) -> None:
        """Serve the bound socket *peer*; `start` begins."""
        self._peer, self._door, self._resolver = peer, door, resolver
        self._figures, self._spawn = resolver.figures, spawn
        self._batch = Batch(peer) if batch.usable else None
        self._under_way = 0
        self._complaint = Seldom()

    def start(self) -> None:
        """Answer from now on."""
        asyncio.get_running_loop().add_reader(self._peer.fileno(), self._drain if self._batch else self._drain_each)

    def answer_by(self, door: Door, resolver: Resolver, spawn: Spawn) -> None:
        """Answer by these from the next packet on; what is under way is answered as it began."""
        self._door, self._resolver, self._figures, self._spawn = door, resolver, resolver.figures, spawn

    def close(self) -> None:
        """Stop answering and give the port back; of what has come by then, what is at hand is answered."""
        if self._peer.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._peer.fileno())
            self._empty()
            self._peer.close()

    def _empty(self) -> None:
        for _ in range(LAST):
            if self._batch is None:
                self._drain_each()
            elif self._drain_many() < PACKETS:
                return

    def _drain(self) -> None:
        for _ in range(ROUNDS):
            if self._drain_many() < PACKETS:
                return

    def _drain_many(self) -> int:  # noqa: C901, PLR0912 - one frame: a call for each packet costs a tenth of the rate
        """Answer a batch and return how many there were: one round of this loop is all that a cached answer costs."""
        slots = self._batch
        if slots is None or not (count := slots.receive()):
            return 0
        started = time.monotonic()
        now_ns, second = time.time_ns(), int(started)
        door = self._door
        if now_ns >= door.boundary:
            door.turn()
        if door.floods.over and count == PACKETS and (flooding := self._flooding(slots)):
            self._drain_fairly(slots, flooding, now_ns, started)
            return count
        seats, data, outbox, sizes = door.seats, slots.data, slots.outbox, slots.sizes
        first = made = 0
        for slot, address, length in zip(range(count), slots.addresses, slots.lengths, strict=True):
            try:
                seat = seats.get(address) or self._seat(slots, slot, now_ns)
                start, answer = slot * INBOX, None
                if seat is not None and (ready := seat.answers.get(data[start + 2 : start + length])) is not None:
                    if ready.blocks:
                        question = data[start + HEADER : start + ready.end]
                        if second < ready.until and (
                            not ready.run or count_repeat(seat.runs, ready.run, now_ns, question)
                        ):
                            seat.stops += 1
                            answer = data[start : start + 2] + ready.head + question + ready.tail
                    elif ready.second == second or ready.holds(second):
                        seat.seen.append(ready.site)
                        answer = data[start : start + 2] + ready.payload
                        if ready.told is not None:
                            ready.told.to(seat.address)
                if answer is None:
                    made, answer = made + 1, self._made(slots.packet(slot), slots.peer(slot), seat)
                    if answer is None:
                        self._figures.unsent += slots.send(first, slot)
                        first = slot + 1
                        continue
                sizes[slot] = size = len(answer)
                outbox[slot * OUTBOX : slot * OUTBOX + size] = answer
                if made == MADE:
                    self._figures.unsent += slots.send(first, slot + 1)
                    first, made = slot + 1, 0
            except Exception as error:  # noqa: BLE001 - the next packet must be answered, whatever this one did
                self._figures.unsent += slots.send(first, slot)
                first = slot + 1
                self._failed(slots.packet(slot), slots.peer(slot), error)
        self._figures.unsent += slots.send(first, count)
        self._figures.rounds.add(time.monotonic() - started, count)
        return count

    def _seat(self, slots: Batch, slot: int, now_ns: int) -> Seat | None:
        return self._door.seat(slots.addresses[slot], slots.peer(slot)[0], now_ns)

    def _flooding(self, slots: Batch) -> set[bytes]:
        """Who of a full batch floods, as raw addresses; nobody where no others wait."""
        over, seats = self._door.floods.over, self._door.seats
        asking = set(slots.addresses)
        flooding = {raw for raw in asking if (seat := seats.get(raw)) is not None and seat.network in over}
        return flooding if flooding != asking else set()

    def _drain_fairly(self, slots: Batch, flooding: set[bytes], now_ns: int, now: float) -> None:
        """Leave out what floods, so that the others are answered; a client without an answer asks again."""
        floods, seats = self._door.floods, self._door.seats
        for slot, raw in enumerate(slots.addresses):
            if raw in flooding and raw in seats and not floods.allows(seats[raw].network, now):
                self._figures.limited += 1
                continue
            packet, peer = slots.packet(slot), slots.peer(slot)
            try:
                self._one(packet, peer, seats.get(raw) or self._seat(slots, slot, now_ns), now_ns, int(now))
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(packet, peer, error)

    def _drain_each(self) -> None:
        """For machines whose C library has no calls for many packets; floods are not slowed there."""
        now_ns, second = time.time_ns(), int(time.monotonic())
        door = self._door
        if now_ns >= door.boundary:
            door.turn()
        for _ in range(BATCH):
            try:
                packet, peer = self._peer.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError:  # an ICMP message about an earlier answer; the next packet is behind it
                continue
            try:
                raw = peer[0].encode()
                seat = door.seats.get(raw) or door.seat(raw, peer[0], now_ns)
                self._one(packet, peer, seat, now_ns, second)
            except Exception as error:  # noqa: BLE001 - the next packet must be answered, whatever this one did
                self._failed(packet, peer, error)

    def _one(self, packet: bytes, peer: Any, seat: Seat | None, now_ns: int, second: int) -> None:
        """Answer one packet from what is finished, or on the way of a miss."""
        message = finished(packet, seat, now_ns, second) if seat is not None else None
        if message is None:
            message = self._made(packet, peer, seat)
        if message is not None:
            self._send(message, peer)

    def _made(self, packet: bytes, peer: Any, seat: Seat | None) -> bytes | None:
        """The answer that the resolver makes at once; None for silence, and where it is sent when it is there."""
        outcome = self._resolver.begin(packet, peer[0], self._door)
        if seat is not None:
            self._door.missed(seat)
        if outcome is None or isinstance(outcome, bytes):
            return outcome
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            self._spawn(self._later(outcome, packet, peer))
        else:
            outcome.close()
            self._figures.dropped += 1
        return None

    async def _later(self, outcome: Coroutine[Any, Any, bytes | None], packet: bytes, peer: Any) -> None:
        try:
            message = await outcome
            if message is not None and self._peer.fileno() >= 0:
                self._send(message, peer)
        except Exception as error:  # noqa: BLE001 - one question must not end the others' task group
            self._failed(packet, peer, error)
        finally:
            self._under_way -= 1

    def _send(self, message: bytes, peer: Any) -> None:
        try:
            self._peer.sendto(message, peer)
        except OSError:
            self._figures.unsent += 1

    def _failed(self, packet: bytes, peer: Any, error: Exception) -> None:
        """Count *error*, say it once a minute, and answer SERVFAIL."""
        self._figures.failures += 1
        if self._complaint.due():
            log.error("A question could not be answered (%d so far).", self._figures.failures, exc_info=error)
        message = reply.broken(packet)
        if message is not None and self._peer.fileno() >= 0:
            self._send(message, peer)


def bind(host: str, port: int) -> socket.socket:
    """A UDP socket at (*host*, *port*) that other workers may share; OSError if the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        peer.bind((host, port))
    except BaseException:
        peer.close()
        raise
    return peer
