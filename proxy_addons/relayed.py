"""Connections that were relayed unopened: nobody sees their requests, so they are judged again when the policy changes.

An emergency block, a lesson that starts or a device that moves to another network holds for them too: what would not be
relayed now is ended, and the client's next attempt is judged as a new one.
"""

import time

import msgspec
from mitmproxy import connection

from blocklists.policy import Kind, Verdict
from proxy_addons.client import client_of
from proxy_addons.judge import Judge, Plan, plan_of


class _Entry(msgspec.Struct):
    peer: connection.Client
    host: str
    reloads: int
    until: int | None


class Relayed:
    """The relayed connections of a worker, by their id."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._entries: dict[str, _Entry] = {}

    def add(self, peer: connection.Client, host: str, verdict: Verdict) -> None:
        """Remember that *peer* is relayed to *host* because of *verdict*."""
        self._entries[peer.id] = _Entry(peer, host, self._judge.live.reloads, verdict.until)

    def forget(self, name: str) -> None:
        """Forget a connection, which may never have been relayed."""
        self._entries.pop(name, None)

    def outlived(self, name: str) -> bool:
        """Whether the connection *name* would not be relayed any more; judged only if something may have changed."""
        entry = self._entries.get(name)
        if entry is None or (entry.reloads == self._judge.live.reloads and not _over(entry.until)):
            return False
        clients = self._judge.live.clients
        client = client_of(clients, entry.peer) if clients else None
        if client is None:
            return True
        _, verdict = self._judge.of_name(Kind.SNI, client, entry.host)
        entry.reloads, entry.until = self._judge.live.reloads, verdict.until
        return plan_of([verdict], agree=True, named=True, opens=self._judge.opens(client)) is not Plan.SPLICE


def _over(until: int | None) -> bool:
    return until is not None and time.time_ns() >= until
