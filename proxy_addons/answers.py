"""Answers: passed on as they come, or a page in their place; and the messages of WebSockets, which follow an answer."""

from mitmproxy import http

from proxy_addons import cut, held, trouble
from proxy_addons.background import is_background
from proxy_addons.carried import Carried
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.guard import Guard, guarded
from proxy_addons.judge import Judge
from proxy_addons.page_scan import PageScan, Refused
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.prompts import Prompts
from proxy_addons.refusal import Refusals, put_in_place, refusal_of
from proxy_addons.resolve import SINK
from proxy_addons.trouble import Trouble
from proxy_addons.unpack import UnknownCodingError
from proxy_addons.unpacking import BrokenError


class Answers:
    """The addon. *pages* are read by *phrases*."""

    def __init__(
        self,
        judge: Judge,
        counters: Counters,
        guard: Guard,
        *,
        connections: Connections,
        refusals: Refusals,
        carried: Carried,
        prompts: Prompts,
        phrases: PhraseBook,
    ) -> None:
        self.guard = guard
        self._judge, self._counters, self._connections = judge, counters, connections
        self._refusals, self._carried, self._prompts = refusals, carried, prompts
        self.pages = PageScan(judge, counters, phrases, self._refuse)

    @guarded
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass a permitted answer on as it comes, without an invitation to another protocol."""
        assert flow.response
        if refusal_of(flow):
            self._counters.sunk += (flow.server_conn.address or ("",))[0].endswith(SINK)
            return
        flow.response.headers.pop("alt-svc", None)
        flow.response.stream = not self.pages.begin(flow)
        await self._carried.of_answer(flow)

    @guarded
    async def piece(self, flow: http.HTTPFlow) -> None:
        """Look at a piece of a body before it goes on (`cut`)."""
        await cut.see(flow)

    @guarded
    async def page_held(self, flow: http.HTTPFlow) -> None:
        """Judge an answer that is held by what has come of it."""
        await self._judge_page(flow, whole=False)

    async def _judge_page(self, flow: http.HTTPFlow, *, whole: bool) -> None:
        """Refuse the held answer of *flow* if its words close it, or if it cannot be read."""
        try:
            if refused := await self.pages.judged(flow, whole=whole):
                await self._refuse(flow, refused)
        except (UnknownCodingError, BrokenError):
            held.forget(flow)
            self.guard.trouble(flow, Trouble.FAILURE).of_answer(flow)

    async def _refuse(self, flow: http.HTTPFlow, refused: Refused) -> None:
        """Put it on record that an answer was refused for its words, and let the page be the answer if it can be."""
        request, verdict, evidence = refused
        by_itself = is_background(request.host, flow.request.headers)
        await self._judge.record(request, verdict, evidence, background=by_itself)
        self._refusals.page(flow, request, verdict).of_answer(flow)

    @guarded
    async def response(self, flow: http.HTTPFlow) -> None:
        """Put the refusal in place of the sink's answer."""
        await self._judge_page(flow, whole=True)
        await cut.see_whole(flow)
        self._connections.ended(flow)
        if flow.websocket is None:
            self._connections.over(flow)
        put_in_place(flow)

    @guarded
    async def error(self, flow: http.HTTPFlow) -> None:
        """Count what went wrong between us and the server."""
        self._connections.ended(flow)
        held.forget(flow)
        self._connections.over(flow)
        if flow.error and not flow.response:
            self._counters.troubles[trouble.of_message(flow.error.msg)] += 1

    @guarded
    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Weigh the message, read what is typed to an assistant, and keep none: mitmproxy's list only grows."""
        assert flow.websocket
        await self._carried.of_message(flow)
        await self._prompts.said(flow)
        flow.websocket.messages.clear()

    @guarded
    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget a WebSocket, which went on after its answer."""
        self._connections.over(flow)
