"""What a permitted request and its answer carry: the rules that hold beyond the address, called by the filter's hooks.

Downloads, uploads, headers for a service's tenants, hidden pictures, parts of a permitted page, messages. Each has a
file of its own that weighs it; here the profile's rules are looked up and a refusal gets its record and its page.
"""

import functools

import msgspec
from mitmproxy import http

from blocklists import embedded, kinds, tenants, thumbnails
from blocklists.policy import Action, Kind, Policy, Reason, Request, Verdict
from blocklists.transfers import Rules, refused, unsaid
from proxy_addons import cut, downloads, sockets, uploads
from proxy_addons.antivirus import Antivirus
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge
from proxy_addons.refusal import Refusals
from proxy_addons.target import host_of
from proxy_addons.trouble import Trouble

_ASKED = "schoolgate-asked"
"""Where a flow carries what was permitted."""


class Asked(msgspec.Struct):
    """A permitted request. *part*: the refusal that it passes as a part of a page, and what part it says it is."""

    request: Request
    verdict: Verdict
    rules: "ProfileRules"
    part: tuple[Verdict, str] | None = None


class ProfileRules:
    """What one profile of one policy says, read once."""

    def __init__(self, policy: Policy, name: str) -> None:
        profile = policy.rulebook.profiles[name]
        self.carried = Rules(profile)
        self.tenants = tenants.Restrictions(tenants.shipped(), policy.rulebook.tenants, profile)
        self.thumbnails = profile.thumbnails
        self.categories = policy.rulebook.categories


