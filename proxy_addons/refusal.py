"""A finished answer in place of a server's, in the form that the request can show, and how it gets into the flow.

The trap of DESIGN.md: a refused request with a body must not be read into memory nor reach its server. Without a body
mitmproxy never connects, and the answer is put in when the request has ended. With one it streams to our own sink,
every chunk dropped, and the answer takes the place of the sink's.
"""

import msgspec
from mitmproxy import connection, http

from blocklists.clients import Client
from blocklists.policy import Request, Verdict
from blocklists.profile import Pages
from proxy_addons import block_page, trouble, words
from proxy_addons.counters import Counters
from proxy_addons.form import Form, form_of
from proxy_addons.judge import Judge
from proxy_addons.portal import Portal
from proxy_addons.resolve import sink_name
from proxy_addons.settings import ProxySettings
from proxy_addons.sink import nothing
from proxy_addons.trouble import Trouble
from proxy_addons.words import Words

_REFUSAL = "schoolgate"
"""Where a flow carries its refusal."""


class Refusal(msgspec.Struct, frozen=True):
    """A finished answer in place of the server's."""

    status: int
    form: Form
    body: bytes
    language: str = words.ENGLISH

    def response(self, method: str) -> http.Response:
        """The answer to a request with *method* (a HEAD has no body)."""
        fields = [(name.encode(), value.encode()) for name, value in block_page.headers(self.form, self.language)]
        return http.Response.make(self.status, b"" if method == "HEAD" else self.body, http.Headers(fields))

    def of_tunnel(self, flow: http.HTTPFlow) -> None:
        """Answer the CONNECT of *flow* with this, and end its connection."""
        flow.response = self.response("CONNECT")
        flow.response.headers["Connection"] = "close"

    def of_answer(self, flow: http.HTTPFlow) -> None:
        """Answer the request of *flow*, which is at its server already, with this."""
        flow.metadata[_REFUSAL] = self

    def of_request(self, flow: http.HTTPFlow) -> None:
        """Answer the request of *flow* with this, once its body, if it has one, has gone to the sink."""
        flow.metadata[_REFUSAL] = self
        if flow.server_conn.via:  # the sink is here, and not behind another proxy
            flow.server_conn = connection.Server(address=flow.server_conn.address)
        request = flow.request
        request.headers.pop("expect", None)
        request.stream = nothing
        request.data.host = sink_name(shared=not request.is_http2)
        request.data.port, request.data.scheme = 80, b"http"


def refusal_of(flow: http.HTTPFlow) -> Refusal | None:
    """The refusal that *flow* carries, if it was refused."""
    found: Refusal | None = flow.metadata.get(_REFUSAL)
    return found


def put_in_place(flow: http.HTTPFlow) -> None:
    """Let the refusal of *flow*, if it carries one, be its answer."""
    if refusal := refusal_of(flow):
        flow.response = refusal.response(flow.request.method)


class Refusals:
    """Makes them: pages in the words of whoever asks, counted."""

    def __init__(self, judge: Judge, settings: ProxySettings, counters: Counters) -> None:
        self._judge, self._settings, self._counters = judge, settings, counters
        self._portal = Portal.of(settings)

    def page(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> Refusal:
        """The page that says why *verdict* closes what *request* asked for."""
        rulebook, profile = self._judge.policy.rulebook, request.client.profile
        notice = block_page.notice_of(rulebook, profile, request.host, verdict, self._settings)
        notice = self._portal.on(notice, request.host, profile, request.at // 10**9)
        form, language = form_for(flow), self._language(flow)
        if verdict.quiet and form is Form.PAGE:
            form = Form.NOTHING
        return Refusal(403, form, block_page.body(notice, form, language), language.language)

    def trouble(self, flow: http.HTTPFlow, client: Client | None, why: Trouble) -> Refusal:
        """The page that says what went wrong, in a young child's words where nobody knows whose *client* it is."""
        self._counters.troubles[why] += 1
        policy = self._judge.live.policy
        pages = block_page.pages_of(policy.rulebook, client.profile) if client and policy else Pages.KS2
        form, language = form_for(flow), self._language(flow)
        return Refusal(why.status, form, trouble.body(why, pages, form, language), language.language)

    def _language(self, flow: http.HTTPFlow) -> Words:
        return language_for(flow, self._settings)


def language_for(flow: http.HTTPFlow, settings: ProxySettings) -> Words:
    """The words for whoever waits for the answer of *flow*."""
    return words.for_reader(flow.request.headers.get("accept-language", ""), settings.language)


def form_for(flow: http.HTTPFlow) -> Form:
    """The form that *flow* can show; a CONNECT gets the page, which tools print."""
    if flow.request.method == "CONNECT":
        return Form.PAGE
    return form_of(flow.request.headers.get("sec-fetch-dest", ""), flow.request.headers.get("accept", ""))
