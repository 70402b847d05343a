"""What was permitted and still goes on: it is judged again when the policy changes, or when its time is over.

An emergency block, a lesson that starts or a device that moves to another network holds for a relayed connection, a
WebSocket and a long download too: what would not be permitted now is ended with its connection, and the client's next
attempt is judged as a new one.
"""

import time
from collections.abc import Callable, Iterable

import msgspec

from blocklists.clients import Client
from blocklists.policy import Kind, Verdict
from blocklists.url import Url
from proxy_addons.client import Peer
from proxy_addons.judge import Judge, Plan, plan_of

_WHOLE = ""
"""In place of a request's name: the connection is relayed whole."""


class _Entry(msgspec.Struct):
    """*again* judges anew and says until when it holds, or gives None where it is not permitted any more."""

    peer: Peer
    again: Callable[[Client], Verdict | None]
    reloads: int
    until: int | None


class Permitted:
    """What goes on in a worker, by the connection's id and the request's."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._entries: dict[str, dict[str, _Entry]] = {}

    def relayed(self, peer: Peer, host: str, verdict: Verdict) -> None:
        """Remember that *peer* is relayed to *host* because of *verdict*."""

        def again(client: Client) -> Verdict | None:
            _, found = self._judge.of_name(Kind.SNI, client, host)
            plan = plan_of([found], agree=True, named=True, opens=self._judge.opens(client))
            return found if plan is Plan.SPLICE else None

        self._remember(peer, _WHOLE, again, verdict.until)

    def asked(self, peer: Peer, name: str, urls: Iterable[Url], until: int | None) -> None:
        """Remember that *peer*'s request *name* for *urls* (one page by each of its hosts) was permitted."""
        judged = tuple(urls)

        def again(client: Client) -> Verdict | None:
            found = [self._judge.of_url(client, url)[1] for url in judged]
            return None if any(v.blocked for v in found) else min(found, key=_end)

        self._remember(peer, name, again, until)

    def _remember(self, peer: Peer, name: str, again: Callable[[Client], Verdict | None], until: int | None) -> None:
        self._entries.setdefault(peer.id, {})[name] = _Entry(peer, again, self._judge.live.reloads, until)

    def answered(self, peer: Peer, name: str) -> None:
        """Forget a request, which may never have been permitted."""
        self._entries.get(peer.id, {}).pop(name, None)

    def goes_on(self, connection_id: str) -> bool:
        """Whether anything that was permitted on the connection goes on."""
        return bool(self._entries.get(connection_id))

    def forget(self, connection_id: str) -> None:
        """Forget a connection and all its requests."""
        self._entries.pop(connection_id, None)

    def outlived(self, connection_id: str) -> bool:
        """Whether something on the connection would not be permitted any more; judged only if something changed."""
        return any(self._is_over(entry) for entry in self._entries.get(connection_id, {}).values())

    def _is_over(self, entry: _Entry) -> bool:
        live = self._judge.live
        if entry.reloads == live.reloads and (entry.until is None or time.time_ns() < entry.until):
            return False
        client = self._judge.who(entry.peer)
        found = entry.again(client) if client else None
        if found is None:
            return True
        entry.reloads, entry.until = live.reloads, found.until
        return False


def _end(verdict: Verdict) -> float:
    return float("inf") if verdict.until is None else verdict.until
