"""Requests: every host that one names is judged, and what is refused never leaves this machine.

No hook here reads a body but those that a search or a prompt is typed in.
"""

from mitmproxy import http

from blocklists.clients import Client
from blocklists.policy import Request, Verdict
from proxy_addons import detour, trouble
from proxy_addons.background import is_background
from proxy_addons.carried import Carried
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.destination import Destinations
from proxy_addons.guard import Guard, guarded
from proxy_addons.headers import is_plain, let_through, strip
from proxy_addons.judge import Judge, gravest
from proxy_addons.page_scan import PageScan
from proxy_addons.prompts import Prompts
from proxy_addons.refusal import Refusals, put_in_place
from proxy_addons.searches import Searches
from proxy_addons.target import climbs, hosts_of, url_of
from proxy_addons.trouble import Trouble
from proxy_addons.tunnels import Tunnels


class Requests:
    """The addon."""

    def __init__(
        self,
        judge: Judge,
        counters: Counters,
        guard: Guard,
        *,
        connections: Connections,
        tunnels: Tunnels,
        destinations: Destinations,
        refusals: Refusals,
        searches: Searches,
        carried: Carried,
        prompts: Prompts,
        pages: PageScan,
        ports: frozenset[int],
    ) -> None:
        self.guard = guard
        self._judge, self._counters, self._ports = judge, counters, ports
        self._connections, self._tunnels, self._destinations = connections, tunnels, destinations
        self._refusals, self._searches, self._carried = refusals, searches, carried
        self._prompts, self._pages = prompts, pages

    @guarded
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Judge every host that the request names; what is refused never leaves this machine."""
        if flow.error:
            return None
        client = self._judge.somebody(flow.client_conn)
        self._connections.asked(flow)
        strip(flow.request.headers)
        hosts = self._hosts(flow)
        asked_for = flow.request.data.path, flow.request.method
        urls = [url_of(flow.request.scheme, host, *asked_for) for host in hosts if host]
        if not urls or None in hosts or None in urls or not is_plain(flow.request.headers):
            return self.guard.trouble(flow, Trouble.MALFORMED).of_request(flow)
        judged = [self._carried.settled(flow, *self._judge.of_url(client, asked)) for asked in urls if asked]
        self._forget_untold(flow)
        if refused := gravest(judged) or detour.refusal(self._judge, *judged[0], flow.request):
            return await self._refuse(flow, *refused)
        if why := await self._hindrance(flow, hosts):
            self._counters.requests[client.profile, "allow"] += 1
            return self.guard.trouble(flow, why).of_request(flow)
        if refused := self._destinations.closed_alias(*judged[0]) or self._carried.of_request(flow, *judged[0]):
            return await self._refuse(flow, *refused)
        self._counters.requests[client.profile, "allow"] += 1
        return await self._go_on(flow, client, *judged[0])

    async def _go_on(self, flow: http.HTTPFlow, client: Client, request: Request, verdict: Verdict) -> None:
        """Let a permitted request go on to its server, unless what it searches for is answered here first."""
        url = request.url
        assert url
        if answer := await self._searches.asked(flow, client, url):
            return answer.of_request(flow)
        self._connections.permitted(flow, url, verdict.until)
        let_through(flow.request)
        flow.request.stream = not (self._prompts.holds(flow, client, url) or self._searches.holds(flow))
        self._pages.asked(flow, request, verdict)
        return None

    async def _refuse(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> None:
        self._counters.requests[request.client.profile, "block"] += 1
        if elsewhere := self._searches.instead(flow, request, verdict):
            return elsewhere.of_request(flow)
        by_itself = is_background(request.host, flow.request.headers)
        await self._judge.record(request, verdict, background=by_itself)
        return self._refusals.page(flow, request, verdict).of_request(flow)

    def _hosts(self, flow: http.HTTPFlow) -> set[str | None]:
        """Every different host that *flow* names; None among them for what names none."""
        named = [flow.request.host]
        tunnel, sni = self._tunnels.of(flow.client_conn), flow.client_conn.sni
        named += [flow.request.authority] if flow.request.authority else []
        named += [tunnel.host] if tunnel else []
        named += [sni] if sni else []
        return hosts_of(named, flow.request.headers.get_all("host"))

    async def _hindrance(self, flow: http.HTTPFlow, hosts: set[str | None]) -> Trouble | None:
        """What stands in the way of a permitted request, if anything does."""
        if climbs(flow.request.data.path):
            return Trouble.MALFORMED
        if len(hosts) > 1:
            return Trouble.MISDIRECTED
        if flow.request.port not in self._ports:
            return Trouble.PORT
        if flow.server_conn.error:
            return trouble.of_message(flow.server_conn.error)
        if not flow.server_conn.connected:
            try:
                client = self._judge.somebody(flow.client_conn)
                await self._destinations.look_up(client, flow.request.host, flow.request.port)
            except OSError as error:
                return trouble.of_message(str(error))
        return None

    def _forget_untold(self, flow: http.HTTPFlow) -> None:
        if tunnel := self._tunnels.of(flow.client_conn):
            tunnel.untold = None

    @guarded
    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer a refused request that has no body, or whose body has ended before the sink's answer."""
        if not flow.response:
            put_in_place(flow)
        await self._prompts.typed(flow)
        if answer := await self._searches.typed(flow):
            flow.response = answer.response(flow.request.method)
