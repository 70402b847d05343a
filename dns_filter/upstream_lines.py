"""Asking one resolver over TCP or TLS: one connection for many questions, answered in any order (RFC 7766, RFC 7858).

It is opened when it is needed and closed after some seconds of rest. Servers close connections when they like
(RFC 7766, 6.2.4): what waits on one that had answered before is asked once more on a new one.
"""

import asyncio
import contextlib
import secrets
import ssl

from dns_filter import upstream_query, wire
from dns_filter.upstream_alarms import Alarms, Rings
from dns_filter.upstream_attempt import Attempt
from dns_filter.upstream_place import Place
from dns_filter.upstream_query import NUMBER, Fit

OPENING = 3.0
"""Seconds until a connection, with its TLS, must be there: none that takes longer is of use to a question."""
REST, REST_TLS = 5.0, 20.0
"""Seconds without a question after which a connection is closed (RFC 7766, 6.2.3: a few); TLS costs more to open."""
STALLED = 1.0
"""Seconds in which nothing comes while somebody waits; new questions go on a new connection then, as a router between
may have forgotten the old one."""


STRAYS = 64
"""Messages in a row that answer nobody, after which a connection ends: late answers are fewer, junk is not."""


class Lines:
    """The connections to one resolver; new questions go on the newest."""

    def __init__(self, place: Place, alarms: Alarms, trust: ssl.SSLContext | None) -> None:
        """Open none yet; *trust* says whose certificates are good, where there is TLS."""
        self.place, self.alarms, self.trust = place, alarms, trust
        self._newest: Line | None = None
        self._open: set[Line] = set()

    def put(self, attempt: Attempt) -> None:
        """Send *attempt* when there is a connection; its failure is told."""
        if self._newest is None or not self._newest.takes_more():
            self._newest = Line(self)
            self._open.add(self._newest)
        self._newest.put(attempt)

    def left(self, line: "Line") -> None:
        """Put no new question on *line*."""
        if self._newest is line:
            self._newest = None

    def closed(self, line: "Line") -> None:
        """Forget *line*, which is gone."""
        self._open.discard(line)

    async def close(self) -> None:
        """End every connection."""
        for line in tuple(self._open):
            await line.close()


class Line(asyncio.Protocol):
    """One connection. Attempts wait by their numbers; those put before it is open are sent when it is."""

    def __init__(self, lines: Lines) -> None:
        """Begin to open it."""
        self._lines = lines
        self._transport: asyncio.Transport | None = None
        self._unsent: list[Attempt] = []
        self._waiting: dict[bytes, Attempt] = {}
        self._arrived = bytearray()
        self._answered = self._strays = 0
        self._quiet_since = lines.alarms.now()
        self._over = False
        self._rest: set[Rings] = set()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opening = asyncio.get_running_loop().create_task(self._connect())

    def takes_more(self) -> bool:
        """Whether another question should go on this connection."""
        stalled = (self._waiting or self._unsent) and self._lines.alarms.now() - self._quiet_since > STALLED
        return not (self._over or stalled)

    def put(self, attempt: Attempt) -> None:
        """Send *attempt*, now or when the connection is there."""
        if not self._waiting and not self._unsent:
            self._quiet_since = self._lines.alarms.now()
        attempt.carrier = self
        if self._transport is None:
            self._unsent.append(attempt)
        else:
            self._send(attempt)

    def _send(self, attempt: Attempt) -> None:
        number = secrets.token_bytes(NUMBER)
        while number in self._waiting:
            number = secrets.token_bytes(NUMBER)
        asking = attempt.asking
        attempt.number = number
        self._waiting[number] = attempt
        if self._lines.place.tls:
            query = upstream_query.padded(number, asking)
        else:
            query = upstream_query.message(number, asking.question, asking)
        assert self._transport is not None
        self._transport.write(len(query).to_bytes(2) + query)

    def forget(self, attempt: Attempt) -> None:
        """Wait no longer for *attempt*."""
        self._waiting.pop(attempt.number, None)
        with contextlib.suppress(ValueError):
            self._unsent.remove(attempt)
        self._rest_if_done()

    def ring(self) -> None:
        """Close, if nobody has asked anything for a while."""
        if not self._waiting and not self._unsent:
            self._end()

    async def close(self) -> None:
        """End now, and wait until it is gone."""
        self._waiting.clear()
        self._unsent.clear()
        self._opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._opening
        self._end()
        if self._transport is not None:
            await self._gone

    async def _connect(self) -> None:
        lines, place = self._lines, self._lines.place
        try:
            async with asyncio.timeout(OPENING):
                await asyncio.get_running_loop().create_connection(
                    lambda: self, place.host, place.port, ssl=lines.trust, server_hostname=place.name or None
                )
        except (OSError, TimeoutError) as error:
            self._lines.closed(self)
            self._fail(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waits for the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        unsent, self._unsent = self._unsent, []
        for attempt in unsent:
            self._send(attempt)
        self._rest_if_done()

    def data_received(self, data: bytes) -> None:
        """Take whole messages out of what came."""
        self._quiet_since = self._lines.alarms.now()
        self._arrived += data
        while len(self._arrived) >= 2 and len(self._arrived) >= 2 + (length := int.from_bytes(self._arrived[:2])):
            message = bytes(self._arrived[2 : 2 + length])
            del self._arrived[: 2 + length]
            self._sort(message)
            if self._over:
                return
        self._rest_if_done()

    def _sort(self, message: bytes) -> None:
        """Give *message* to who waits for it; one that is no answer to us ends the connection."""
        attempt = self._waiting.pop(message[:NUMBER], None)
        if attempt is None:  # late: who asked has gone; or it never was an answer
            self._strays += 1
            if len(message) < wire.HEADER or self._strays > STRAYS:
                self._end()
            return
        if upstream_query.fit(attempt.asking.question, message) is Fit.OTHER:
            self._end()
            attempt.told.doubted(attempt, folded=False)
            return
        self._answered += 1
        self._strays = 0
        attempt.told.heard(attempt, message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ask again elsewhere what waits here, if the connection has ever answered; else it has failed."""
        self._gone.set_result(None)
        self._lines.closed(self)
        self._end()
        if not self._answered:
            self._fail(exc or EOFError("the connection was closed"))
            return
        attempts, self._waiting = list(self._waiting.values()), {}
        for attempt in attempts:
            self._lines.put(attempt)

    def _fail(self, error: Exception) -> None:
        self._end()
        attempts = [*self._waiting.values(), *self._unsent]
        self._waiting.clear()
        self._unsent.clear()
        for attempt in attempts:
            attempt.told.failed(attempt, error)

    def _rest_if_done(self) -> None:
        """Set the alarm that ends a connection at rest."""
        if self._over or self._waiting or self._unsent:
            return
        self._rest.discard(self)
        rest = REST_TLS if self._lines.place.tls else REST
        self._rest = self._lines.alarms.at(self._lines.alarms.now() + rest, self)

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._rest.discard(self)
        self._lines.left(self)
        if self._transport is not None:
            self._transport.abort()
