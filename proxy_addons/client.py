"""Who is asking: the only file that knows that the peer of a connection is the client.

When a front door stands before the workers, this changes and nothing else does.
"""

from mitmproxy import connection

from blocklists.clients import Client, ClientMap


def client_of(clients: ClientMap, peer: connection.Client) -> Client | None:
    """The client at the other end of *peer*, or None where no configured network holds its address."""
    return clients.of(str(peer.peername[0])) if peer.peername else None
