"""What becomes of a request to a search engine: strict results, the help panel, a concern on record, another engine.

Called by the filter for requests that are permitted, and for those that the profile's rule for engines refuses. Words
are read only where connections are opened, from searches alone: what is asked for while somebody types says nothing of
what is searched for in the end.
"""

import time
import urllib.parse

import msgspec
from mitmproxy import http

from blocklists import search, themes
from blocklists.clients import Client
from blocklists.policy import Reason, Request, Verdict
from blocklists.profile import Profile
from blocklists.search import Engine, Place
from blocklists.url import Url
from proxy_addons import block_page, help_panel, safe_search, search_terms, words
from proxy_addons.counters import Counters
from proxy_addons.form import Form
from proxy_addons.help_panel import HelpNotice, Sessions
from proxy_addons.judge import Judge
from proxy_addons.refusal import Refusal, form_for, language_for
from proxy_addons.search_terms import Search
from proxy_addons.settings import ProxySettings
from proxy_addons.unpacking import whole

LONGEST_BODY = 256 * 1024
"""Bytes of a search that is sent as a body; YouTube's have 4 KB."""

_FORM = "application/x-www-form-urlencoded"
_HELD = "schoolgate search"
"""Where a flow carries what to judge once its body is here."""
_EARLY = ("sec-purpose", "purpose", "x-moz")
"""Headers by which browsers say that nobody looks yet ("prefetch", "preview")."""


class _Held(msgspec.Struct, frozen=True):
    client: Client
    url: Url
    engine: Engine
    place: Place


class Redirect(Refusal, frozen=True):
    """An answer that leads to *location*."""

    location: str = ""

    def response(self, method: str) -> http.Response:
        """The answer, with where to go."""
        made = super().response(method)
        made.headers["Location"] = self.location
        return made