class Carried:
    """The rules of a worker. *scan* weighs what is said over WebSockets."""

    def __init__(
        self,
        judge: Judge,
        refusals: Refusals,
        counters: Counters,
        antivirus: Antivirus | None = None,
        scan: sockets.Scan = sockets.nothing_found,
    ) -> None:
        self._judge, self._refusals, self._counters = judge, refusals, counters
        self._antivirus, self._scan = antivirus, scan
        self._rules: tuple[Policy | None, dict[str, ProfileRules]] = (None, {})

    def _of(self, profile: str) -> ProfileRules:
        policy, known = self._rules
        if policy is not self._judge.policy:
            policy, known = self._rules = (self._judge.policy, {})
        if profile not in known:
            known[profile] = ProfileRules(self._judge.policy, profile)
        return known[profile]

    # Requests

    def settled(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> tuple[Request, Verdict]:
        """*request* with *verdict*, or with one that hides a small picture, or opens a part of a page."""
        if not verdict.blocked or verdict.reason in _ON_NO_LIST:
            rules = self._of(request.client.profile)
            if not rules.thumbnails and request.url and thumbnails.shipped().has(request.url):
                self._counters.carried["thumbnail"] += 1
                return request, msgspec.structs.replace(refused(verdict, Reason.THUMBNAIL, ""), quiet=True)
        return self._opened_part(flow, request, verdict) if verdict.blocked else (request, verdict)

    def _opened_part(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> tuple[Request, Verdict]:
        book = self._judge.policy.rulebook
        if not (book.embedded and embedded.can_open(verdict)):
            return request, verdict
        headers = flow.request.headers
        destination = headers.get("sec-fetch-dest", "").lower()
        page = _page_of(headers.get("referer", ""))
        if not (page and embedded.is_part(flow.request.method, destination, headers.get("sec-fetch-site", "").lower())):
            return request, verdict
        if not embedded.permits(book.embedded, page, request.host):
            return request, verdict
        if self._judge.of_name(Kind.SNI, request.client, page)[1].blocked:
            return request, verdict
        flow.metadata[_ASKED] = Asked(request, verdict, self._of(request.client.profile), (verdict, destination))
        return request, Verdict(Action.ALLOW, Reason.PART, inspect=True, rule=page)

    def of_request(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> tuple[Request, Verdict] | None:
        """The refusal of what the permitted request of *flow* carries or is for; otherwise its headers are made."""
        rules = self._of(request.client.profile)
        asked = flow.metadata.setdefault(_ASKED, Asked(request, verdict, rules))
        if rules.carried.weighs_uploads_to(request.host, verdict) and (found := self._upload(flow, asked)):
            return found
        _hold(flow.request.headers, rules.tenants.on(request.host))
        if self._antivirus and kinds.shipped().of_name(request.path or "") in downloads.SCANNED:
            flow.request.headers.pop("range", None)  # a piece of a file is no file that can be scanned
        return None

    def _upload(self, flow: http.HTTPFlow, asked: Asked) -> tuple[Request, Verdict] | None:
        length = uploads.length(flow.request)
        if length == 0:
            return None
        rules = asked.rules.carried
        if rule := uploads.refused_by_head(rules, flow.request, asked.request.path or ""):
            return self._refusal(asked, Reason.UPLOAD, rule)
        if length is None or rules.uploads:
            media = flow.request.headers.get("content-type", "")
            cut.watch(flow, uploads.UploadWatch(rules, media, functools.partial(self._refuse, Reason.UPLOAD)))
        return None

    # Answers

    async def of_answer(self, flow: http.HTTPFlow) -> None:
        """Refuse the answer of *flow* for what its head says, or have its body looked at."""
        asked: Asked | None = flow.metadata.get(_ASKED)
        response = flow.response
        if asked is None or response is None or response.status_code in _WITHOUT_A_FILE:
            return
        if asked.part and not embedded.is_such_a_part(asked.part[1], response.headers.get("content-type", "")):
            await self._put_on(flow, asked.request, asked.part[0])
            return
        found = downloads.declared(response, asked.request.path or "") if not downloads.is_page(response) else set()
        closed = asked.rules.carried.downloads
        if kind := min(found & closed, default=""):
            await self._refuse(Reason.DOWNLOAD, flow, kind)
            return
        scanned = self._antivirus and downloads.is_scanned(response, found)
        if scanned or closed:
            self._have_looked_at(flow, closed, scanned=bool(scanned))

    def _have_looked_at(self, flow: http.HTTPFlow, closed: frozenset[str], *, scanned: bool) -> None:
        assert flow.response
        look = downloads.DownloadLook(
            closed,
            flow.response.headers.get("content-encoding", ""),
            self._antivirus.scan() if self._antivirus and scanned else None,
            downloads.Refusing(
                closed=functools.partial(self._refuse, Reason.DOWNLOAD),
                infected=functools.partial(self._refuse, Reason.INFECTED),
                unscanned=self._unscanned,
            ),
        )
        cut.look_at(flow, look)

    async def _refuse(self, reason: Reason, flow: http.HTTPFlow, rule: str) -> None:
        asked: Asked = flow.metadata[_ASKED]
        await self._put_on(flow, *self._refusal(asked, reason, rule))

    def _refusal(self, asked: Asked, reason: Reason, rule: str) -> tuple[Request, Verdict]:
        self._counters.carried[str(reason)] += 1
        return asked.request, refused(asked.verdict, reason, rule)

    async def _put_on(self, flow: http.HTTPFlow, request: Request, verdict: Verdict) -> None:
        """Record the refusal, and let its page be the answer."""
        self._counters.requests[request.client.profile, "block"] += 1
        await self._judge.record(request, verdict)
        self._refusals.page(flow, request, verdict).of_answer(flow)

    async def _unscanned(self, flow: http.HTTPFlow, _: str) -> None:
        asked: Asked = flow.metadata[_ASKED]
        self._counters.carried["unscanned"] += 1
        self._refusals.trouble(flow, asked.request.client, Trouble.FAILURE).of_answer(flow)

    # Messages

    async def of_message(self, flow: http.HTTPFlow) -> None:
        """Weigh the newest message of *flow*'s WebSocket, and end it where that is too much."""
        asked: Asked | None = flow.metadata.get(_ASKED)
        assert flow.websocket
        if sockets.is_ended(flow):
            flow.websocket.messages[-1].drop()  # type: ignore[no-untyped-call]
            return
        if asked is None or not asked.rules.carried.weighs_words_at(asked.verdict):
            return
        score = self._scan(sockets.text_of(flow.websocket.messages[-1]))
        rules, topic = asked.rules.carried, asked.rules.categories.get(score.category)
        if rules.closes_words(score, topic):
            self._counters.carried[str(Reason.MESSAGE)] += 1
            await self._judge.record(asked.request, unsaid(asked.verdict, rules.profile, score, topic))
            sockets.end(flow)


_ON_NO_LIST = frozenset({Reason.NOT_APPROVED, Reason.UNKNOWN})
_WITHOUT_A_FILE = frozenset({101, 204, 304})


def _hold(headers: http.Headers, held: tenants.Held) -> None:
    """Take what no client may send off *headers*, and put on what we send."""
    if held.unsent:
        for name in [n for n in set(headers) if n.lower() in held.unsent]:
            del headers[name]
        for name, value in held.sent:
            headers[name] = value


def _page_of(referer: str) -> str | None:
    """The host of the page that a Referer names, or None."""
    scheme, separator, rest = referer.partition("://")
    return host_of(rest.partition("/")[0]) if separator and scheme in {"http", "https"} else None
