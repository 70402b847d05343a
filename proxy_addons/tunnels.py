"""Where tunnels lead: the name that a CONNECT gives, the one inside its handshake, and the address of the server.

By them a connection is relayed, opened or closed. A refusal whose page could not be shown is put on record all the
same, when the tunnel closes.
"""

import msgspec
from mitmproxy import connection, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHello, ClientHelloData, TlsData

from blocklists import domain
from blocklists.clients import Client
from blocklists.policy import Kind, Request, Verdict
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.destination import Destinations
from proxy_addons.guard import NOT_REACHED, Guard, guarded
from proxy_addons.judge import Judge, Plan, gravest, is_never_opened, plan_of
from proxy_addons.refusal import Refusals
from proxy_addons.resolve import STRICT, Resolver
from proxy_addons.target import host_of
from proxy_addons.trouble import Trouble


class Tunnel(msgspec.Struct):
    """What is known of a client's CONNECT: where to, and a refusal of it that nobody was told of yet."""

    host: str
    port: int
    untold: tuple[Request, Verdict] | None = None


def _named(hello: ClientHello) -> str | None:
    """The host that *hello* gives; None if it gives none, several, or one that cannot be read and so not judged."""
    given = sum(kind == 0 for kind, _ in hello.extensions)
    return host_of(hello.sni) if given == 1 and hello.sni else None


class Tunnels:
    """The addon; a tunnel is kept by its connection's id until that ends."""

    def __init__(
        self,
        judge: Judge,
        resolver: Resolver,
        counters: Counters,
        guard: Guard,
        *,
        connections: Connections,
        destinations: Destinations,
        refusals: Refusals,
        ports: frozenset[int],
        behind_door: bool,
    ) -> None:
        """*ports* are the web's; *behind_door* as in `Filter`."""
        self.guard = guard
        self._judge, self._resolver, self._counters = judge, resolver, counters
        self._connections, self._destinations, self._refusals = connections, destinations, refusals
        self._ports, self._behind_door = ports, behind_door
        self._tunnels: dict[str, Tunnel] = {}

    def of(self, client: connection.Client) -> Tunnel | None:
        """The tunnel on *client*'s connection, if it has asked for one."""
        return self._tunnels.get(client.id)

    def refuses(self, client: connection.Client) -> bool:
        """Whether *client*'s connection is to end without a handshake."""
        return client.id in self.guard.closed

    def is_secret(self, client: connection.Client) -> bool:
        """Whether no log may name *client*'s host: it is closed, or a sealed list has pages of it (G6, G23)."""
        tunnel = self.of(client)
        sealed = self._judge.policy.sealed
        return tunnel is not None and (tunnel.untold is not None or sealed.has_urls(tunnel.host))

    @guarded
    async def client_disconnected(self, client: connection.Client) -> None:
        """Forget the tunnel; a refused one in which nothing was ever asked is recorded now."""
        tunnel = self._tunnels.pop(client.id, None)
        self.guard.closed.discard(client.id)
        if tunnel:
            await self._tell(tunnel)

    @guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge where a tunnel is to lead; refuse it at once where no page could be shown in it."""
        host = host_of(flow.request.host)
        if host is None:
            return self._turn_away(flow, Trouble.MALFORMED)
        if flow.request.port not in self._ports:
            return self._turn_away(flow, Trouble.PORT)
        client = self._judge.somebody(flow.client_conn)
        self._tunnels[flow.client_conn.id] = tunnel = Tunnel(host, flow.request.port)
        self._connections.in_tunnel(flow.client_conn)
        request, verdict = self._judge.of_name(Kind.CONNECT, client, host)
        if self._judge.is_told_at_once(client, verdict):
            self._counters.closed += 1
            await self._judge.record(request, verdict)
            self._refusals.page(flow, request, verdict).of_tunnel(flow)
        elif verdict.blocked:
            tunnel.untold = request, verdict
        return None

    def _turn_away(self, flow: http.HTTPFlow, why: Trouble) -> None:
        self.guard.trouble(flow, why).of_tunnel(flow)

    @guarded
    async def tls_clienthello(self, data: ClientHelloData) -> None:
        """Judge the name that the client gives: relay the connection, open it, or close it."""
        peer = data.context.client
        tunnel = self._tunnels[peer.id]
        self._connections.spoken(peer)
        name = _named(data.client_hello)
        client = self._judge.somebody(peer)
        judged = [self._judge.of_name(Kind.SNI, client, n) for n in dict.fromkeys((name, tunnel.host)) if n]
        plan = plan_of(
            (v for _, v in judged),
            agree=name in (None, tunnel.host),
            named=name is not None and not domain.as_address(name),
            opens=self._judge.opens(client),
        )
        tunnel.untold = gravest(judged) or tunnel.untold
        if plan is Plan.SPLICE and self._was_away(client, judged):
            plan = Plan.OPEN  # here is said why
        if plan in (Plan.SPLICE, Plan.OPEN):
            plan = await self._unless_closed(plan, client, tunnel, judged[0])
        if plan is Plan.CLOSE:
            await self._close(peer, tunnel)
        if plan is Plan.SPLICE:
            self._counters.spliced += 1
            self._connections.relayed(peer, tunnel.host, judged[0][1])
        self._counters.opened += plan in (Plan.OPEN, Plan.SHOW)
        data.ignore_connection = plan is Plan.SPLICE
        data.establish_server_tls_first = plan is Plan.OPEN

    def _was_away(self, client: Client, judged: list[tuple[Request, Verdict]]) -> bool:
        """Whether a host that is relayed comes here because the front door, which relays, did not reach it."""
        return self._behind_door and self._judge.opens(client) and not any(is_never_opened(v) for _, v in judged)

    async def _unless_closed(self, plan: Plan, client: Client, tunnel: Tunnel, judged: tuple[Request, Verdict]) -> Plan:
        """The *plan*, unless the host leads nowhere or to what is closed for *client*."""
        try:
            await self._destinations.look_up(client, tunnel.host, tunnel.port)
        except OSError:
            return Plan.OPEN if self._judge.opens(client) else Plan.CLOSE  # opened, the client is told why
        closed = self._destinations.closed_alias(*judged)
        if closed is None:
            return plan
        tunnel.untold = closed
        return Plan.SHOW if self._judge.opens(client) else Plan.CLOSE

    async def _close(self, peer: connection.Client, tunnel: Tunnel) -> None:
        self.guard.closed.add(peer.id)
        self._counters.closed += 1
        await self._tell(tunnel)

    async def _tell(self, tunnel: Tunnel) -> None:
        """Record the refusal of a name whose page was not shown."""
        if tunnel.untold:
            await self._judge.record(*tunnel.untold)
            tunnel.untold = None

    @guarded
    async def tls_failed_client(self, data: TlsData) -> None:
        """A client that does not take our certificate sees no page; the refusal is recorded all the same."""
        if tunnel := self.of(data.context.client):
            await self._tell(tunnel)

    @guarded
    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse an address given as such, which asks no resolver, if it may not be reached.

        A search engine is reached at the address of its strict form.
        """
        host, port, *_ = data.server.address or ("", 0)
        if (host, port) == self._resolver.upstream:
            return
        STRICT.set((host, self._judge.strict_form(self._judge.somebody(data.client), host)))
        if domain.as_address(host) and not self._resolver.permits(host, port):
            data.server.error = NOT_REACHED
