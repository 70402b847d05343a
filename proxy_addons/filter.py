"""The filter: mitmproxy's hooks, each a few steps that end in an allowed request, a page, or a closed connection.

mitmproxy logs an addon's exception and lets the request through, so every hook is guarded: what goes wrong here is a
refusal and a count. No hook reads a body, and nothing outlives its flow but counts.
"""

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from mitmproxy import connection, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHello, ClientHelloData, TlsData

from blocklists import domain
from blocklists.clients import Client
from blocklists.policy import Kind, Request, Verdict
from proxy_addons import cut, detour, sockets, trouble
from proxy_addons.background import is_background
from proxy_addons.carried import Carried
from proxy_addons.counters import Counters
from proxy_addons.destination import Destinations
from proxy_addons.doorway import Doorway
from proxy_addons.headers import is_plain, let_through, strip
from proxy_addons.judge import Judge, Plan, gravest, is_never_opened, plan_of
from proxy_addons.page_scan import PageScan, Refused
from proxy_addons.permitted import Permitted
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.prompts import Prompts
from proxy_addons.refusal import Refusal, Refusals, put_in_place, refusal_of
from proxy_addons.resolve import SINK, STRICT, Resolver
from proxy_addons.searches import Searches
from proxy_addons.settings import ProxySettings
from proxy_addons.target import climbs, host_of, hosts_of, url_of
from proxy_addons.trouble import Trouble
from proxy_addons.unpack import UnknownCodingError
from proxy_addons.unpacking import BrokenError

log = logging.getLogger("schoolgate.proxy")

_NOT_REACHED = "an address that may not be reached"


class Tunnel(msgspec.Struct):
    """What is known of a client's CONNECT: where to, and a refusal of it that nobody was told of yet."""

    host: str
    port: int
    untold: tuple[Request, Verdict] | None = None


def _named(hello: ClientHello) -> str | None:
    """The host that *hello* gives; None if it gives none, several, or one that cannot be read and so not judged."""
    given = sum(kind == 0 for kind, _ in hello.extensions)
    return host_of(hello.sni) if given == 1 and hello.sni else None


type _Hook[T] = Callable[["Filter", T], Awaitable[None]]


def _guarded[T](hook: _Hook[T]) -> _Hook[T]:
    """Make a failure of *hook* a refusal of what it was about."""

    @functools.wraps(hook)
    async def guarded(self: "Filter", data: T) -> None:
        try:
            await hook(self, data)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the filter stays closed
            self.failed(hook.__name__, error, data)

    return guarded