class Searches:
    """Looks at requests to search engines; every other is passed by with one look-up."""

    def __init__(self, judge: Judge, settings: ProxySettings, counters: Counters) -> None:
        self._judge, self._settings, self._counters = judge, settings, counters
        self._engines, self._sessions = search.shipped(), Sessions()
        self._hits = themes.shipped().hits

    def _profile(self, client: Client) -> Profile:
        return self._judge.policy.rulebook.profiles[client.profile]

    async def asked(self, flow: http.HTTPFlow, client: Client, url: Url) -> Refusal | None:
        """Make the permitted request of *flow* for *url* strict, and judge its words; what to answer, if anything."""
        engine = self._engines.of(url.host)
        if engine is None:
            return None
        profile, request = self._profile(client), flow.request
        raw = request.data.path
        found = search_terms.of_url(engine, url.path, raw)
        if profile.safe_search:
            _force(request, engine, searching=found is not None or _holds_words(engine, raw))
        if not profile.certificate:
            return None
        if found and found.terms and not found.suggestion:
            if _is_early(request.headers):
                return _refused(503, Form.NOTHING)
            if answer := await self._said(flow, client, url, found):
                return answer
        place = _in_body(engine, url, request)
        return self._hold(flow, _Held(client, url, engine, place)) if place else None

    def _hold(self, flow: http.HTTPFlow, held: _Held) -> Refusal | None:
        """Wait for the body, unless nobody says how long it is, it is too long for a search, or it is no plain form."""
        headers = flow.request.headers
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            return _refused(411, form_for(flow))
        if search.Where.FORM in held.place.where and not headers.get("content-type", _FORM).lower().startswith(_FORM):
            return _refused(415, form_for(flow))
        flow.metadata[_HELD] = held
        return None

    def holds(self, flow: http.HTTPFlow) -> bool:
        """Whether the request of *flow* waits for its body."""
        return _HELD in flow.metadata

    async def typed(self, flow: http.HTTPFlow) -> Refusal | None:
        """Judge the words in the body of *flow*, if it waited for that; the answer in place of its own."""
        held: _Held | None = flow.metadata.pop(_HELD, None)
        if held is None:
            return None
        request = flow.request
        body = whole(request.raw_content or b"", request.headers.get("content-encoding", ""), LONGEST_BODY)
        if body is None:
            return _refused(415, form_for(flow))
        if self._profile(held.client).safe_search and search.Where.FORM in held.place.where:
            request.headers.pop("content-encoding", None)
            request.content = body = safe_search.forced_form(held.engine, body)
        found = search_terms.of_body(held.engine, held.place, body)
        if not found.terms or found.suggestion:
            return None
        return await self._said(flow, held.client, held.url, found)

    async def _said(self, flow: http.HTTPFlow, client: Client, url: Url, found: Search) -> Refusal | None:
        """Put what *found* says on record, and answer a search for help with the panel."""
        self._counters.searches += 1
        hits = self._hits(found.terms)
        if not hits:
            return None
        request, verdict = self._judge.of_search(client, url, found.terms, hits)
        await self._judge.record_concern(request, verdict)
        if help_panel.THEMES.isdisjoint(hit.theme for hit in hits):
            return None
        return self._panel(flow, client)

    def _panel(self, flow: http.HTTPFlow, client: Client) -> Refusal | None:
        now, form = time.monotonic(), form_for(flow)
        if not self._sessions.due(client, now):
            return None
        if form is Form.PAGE:
            self._sessions.saw(client, now)
            self._counters.help_panels += 1
        pages = block_page.pages_of(self._judge.policy.rulebook, client.profile)
        notice = HelpNotice(pages, self._settings.adult, flow.request.method == "GET")
        return help_panel.answer(notice, form, language_for(flow, self._settings))

    def instead(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> Refusal | None:
        """The way to the profile's own engine, with the words, for a page that *verdict* closes as another's; or None.

        Only for a page that somebody opens: what a page loads by itself is refused as it is.
        """
        if verdict.reason not in (Reason.SEARCH, Reason.NOT_APPROVED) or request.url is None:
            return None
        engine, profile = self._engines.of(request.host), self._profile(request.client)
        own = search.own(self._engines, profile)
        if engine is None or engine.kind not in search.ENGINES or own is None or own is engine:
            return None
        if form_for(flow) is not Form.PAGE or flow.request.method not in ("GET", "HEAD"):
            return None
        found = search_terms.of_url(engine, request.url.path, flow.request.data.path)
        self._counters.searches_redirected += 1
        return Redirect(302, Form.PAGE, b"", words.ENGLISH, location=location(own, found.terms if found else ""))


def location(engine: Engine, terms: str) -> str:
    """The address at which *engine* searches for *terms*; its first page where there are none."""
    if terms:
        return engine.link.replace("{}", urllib.parse.quote(terms, safe="", errors="replace"))
    return "/".join(engine.link.split("/")[:3]) + "/"


def _force(request: http.Request, engine: Engine, *, searching: bool) -> None:
    if engine.settings:
        request.data.path = safe_search.forced_path(engine, request.data.path, searching=searching)
    cookies = safe_search.forced_cookies(engine, request.headers.get_all("cookie"))
    if cookies is not None:
        request.headers.set_all("cookie", cookies)
    for name, value in safe_search.forced_headers(engine):
        request.headers[name] = value


def _holds_words(engine: Engine, raw: bytes) -> bool:
    """Whether the query of *raw* has words on some page of *engine*: an address of it that nobody here knows."""
    query = raw.partition(b"?")[2]
    return bool(query) and not engine.keys.isdisjoint(key.lower() for key, _ in search_terms.pairs_of(query))


def _in_body(engine: Engine, url: Url, request: http.Request) -> Place | None:
    if request.method in ("GET", "HEAD"):
        return None
    return search_terms.place_of_body(engine, url.path)


def _is_early(headers: http.Headers) -> bool:
    return any(word in headers.get(name, "").lower() for name in _EARLY for word in ("prefetch", "preview"))


def _refused(status: int, form: Form) -> Refusal:
    """An empty answer, for what no person looks at."""
    return Refusal(status, form, b"", words.ENGLISH)
