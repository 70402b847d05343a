"""Connections from their start to their end: who may come, what goes on on each, and which are to end."""

from mitmproxy import connection, http

from blocklists.policy import Verdict
from blocklists.url import Url
from proxy_addons.counters import Counters
from proxy_addons.doorway import Doorway
from proxy_addons.guard import Guard, guarded
from proxy_addons.judge import Judge
from proxy_addons.permitted import Permitted


class Connections:
    """The addon; what is known of a connection is kept by its id until it ends."""

    def __init__(self, judge: Judge, counters: Counters, guard: Guard) -> None:
        self.guard = guard
        self._judge, self._counters = judge, counters
        self._doorway, self._permitted = Doorway(), Permitted(judge)
        self._in_progress: dict[str, set[str]] = {}

    @guarded
    async def client_connected(self, client: connection.Client) -> None:
        """Close a connection that nobody of ours makes, or that comes before there is a policy."""
        self._counters.connections += 1
        who = self._judge.who(client) if self._judge.live.ready else None
        if who is None:
            self._counters.strangers += 1
            client.error = "closed"
        elif not self._doorway.enter(client.id, who.address):
            self._counters.too_many += 1
            client.error = "closed"

    @guarded
    async def client_disconnected(self, client: connection.Client) -> None:
        """Forget the connection."""
        self._in_progress.pop(client.id, None)
        self._doorway.leave(client.id)
        self._permitted.forget(client.id)

    # What the worker asks

    def overdue(self, name: str) -> bool:
        """Whether the connection *name* is to end: it asks for nothing, or what goes on is not permitted any more."""
        return self._doorway.overdue(name) or self._permitted.outlived(name)

    def answers(self, name: str) -> bool:
        """Whether a request of the connection *name* is being answered, or its first is about to come."""
        return bool(self._in_progress.get(name)) or self._doorway.is_new(name)

    def goes_on(self, name: str) -> bool:
        """Whether something that was permitted goes on on the connection *name*: a page, a WebSocket, a relay."""
        return self.answers(name) or self._permitted.goes_on(name)

    # What the other hooks tell

    def in_tunnel(self, client: connection.Client) -> None:
        """Note that *client* has asked for a tunnel and must now say what for."""
        self._doorway.in_tunnel(client.id)

    def spoken(self, client: connection.Client) -> None:
        """Note that *client* has said what its tunnel is for."""
        self._doorway.spoken(client.id)

    def relayed(self, client: connection.Client, host: str, verdict: Verdict) -> None:
        """Note that *client* is relayed to *host* because of *verdict*."""
        self._permitted.relayed(client, host, verdict)

    def asked(self, flow: http.HTTPFlow) -> None:
        """Note that the request of *flow* has come, and is being answered until it has `ended`."""
        client = flow.client_conn.id
        self._doorway.asked(client)
        self._in_progress.setdefault(client, set()).add(flow.id)

    def permitted(self, flow: http.HTTPFlow, url: Url, until: int | None) -> None:
        """Note that the request of *flow* for *url* was permitted *until* then; it goes on until it is `over`."""
        self._permitted.asked(flow.client_conn, flow.id, (url,), until)

    def ended(self, flow: http.HTTPFlow) -> None:
        """Note that the request of *flow* has its answer, or gets none."""
        self._in_progress.get(flow.client_conn.id, set()).discard(flow.id)

    def over(self, flow: http.HTTPFlow) -> None:
        """Note that nothing of *flow* goes on any more."""
        self._permitted.answered(flow.client_conn, flow.id)
