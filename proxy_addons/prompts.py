"""What somebody types to an AI chat site: read before it goes on, and a concern on record where it has a theme.

Nothing is closed and nothing changed: the body goes on as it came, once the record is written. A body that is too long
to hold, or in a code that nobody here reads, goes on unread and is counted.
"""

import re

import msgspec
from mitmproxy import http

from blocklists import prompts, themes
from blocklists.clients import Client
from blocklists.profile import Watch
from blocklists.prompts import How, Place
from blocklists.url import Url
from blocklists.verdict import Hit
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge
from proxy_addons.unpacking import whole
from reporting.concern import LONGEST

LONGEST_BODY = 512 * 1024
"""Bytes of a prompt that is held until it is judged; most have 2 KB, and a file goes to another address."""

_WATCHED = "schoolgate prompt"
"""Where a flow carries what its body or its messages are read by."""
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


class _Watched(msgspec.Struct, frozen=True):
    url: Url
    place: Place


class Prompts:
    """Reads the prompts of those whose profile is watched; every other request is passed by with one look-up."""

    def __init__(self, judge: Judge, counters: Counters) -> None:
        self._judge, self._counters = judge, counters
        self._places, self._themes = prompts.shipped(), themes.shipped()

    def holds(self, flow: http.HTTPFlow, client: Client, url: Url) -> bool:
        """Whether the permitted request of *flow* for *url* waits until its body is here; notes what is to be read."""
        if not self._places.has(url.host) or not self._watches(client):
            return False
        place = self._places.at(url.host, url.path)
        if place is None:
            return False
        flow.metadata[_WATCHED] = _Watched(url, place)
        if place.how is How.WEBSOCKET or flow.request.method in ("GET", "HEAD"):
            return False
        return self._can_wait(flow.request.headers.get("content-length", ""))

    def _watches(self, client: Client) -> bool:
        profile = self._judge.policy.rulebook.profiles[client.profile]
        return profile.certificate and profile.watch is not Watch.NONE

    def _can_wait(self, length: str) -> bool:
        """Whether a body of that *length* is held; one of which nobody says it is, up to the library's own bound."""
        return not (length.isdecimal() and int(length) > LONGEST_BODY)

    async def typed(self, flow: http.HTTPFlow) -> None:
        """Judge the prompt in the body of *flow*, if it has one; returns when it may go on."""
        watched: _Watched | None = flow.metadata.get(_WATCHED)
        if watched is None or watched.place.how is How.WEBSOCKET or flow.request.method in ("GET", "HEAD"):
            return
        request = flow.request
        coding = request.headers.get("content-encoding", "")
        body = None if request.raw_content is None else whole(request.raw_content, coding, LONGEST_BODY)
        if body is None:
            self._counters.prompts_unread += 1
            return
        await self._said(flow, watched, body)

    async def said(self, flow: http.HTTPFlow) -> None:
        """Judge the newest message of the WebSocket of *flow*, if a client sent it and prompts go that way."""
        watched: _Watched | None = flow.metadata.get(_WATCHED)
        if watched is None or flow.websocket is None or not flow.websocket.messages:
            return
        message = flow.websocket.messages[-1]
        if message.from_client:
            await self._said(flow, watched, message.content)

    async def _said(self, flow: http.HTTPFlow, watched: _Watched, body: bytes) -> None:
        text = prompts.text_of(watched.place, body)
        if not text:
            return
        self._counters.prompts += 1
        client = self._judge.who(flow.client_conn)
        hits = self._themes.hits(text)
        if client and hits:
            request, verdict = self._judge.of_search(client, watched.url, self._telling(text, hits), hits)
            await self._judge.record_concern(request, verdict)

    def _telling(self, text: str, hits: tuple[Hit, ...]) -> str:
        """*text*, or of a long one the sentences that have the *hits*: a record keeps LONGEST characters."""
        if len(text) <= LONGEST:
            return text
        wanted = {hit.theme for hit in hits}
        sentences = [part for part in _SENTENCES.split(text) if part]
        telling = [part for part in sentences if any(hit.theme in wanted for hit in self._themes.hits(part))]
        return " ... ".join(telling) or text
