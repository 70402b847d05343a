"""Where a permitted host leads: looked up before anything is connected, and its aliases judged as DNS judges them.

One client's names, however slowly they are answered, leave the lookups of the others alone: each has a few at a time,
and waits for its own.
"""

import asyncio
import contextlib

from blocklists.alias import outranks
from blocklists.clients import Client
from blocklists.policy import Kind, Request, Verdict, illegal
from proxy_addons.judge import Judge
from proxy_addons.resolve import Resolver, SealedNameError

AT_ONCE = 20
"""Names of one client that are looked up at once; a page with sixty hosts is through in a few round trips."""


class Destinations:
    """Looks up for clients by their address."""

    def __init__(self, judge: Judge, resolver: Resolver) -> None:
        self._judge, self._resolver = judge, resolver
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._waiting: dict[str, int] = {}

    async def look_up(self, client: Client, host: str, port: int) -> None:
        """Return once it is known where *host* leads; raises an OSError of `resolve` if it leads nowhere.

        What leads to a sealed host is no trouble but closed: `closed_alias` says so.
        """
        if self._resolver.known(host, port):
            return
        who = client.address
        turn = self._turns.setdefault(who, asyncio.Semaphore(AT_ONCE))
        self._waiting[who] = self._waiting.get(who, 0) + 1
        try:
            async with turn:
                with contextlib.suppress(SealedNameError):
                    await self._resolver.addresses(host, port)
        finally:
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who], self._turns[who]

    def closed_alias(self, request: Request, verdict: Verdict, strict: str = "") -> tuple[Request, Verdict] | None:
        """The refusal of the permitted *request* for an alias that its host was seen to have, or None.

        A host that leads to its *strict* form has that for an alias, and what that leads to.
        """
        host = strict or request.host
        if self._resolver.is_sealed(host):
            return request, illegal("", "")
        for name in (*filter(None, (strict,)), *self._resolver.aliases(host)):
            _, other = self._judge.of_name(Kind.CONNECT, request.client, name)
            if other.blocked and outranks(other, verdict):
                return request, other
        return None
