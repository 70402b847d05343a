"""Who is asking: the only file that knows that the peer of a connection is the client.

Where a front door stands before the workers, the peer of a connection is the one that the front door names (G20).
"""

from typing import Any, Protocol

from blocklists.clients import Client, ClientMap


class Peer(Protocol):
    """The other end of a connection: mitmproxy's client, or one at the front door."""

    @property
    def id(self) -> str:
        """The connection's own name."""
        ...  # pragma: no cover - a protocol

    @property
    def peername(self) -> Any:
        """Its address first, if it is known."""
        ...  # pragma: no cover - a protocol


def client_of(clients: ClientMap, peer: Peer) -> Client | None:
    """The client at the other end of *peer*, or None where no configured network holds its address."""
    return clients.of(str(peer.peername[0])) if peer.peername else None
