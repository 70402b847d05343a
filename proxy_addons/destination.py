"""Where a permitted host leads: looked up before anything is connected, and its aliases judged as DNS judges them.

One client's names, however slowly they are answered, leave the lookups of the others alone: each has a few at a time,
and waits for its own.
"""

import asyncio

from blocklists.alias import outranks
from blocklists.clients import Client
from blocklists.policy import Kind, Request, Verdict
from proxy_addons.judge import Judge
from proxy_addons.resolve import Resolver

AT_ONCE = 20
"""Names of one client that are looked up at once; a page with sixty hosts is through in a few round trips."""


class Destinations:
    """Looks up for clients by their address."""

    def __init__(self, judge: Judge, resolver: Resolver) -> None:
        self._judge, self._resolver = judge, resolver
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._waiting: dict[str, int] = {}

    async def look_up(self, client: Client, host: str, port: int) -> None:
        """Return once the addresses of *host* are at hand; raises an OSError of `resolve` if none may be reached."""
        who = client.address
        turn = self._turns.setdefault(who, asyncio.Semaphore(AT_ONCE))
        self._waiting[who] = self._waiting.get(who, 0) + 1
        try:
            async with turn:
                await self._resolver.addresses(host, port)
        finally:
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who], self._turns[who]

    def closed_alias(self, request: Request, verdict: Verdict) -> tuple[Request, Verdict] | None:
        """The refusal of the permitted *request* for an alias that its host was seen to have, or None."""
        for name in self._resolver.aliases(request.host):
            _, other = self._judge.of_name(Kind.CONNECT, request.client, name)
            if other.blocked and outranks(other.reason, verdict.reason):
                return request, other
        return None
