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
from dns_filter.batch import INBOX, OUTBOX, Batch
from dns_filter.doors import Door
from dns_filter.resolver import Resolver
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.dns")

BATCH = 64
"""Packets read before the event loop has its turn: about 0.3 ms."""
LONGEST = 4096
"""Bytes of a question; a longer one is cut and so malformed."""
UNDER_WAY = 8000
"""Questions that may wait for upstream or disk; more are dropped, and clients ask again."""
_BUFFER = 4 << 20
"""Bytes that the kernel holds for us while a snapshot is read: some 20,000 questions."""
_COMPLAIN = 60.0


class Listener:
    """One UDP socket of one door."""

    def __init__(
        self,
        peer: socket.socket,
        door: Door,
        resolver: Resolver,
        recorder: Recorder,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """Serve the bound socket *peer*; `start` begins."""
        self._peer, self._door, self._resolver = peer, door, resolver
        self._recorder, self._figures, self._spawn = recorder, resolver.figures, spawn
        self._batch = Batch(peer) if batch.usable else None
        self._under_way = 0
        self._complained = -_COMPLAIN

    def start(self) -> None:
        """Answer from now on."""
        asyncio.get_running_loop().add_reader(
            self._peer.fileno(), self._drain_many if self._batch else self._drain_each
        )

    def close(self) -> None:
        """Stop answering and give the port back."""
        if self._peer.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._peer.fileno())
            self._peer.close()

    def _drain_many(self) -> None:
        """Terse on purpose, as `_drain_each`: one round of this loop is all that a cached answer costs."""
        slots = self._batch
        if slots is None or not (count := slots.receive()):
            return
        now_ns, second = time.time_ns(), int(time.monotonic())
        door, again = self._door, self._recorder.again
        if now_ns >= door.boundary:
            door.empty()
        seats, data, outbox, sizes = door.seats, slots.data, slots.outbox, slots.sizes
        first = 0
        for slot, address, length in zip(range(count), slots.addresses, slots.lengths, strict=True):
            try:
                if (seat := seats.get(address)) is not None:
                    view, text = seat
                    start = slot * INBOX
                    ready = view.answers.get(data[start + 2 : start + length])
                    if ready is not None and (ready.second == second or ready.holds(second)):
                        finished = True
                        if ready.run is None:
                            view.hits += 1
                        elif not ready.run or again((text, ready.run), now_ns):
                            view.stops += 1
                        else:
                            finished = False
                        if finished:
                            payload, out = ready.payload, slot * OUTBOX
                            sizes[slot] = size = len(payload) + 2
                            outbox[out : out + size] = data[start : start + 2] + payload
                            continue
                # The finished answers before this slot go out now; the slot itself is answered on the way of a miss.
                self._figures.unsent += slots.send(first, slot)
                first = slot + 1
                self._miss(slots, slot)
            except Exception as error:  # noqa: BLE001 - the next packet must be answered, whatever this one did
                self._figures.unsent += slots.send(first, slot)
                first = slot + 1
                self._failed(slots.packet(slot), slots.peer(slot), error)
        self._figures.unsent += slots.send(first, count)

    def _miss(self, slots: Batch, slot: int) -> None:
        """Answer *slot* through the resolver, and keep a seat for its client."""
        peer = slots.peer(slot)
        self._slowly(slots.packet(slot), peer)
        view = self._door.views.get(peer[0])
        if view is not None:
            self._door.seats[slots.addresses[slot]] = view, peer[0]

    def _drain_each(self) -> None:  # noqa: C901 - one frame, because a call for each packet costs a tenth of the rate
        """Terse on purpose: this loop answers 100,000 packets a second and more (tests/bench/dns.py)."""
        now_ns, second = time.time_ns(), int(time.monotonic())
        door = self._door
        if now_ns >= door.boundary:
            door.empty()
        views, again = door.views, self._recorder.again
        receive, send = self._peer.recvfrom, self._peer.sendto
        for _ in range(BATCH):
            try:
                packet, peer = receive(LONGEST)
            except BlockingIOError:
                return
            except OSError:  # an ICMP message about an earlier answer; the next packet is behind it
                continue
            try:
                view = views.get(peer[0])
                if view is not None:
                    ready = view.answers.get(packet[2:])
                    if ready is not None and (ready.second == second or ready.holds(second)):
                        if ready.run is None:
                            send(packet[:2] + ready.payload, peer)
                            view.hits += 1
                            continue
                        if not ready.run or again((peer[0], ready.run), now_ns):
                            send(packet[:2] + ready.payload, peer)
                            view.stops += 1
                            continue
                self._slowly(packet, peer)
            except OSError:
                self._figures.unsent += 1
            except Exception as error:  # noqa: BLE001 - the next packet must be answered, whatever this one did
                self._failed(packet, peer, error)

    def _slowly(self, packet: bytes, peer: Any) -> None:
        outcome = self._resolver.begin(packet, peer[0], self._door)
        if outcome is None:
            return
        if isinstance(outcome, bytes):
            self._send(outcome, peer)
        elif self._under_way < UNDER_WAY:
            self._under_way += 1
            self._spawn(self._later(outcome, packet, peer))
        else:
            outcome.close()
            self._figures.dropped += 1

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
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN:
            self._complained = now
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