class Filter:
    """The addon. One for a worker; a connection's state is kept by the connection's id until it ends."""

    def __init__(
        self,
        judge: Judge,
        resolver: Resolver,
        settings: ProxySettings,
        counters: Counters,
        scan: sockets.Scan = sockets.nothing_found,
        *,
        phrases: PhraseBook | None = None,
        behind_door: bool = False,
    ) -> None:
        """*behind_door*: a front door relays what is relayed, and hands over no such host but one that is away."""
        self._judge, self._resolver, self._counters = judge, resolver, counters
        self._ports = frozenset(settings.ports)
        self._behind_door = behind_door
        self._tunnels: dict[str, Tunnel] = {}
        self._closed: set[str] = set()
        self._doorway, self._permitted = Doorway(), Permitted(judge)
        self._destinations, self._refusals = Destinations(judge, resolver), Refusals(judge, settings, counters)
        self._searches = Searches(judge, settings, counters)
        self._carried = Carried(judge, self._refusals, counters, settings.virus_scanner(), scan)
        self._prompts = Prompts(judge, counters)
        self.pages = PageScan(judge, counters, phrases or PhraseBook(), self._refuse_words)
        self.in_progress: dict[str, set[str]] = {}

    # Connections

    @_guarded
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

    @_guarded
    async def client_disconnected(self, client: connection.Client) -> None:
        """Forget the connection; a refused tunnel in which nothing was ever asked is recorded now."""
        tunnel = self._tunnels.pop(client.id, None)
        self.in_progress.pop(client.id, None)
        self._closed.discard(client.id)
        self._doorway.leave(client.id)
        self._permitted.forget(client.id)
        if tunnel:
            await self._tell(tunnel)

    def overdue(self, name: str) -> bool:
        """Whether the connection *name* is to end: it asks for nothing, or what goes on is not permitted any more."""
        return self._doorway.overdue(name) or self._permitted.outlived(name)

    def answers(self, name: str) -> bool:
        """Whether a request of the connection *name* is being answered, or its first is about to come."""
        return bool(self.in_progress.get(name)) or self._doorway.is_new(name)

    def goes_on(self, name: str) -> bool:
        """Whether something that was permitted goes on on the connection *name*: a page, a WebSocket, a relay."""
        return self.answers(name) or self._permitted.goes_on(name)

    def refuses(self, client: connection.Client) -> bool:
        """Whether *client*'s connection is to end without a handshake."""
        return client.id in self._closed

    def is_secret(self, client: connection.Client) -> bool:
        """Whether no log may name *client*'s host: it is closed, or a sealed list has pages of it (G6, G23)."""
        tunnel = self._tunnels.get(client.id)
        sealed = self._judge.policy.sealed
        return tunnel is not None and (tunnel.untold is not None or sealed.has_urls(tunnel.host))

    # Names

    @_guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge where a tunnel is to lead; refuse it at once where no page could be shown in it."""
        host = host_of(flow.request.host)
        if host is None:
            return self._turn_away(flow, Trouble.MALFORMED)
        if flow.request.port not in self._ports:
            return self._turn_away(flow, Trouble.PORT)
        client = self._judge.somebody(flow.client_conn)
        self._tunnels[flow.client_conn.id] = tunnel = Tunnel(host, flow.request.port)
        self._doorway.in_tunnel(flow.client_conn.id)
        request, verdict = self._judge.of_name(Kind.CONNECT, client, host)
        if self._judge.is_told_at_once(client, verdict):
            self._counters.closed += 1
            await self._judge.record(request, verdict)
            self._refusals.page(flow, request, verdict).of_tunnel(flow)
        elif verdict.blocked:
            tunnel.untold = request, verdict
        return None

    def _turn_away(self, flow: http.HTTPFlow, why: Trouble) -> None:
        self._trouble(flow, why).of_tunnel(flow)

    @_guarded
    async def tls_clienthello(self, data: ClientHelloData) -> None:
        """Judge the name that the client gives: relay the connection, open it, or close it."""
        peer = data.context.client
        tunnel = self._tunnels[peer.id]
        self._doorway.spoken(peer.id)
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
            self._permitted.relayed(peer, tunnel.host, judged[0][1])
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
        self._closed.add(peer.id)
        self._counters.closed += 1
        await self._tell(tunnel)

    async def _tell(self, tunnel: Tunnel) -> None:
        """Record the refusal of a name whose page was not shown."""
        if tunnel.untold:
            await self._judge.record(*tunnel.untold)
            tunnel.untold = None

    @_guarded
    async def tls_failed_client(self, data: TlsData) -> None:
        """A client that does not take our certificate sees no page; the refusal is recorded all the same."""
        if tunnel := self._tunnels.get(data.context.client.id):
            await self._tell(tunnel)

    @_guarded
    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse an address given as such, which asks no resolver, if it may not be reached.

        A search engine is reached at the address of its strict form.
        """
        host, port, *_ = data.server.address or ("", 0)
        if (host, port) == self._resolver.upstream:
            return
        STRICT.set((host, self._judge.strict_form(self._judge.somebody(data.client), host)))
        if domain.as_address(host) and not self._resolver.permits(host, port):
            data.server.error = _NOT_REACHED

    # Requests

    @_guarded
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Judge every host that the request names; what is refused never leaves this machine."""
        if flow.error:
            return None
        client = self._judge.somebody(flow.client_conn)
        self._doorway.asked(flow.client_conn.id)
        self.in_progress.setdefault(flow.client_conn.id, set()).add(flow.id)
        strip(flow.request.headers)
        hosts = self._hosts(flow)
        asked_for = flow.request.data.path, flow.request.method
        urls = [url_of(flow.request.scheme, host, *asked_for) for host in hosts if host]
        if not urls or None in hosts or None in urls or not is_plain(flow.request.headers):
            return self._trouble(flow, Trouble.MALFORMED).of_request(flow)
        judged = [self._carried.settled(flow, *self._judge.of_url(client, asked)) for asked in urls if asked]
        self._forget_untold(flow)
        if refused := gravest(judged) or detour.refusal(self._judge, *judged[0], flow.request):
            return await self._refuse_page(flow, *refused)
        if why := await self._hindrance(flow, hosts):
            self._counters.requests[client.profile, "allow"] += 1
            return self._trouble(flow, why).of_request(flow)
        if refused := self._destinations.closed_alias(*judged[0]) or self._carried.of_request(flow, *judged[0]):
            return await self._refuse_page(flow, *refused)
        self._counters.requests[client.profile, "allow"] += 1
        return await self._go_on(flow, client, *judged[0])

    async def _go_on(self, flow: http.HTTPFlow, client: Client, request: Request, verdict: Verdict) -> None:
        """Let a permitted request go on to its server, unless what it searches for is answered here first."""
        url = request.url
        assert url
        if answer := await self._searches.asked(flow, client, url):
            return answer.of_request(flow)
        self._permitted.asked(flow.client_conn, flow.id, (url,), verdict.until)
        let_through(flow.request)
        flow.request.stream = not (self._prompts.holds(flow, client, url) or self._searches.holds(flow))
        self.pages.asked(flow, request, verdict)
        return None

    async def _refuse_page(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> None:
        self._counters.requests[request.client.profile, "block"] += 1
        if elsewhere := self._searches.instead(flow, request, verdict):
            return elsewhere.of_request(flow)
        by_itself = is_background(request.host, flow.request.headers)
        await self._judge.record(request, verdict, background=by_itself)
        return self._refusals.page(flow, request, verdict).of_request(flow)

    def _hosts(self, flow: http.HTTPFlow) -> set[str | None]:
        """Every different host that *flow* names; None among them for what names none."""
        named = [flow.request.host]
        tunnel, sni = self._tunnels.get(flow.client_conn.id), flow.client_conn.sni
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
        if tunnel := self._tunnels.get(flow.client_conn.id):
            tunnel.untold = None

    @_guarded
    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer a refused request that has no body, or whose body has ended before the sink's answer."""
        if not flow.response:
            put_in_place(flow)
        await self._prompts.typed(flow)
        if answer := await self._searches.typed(flow):
            flow.response = answer.response(flow.request.method)

    # Responses

    @_guarded
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass a permitted answer on as it comes, without an invitation to another protocol."""
        assert flow.response
        if refusal_of(flow):
            self._counters.sunk += (flow.server_conn.address or ("",))[0].endswith(SINK)
            return
        flow.response.headers.pop("alt-svc", None)
        flow.response.stream = not self.pages.begin(flow)
        await self._carried.of_answer(flow)

    @_guarded
    async def piece(self, flow: http.HTTPFlow) -> None:
        """Look at a piece of a body before it goes on (`cut`)."""
        await cut.see(flow)

    @_guarded
    async def page_held(self, flow: http.HTTPFlow) -> None:
        """Judge an answer that is held by what has come of it."""
        await self._judge_page(flow, whole=False)

    async def _judge_page(self, flow: http.HTTPFlow, *, whole: bool) -> None:
        """Refuse the held answer of *flow* if its words close it, or if it cannot be read."""
        try:
            if refused := await self.pages.judged(flow, whole=whole):
                await self._refuse_words(flow, refused)
        except (UnknownCodingError, BrokenError):
            self.pages.forget(flow)
            self._trouble(flow, Trouble.FAILURE).of_answer(flow)

    async def _refuse_words(self, flow: http.HTTPFlow, refused: Refused) -> None:
        """Put it on record that an answer was refused for its words, and let the page be the answer if it can be."""
        request, verdict, evidence = refused
        by_itself = is_background(request.host, flow.request.headers)
        await self._judge.record(request, verdict, evidence, background=by_itself)
        self._refusals.page(flow, request, verdict).of_answer(flow)

    @_guarded
    async def response(self, flow: http.HTTPFlow) -> None:
        """Put the refusal in place of the sink's answer."""
        await self._judge_page(flow, whole=True)
        await cut.see_whole(flow)
        self._ended(flow)
        if flow.websocket is None:
            self._permitted.answered(flow.client_conn, flow.id)
        put_in_place(flow)

    @_guarded
    async def error(self, flow: http.HTTPFlow) -> None:
        """Count what went wrong between us and the server."""
        self._ended(flow)
        self.pages.forget(flow)
        self._permitted.answered(flow.client_conn, flow.id)
        if flow.error and not flow.response:
            self._counters.troubles[trouble.of_message(flow.error.msg)] += 1

    @_guarded
    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Weigh the message, read what is typed to an assistant, and keep none: mitmproxy's list only grows."""
        assert flow.websocket
        await self._carried.of_message(flow)
        await self._prompts.said(flow)
        flow.websocket.messages.clear()

    @_guarded
    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget a WebSocket, which went on after its answer."""
        self._permitted.answered(flow.client_conn, flow.id)

    def _ended(self, flow: http.HTTPFlow) -> None:
        self.in_progress.get(flow.client_conn.id, set()).discard(flow.id)

    # Answers

    def _trouble(self, flow: http.HTTPFlow, why: Trouble) -> Refusal:
        return self._refusals.trouble(flow, self._judge.who(flow.client_conn), why)

    def failed(self, hook: str, error: Exception, data: Any) -> None:
        """Close what *data* is about, as *hook* could not decide; the error's text is not told: it may name a host."""
        self._counters.failures += 1
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__ and error.__traceback__.tb_next else 0
        log.error("The filter's %s failed with %s (line %d); it stays closed.", hook, type(error).__name__, line)
        if isinstance(data, http.HTTPFlow):
            self._fail_flow(data)
        elif isinstance(data, ClientHelloData):
            data.ignore_connection = data.establish_server_tls_first = False
            self._closed.add(data.context.client.id)
        elif isinstance(data, connection.Client):
            data.error = "closed"
        elif isinstance(data, ServerConnectionHookData):
            data.server.error = _NOT_REACHED

    def _fail_flow(self, flow: http.HTTPFlow) -> None:
        try:
            self.pages.forget(flow)
            refusal = self._trouble(flow, Trouble.FAILURE)
        except Exception:  # noqa: BLE001 - what broke the hook can break the page too: then the flow just ends
            refusal = None
        if refusal and flow.request.method == "CONNECT":
            refusal.of_tunnel(flow)
        elif refusal and flow.response is None and not cut.is_watched(flow):
            refusal.of_request(flow)
        elif flow.killable:
            flow.kill()  # type: ignore[no-untyped-call]
