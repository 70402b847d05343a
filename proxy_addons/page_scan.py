"""Reading the pages of sites that nothing is known of, before anybody else does.

What the verdict says is to be scanned is held (`proxy_addons.held`) if its type can have words: pictures, films and
fonts pass at once. Its words are weighed by the phrases in force, and the score is put to `decide`. A page that is too
large, too slow or one too many to be held is judged by what has come of it, and read on as it goes (`page_rest`).

A page that stays open is looked at for themes too, where its reader is watched: that alerts and closes nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from mitmproxy import http

from blocklists import search, shared_hosts, themes
from blocklists.phrase_scan import Scanner
from blocklists.policy import Policy, Reason, Request, Verdict
from blocklists.themes import Themes
from proxy_addons import cut, unpack
from proxy_addons.background import is_background
from proxy_addons.counters import Counters
from proxy_addons.held import MOST, Holds, hold_of
from proxy_addons.judge import Judge
from proxy_addons.page_rest import RestLook, Windows
from proxy_addons.page_text import Kind, kind_of, sniffed
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.read_before import ReadBefore
from proxy_addons.reading import Reading, Sent, read, read_on
from reporting.breach import VERSION, Clean

ALOUD = 131_072
"""Bytes of an answer that are read at once (about 5 ms); a larger one is read in a thread."""
_PACKED = 4
"""How many times as long a packed answer is when it is unpacked, about."""
CLEAN = 30
"""A page that scores less is clean: half of the lowest limit."""
ENOUGH = 300
"""Characters that a page must have to say anything of its site."""
_REMEMBERED = 8_192
"""Pages that were reported clean and are not reported again."""
_SCANNED = "schoolgate_scanned"
"""Where a flow carries what is known of the request whose answer is to be scanned."""
_NO_BODY = frozenset({101, 204, 205, 304})


class Asked(msgspec.Struct, frozen=True):
    """A *request* that *verdict* permits by *policy*, whose answer is scanned.

    *themes* are looked for in it where its reader is watched.
    """

    request: Request
    verdict: Verdict
    policy: Policy
    themes: Themes | None


type Refused = tuple[Request, Verdict, str]
"""What was asked for, what closes it, and the evidence."""


class PageScan:
    """Scans answers by the phrases in force. *refuse* is called for one that is closed when some of it is out."""

    def __init__(
        self,
        judge: Judge,
        counters: Counters,
        phrases: PhraseBook,
        refuse: Callable[[http.HTTPFlow, Refused], Awaitable[None]],
    ) -> None:
        self.holds = Holds()
        self._refuse = refuse
        self._judge, self._counters, self._phrases = judge, counters, phrases
        self._thread = ThreadPoolExecutor(1, "page scan")
        self._twin: tuple[Scanner, Scanner] | None = None
        self._before = ReadBefore()
        self._told: dict[bytes, None] = {}
        self._themes = themes.shipped()

    def asked(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> None:
        """Remember that the answer to the permitted *request* of *flow* is to be scanned, if *verdict* says so."""
        if verdict.scan:
            engine = search.shipped().of(request.host)  # what is searched for there is looked at by itself
            watched = self._judge.watches(request.client) and not verdict.personal and not engine
            flow.metadata[_SCANNED] = Asked(request, verdict, self._judge.policy, self._themes if watched else None)
            ask_readably(flow.request)

    def begin(self, flow: http.HTTPFlow) -> bool:
        """Hold the answer of *flow*, whose head has come, if it is to be scanned and can have words; whether it is."""
        answer = flow.response
        assert answer
        if _SCANNED not in flow.metadata or flow.request.method == "HEAD" or answer.status_code in _NO_BODY:
            return False
        kind = kind_of(answer.headers.get("content-type", ""))
        if kind is Kind.NONE:
            return False
        self.holds.begin(flow).sure = kind is not Kind.UNSURE
        return True

    async def judged(self, flow: http.HTTPFlow, *, whole: bool) -> Refused | None:
        """What closes the held answer of *flow*, and the evidence; None if nothing does, or if it is not held.

        It is held no more, unless it is not *whole* and may turn out to have no words at all. UnknownCodingError if it
        cannot be read.
        """
        hold, answer = hold_of(flow), flow.response
        if hold is None or answer is None:
            return None
        headers = answer.headers
        sent = Sent(answer.raw_content or b"", headers.get("content-encoding", ""), headers.get("content-type", ""))
        kind = kind_of(sent.content_type)
        if kind is Kind.UNSURE:
            start = unpack.unpack(sent.body, sent.coding, 2 * MOST if whole else ALOUD)
            kind = sniffed(start)
            hold.sure = True
            if kind is not Kind.NONE and not whole and not hold.full and not hold.late:
                return None
        hold.end()
        if kind is Kind.NONE:
            return None
        self._counters.pages_scanned += 1
        self._counters.pages_early += not whole
        asked: Asked = flow.metadata[_SCANNED]
        reading = await self._reading(asked, kind, sent)
        to_its_end = whole and reading.known < MOST
        refused = await self._weighed(flow, reading, to_its_end=to_its_end)
        if refused or to_its_end:
            return refused
        windows = Windows(kind, sent.coding, sent.content_type, reading.known)
        if whole:
            return await self._weighed_on(flow, windows, sent.body)
        cut.look_at(flow, RestLook(windows, self._weigh_rest, at_once=hold.late))
        return None

    async def _reading(self, asked: Asked, kind: Kind, sent: Sent) -> Reading:
        """What is on the answer *sent*: found again where the same bytes were read a while ago."""
        if len(sent.body) > ALOUD:
            return await self._read_anew(asked, kind, sent)
        scanner, key = self._phrases.scanner, self._before.key(sent, kind, asked.themes)
        if found := self._before.find(scanner, key):
            self._counters.pages_read_before += 1
            return found
        reading = await self._read_anew(asked, kind, sent)
        self._before.keep(scanner, key, reading)
        return reading

    async def _read_anew(self, asked: Asked, kind: Kind, sent: Sent) -> Reading:
        size = len(sent.body) * (_PACKED if sent.coding else 1)
        return await self._read(size, lambda scanner: read(scanner, asked.themes, kind, sent))

    async def _weigh_rest(self, flow: http.HTTPFlow, windows: Windows, piece: bytes) -> None:
        """Refuse the answer of *flow*, which is on its way, if what *piece* brings closes it."""
        if refused := await self._weighed_on(flow, windows, piece):
            await self._refuse(flow, refused)

    async def _weighed_on(self, flow: http.HTTPFlow, windows: Windows, piece: bytes) -> Refused | None:
        """What closes the answer of *flow* in the *windows* that *piece* brings, if anything does."""
        for reading in await self._read(len(piece) * _PACKED, lambda scanner: read_on(scanner, windows, piece)):
            if refused := await self._weighed(flow, reading, to_its_end=False):
                return refused
        return None

    async def _read[T](self, size: int, how: Callable[[Scanner], T]) -> T:
        """What *how* gives, which reads about *size* bytes: at once, or in the thread."""
        scanner = self._phrases.scanner
        if size <= ALOUD:
            return how(scanner)
        return await asyncio.get_running_loop().run_in_executor(self._thread, how, self._twin_of(scanner))

    def _twin_of(self, scanner: Scanner) -> Scanner:
        """The *scanner* of the thread, which cannot use ours at the same time."""
        if self._twin is None or self._twin[0] is not scanner:
            self._twin = scanner, scanner.twin()
        return self._twin[1]

    async def _weighed(self, flow: http.HTTPFlow, reading: Reading, *, to_its_end: bool) -> Refused | None:
        asked: Asked = flow.metadata[_SCANNED]
        request, verdict = self._judged_page(asked, reading)
        if verdict.blocked:
            self._counters.pages_refused += 1
            return request, verdict, reading.score.words()
        by_itself = is_background(request.host, flow.request.headers)
        await self._judge.record_concern(request, verdict, background=by_itself)
        clean = to_its_end and reading.length >= ENOUGH and reading.score.score < CLEAN
        if clean and verdict.reason is Reason.UNKNOWN:
            self._tell_clean(flow, request)
        return None

    def _judged_page(self, asked: Asked, reading: Reading) -> tuple[Request, Verdict]:
        if self._judge.stays(asked.request, asked.verdict, asked.policy, reading.score, reading.hits):
            return asked.request, asked.verdict
        return self._judge.of_page(asked.request, reading.score, reading.hits)

    def _tell_clean(self, flow: http.HTTPFlow, request: Request) -> None:
        """Put on record that a page of a site is clean, once: three of them make the site known."""
        site = shared_hosts.site_of(request.host)
        if not site or not flow.response or flow.response.status_code != 200:
            return
        page = hashlib.blake2b(f"{request.host}{request.path}".encode(), digest_size=8).digest()
        if page in self._told:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.pop(next(iter(self._told)))
        self._told[page] = None
        self._judge.recorder.clean(Clean(VERSION, time.time_ns(), "proxy", site, page))


def ask_readably(request: http.Request) -> None:
    """Ask for codings that can be undone here, and for none that needs a dictionary which the browser has."""
    headers = request.headers
    if "accept-encoding" in headers:
        wanted = (part.strip() for part in headers["accept-encoding"].split(","))
        kept = [part for part in wanted if part.partition(";")[0].strip().lower() in _READABLE]
        headers["accept-encoding"] = ", ".join(kept) or "identity"
    headers.pop("available-dictionary", None)
    headers.pop("dictionary-id", None)


_READABLE = frozenset({*unpack.CODINGS, "identity"})
