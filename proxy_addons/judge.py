"""Asking for a verdict and putting what was refused on record: what the filter's hooks call.

This file knows the policy and the journal and nothing of mitmproxy. A breach is written before its answer is sent,
and for the gravest it is on the disk before.
"""

import enum
import hashlib
import logging
import time
from collections.abc import Iterable
from typing import Protocol

import msgspec

from blocklists import safe_search, url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Policy, Reason, Request, Verdict, decide
from blocklists.profile import Unseen, Watch
from blocklists.rulebook import NEVER_OPENED, Severity
from blocklists.score import Score
from blocklists.verdict import CARRIED, Hit
from proxy_addons.client import Peer, client_of
from reporting.breach import breach_of
from reporting.complaint import Complaint
from reporting.concern import concern_of
from reporting.helplines import Helplines, is_helpline
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.proxy")


_SCANNED = frozenset({Reason.PROFILE_RULE, Reason.CATEGORY, Reason.UNKNOWN})
"""Why a page is permitted and scanned, as `blocklists.policy` says it."""


class NotReadyError(RuntimeError):
    """There is no policy yet, so nothing can be decided."""


class Failures(Protocol):
    """Where decisions that failed are counted."""

    failures: int


class Judge:
    """Decides by the policy in force. *clock_ok* is kept by whoever keeps the policy fresh.

    *helplines* counts who turned to help services, where this process is the one to do that.
    """

    def __init__(
        self, live: Live, recorder: Recorder, counters: Failures, *, helplines: Helplines | None = None
    ) -> None:
        self.live = live
        self._helplines = helplines
        self._counters, self._complaint = counters, Complaint(log)
        self.clock_ok = True
        self.recorder = recorder

    @property
    def policy(self) -> Policy:
        """The policy in force; NotReadyError until there is one."""
        if self.live.policy is None:
            raise NotReadyError
        return self.live.policy

    def who(self, peer: Peer) -> Client | None:
        """Who is at the other end of *peer*; None where nobody of ours is, or nobody is known yet."""
        return client_of(self.live.clients, peer) if self.live.clients else None

    def somebody(self, peer: Peer) -> Client:
        """Who is at the other end of *peer*, which was let in; NotReadyError if that is nobody any more."""
        client = self.who(peer)
        if client is None:
            raise NotReadyError
        return client

    def of_name(self, kind: Kind, client: Client, host: str) -> tuple[Request, Verdict]:
        """The verdict on *host* where only its name is known."""
        return self._judged(Request(kind, client, host, time.time_ns(), clock_ok=self.clock_ok))

    def of_url(self, client: Client, asked: url.Url) -> tuple[Request, Verdict]:
        """The verdict on a URL."""
        return self._judged(Request(Kind.URL, client, asked.host, time.time_ns(), url=asked, clock_ok=self.clock_ok))

    def of_search(self, client: Client, asked: url.Url, terms: str, hits: tuple[Hit, ...]) -> tuple[Request, Verdict]:
        """The verdict on a search for *terms*, in which the themes *hits* were found."""
        now, ok = time.time_ns(), self.clock_ok
        return self._judged(Request(Kind.SEARCH, client, asked.host, now, asked, terms, clock_ok=ok, hits=hits))

    def of_page(self, asked: Request, score: Score, hits: tuple[Hit, ...] = ()) -> tuple[Request, Verdict]:
        """The verdict on the page that *asked* was about, whose words have *score* and the themes *hits*."""
        page = msgspec.structs.replace(
            asked,
            kind=Kind.PAGE,
            at=time.time_ns(),
            score=score.score,
            topic=score.category,
            clock_ok=self.clock_ok,
            hits=hits,
        )
        return self._judged(page)

    def stays(self, asked: Request, verdict: Verdict, policy: Policy, score: Score, hits: tuple[Hit, ...]) -> bool:
        """Whether `of_page` would say what *policy* said of *asked*: nothing was found, and nothing else is new.

        Most pages are such, and a decision is 40 us of a small one's 800.
        """
        profile = policy.rulebook.profiles.get(asked.client.profile)
        if profile is None or score.score >= profile.scan_limit or hits or asked.hits or verdict.reason not in _SCANNED:
            return False
        in_time = verdict.until is None or time.time_ns() < verdict.until
        return in_time and policy is self.policy and asked.clock_ok is self.clock_ok

    def _judged(self, request: Request) -> tuple[Request, Verdict]:
        verdict = decide(self.policy, request)
        if verdict.reason is Reason.FAILURE:
            self._counters.failures += 1
            self._complaint.say(verdict, self._counters.failures)
        if self._helplines is not None and is_helpline(verdict):
            self._helplines.met(request.client, request.at)
        return request, verdict

    def opens(self, client: Client) -> bool:
        """Whether connections of *client* may be opened, because its devices carry the school's certificate."""
        profile = self.policy.rulebook.profiles.get(client.profile)
        return profile is not None and profile.certificate

    def watches(self, client: Client) -> bool:
        """Whether any theme is watched in what *client* sees and types."""
        profile = self.policy.rulebook.profiles.get(client.profile)
        return profile is not None and profile.watch is not Watch.NONE

    def is_told_at_once(self, client: Client, verdict: Verdict) -> bool:
        """Whether a refused CONNECT is answered with the page itself, as none can be shown inside."""
        return verdict.blocked and not (self.opens(client) and (verdict.inspect or not verdict.quiet))

    def lets_pass_unseen(self, client: Client) -> bool:
        """Whether the profile of *client* permits what nobody here can look into."""
        profile = self.policy.rulebook.profiles.get(client.profile)
        return profile is not None and profile.unseen is Unseen.OPEN

    def strict_form(self, client: Client, host: str) -> str:
        """The name whose addresses *client* gets in place of *host*'s own, or ""; nobody's profile has one."""
        profile = self.policy.rulebook.profiles.get(client.profile)
        return (profile and safe_search.target(safe_search.shipped(), host, profile)) or ""

    async def record(self, request: Request, verdict: Verdict, evidence: str = "", *, background: bool = False) -> None:
        """Put a refusal on record, of what a program asked for by itself if *background*; returns when it is safe."""
        if self.note(request, verdict, evidence, background=background) >= Severity.URGENT:
            await self.recorder.durable()

    def note(self, request: Request, verdict: Verdict, evidence: str = "", *, background: bool = False) -> Severity:
        """Write a refusal that nobody waits for an answer to; how grave it is."""
        version = self.live.version
        breach = breach_of(request, verdict, source="proxy", policy=version, evidence=evidence, background=background)
        if breach is None:
            return Severity.NONE
        self.recorder.first(_run_of(request, verdict) + b"background" * background, breach)
        return breach.severity

    async def record_concern(self, request: Request, verdict: Verdict, *, background: bool = False) -> None:
        """Put a permitted search, prompt or page with a theme on record; returns when it is safe to answer.

        *background*: a program asked for the page by itself.
        """
        breach = concern_of(request, verdict, source="proxy", policy=self.live.version, background=background)
        if breach is None:
            return
        run = _digest(request.client.address, request.host, verdict.theme, request.terms)
        self.recorder.first(run + b"background" * background, breach)
        if breach.severity >= Severity.URGENT:
            await self.recorder.durable()


def _run_of(request: Request, verdict: Verdict) -> bytes:
    """What makes two refusals one run: client, host, path and reason; for a sealed one the entry in their place.

    For what is carried the rule counts too: a form sends files of many kinds to one address.

    A digest, because a run is remembered and a path may be long.
    """
    sealed = verdict.reason is Reason.SEALED
    rule = verdict.rule if verdict.reason in CARRIED else ""
    what = (verdict.rule, "") if sealed else (request.host, request.path or "", rule)
    return _digest(request.client.address, *what, str(verdict.reason))


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def gravest(judged: Iterable[tuple[Request, Verdict]]) -> tuple[Request, Verdict] | None:
    """The refusal that weighs most, or None if all are permitted."""
    refused = [one for one in judged if one[1].blocked]
    return max(refused, key=lambda one: one[1].severity, default=None)


def is_never_opened(verdict: Verdict) -> bool:
    """Whether what *verdict* is about is opened for nobody, not for a page either: helplines, banks, health (G8, G13).

    A rule of the school's own that names a page of the host, or a sealed list that does, still opens it.
    """
    return not verdict.inspect and (verdict.reason is Reason.ALWAYS_OPEN or verdict.category in NEVER_OPENED)


class Plan(enum.Enum):
    """What becomes of a TLS connection: relayed, opened, opened to show a page, or closed."""

    SPLICE = "splice"
    OPEN = "open"
    SHOW = "show"
    CLOSE = "close"


def plan_of(verdicts: Iterable[Verdict], *, agree: bool, named: bool, opens: bool) -> Plan:
    """The plan for a connection by the *verdicts* on each name that it gives.

    *agree*: the names are one. *named*: the handshake itself gave one, and it is no address. *opens*: the client's
    devices carry the certificate. Names that differ are never relayed: the tunnel would lead to one and be judged by
    the other. Nor is a handshake without a name: what the server makes of it nobody here has judged.
    """
    given = tuple(verdicts)
    if any(v.blocked for v in given) or not agree:
        return Plan.SHOW if opens else Plan.CLOSE
    if named and not any(v.inspect for v in given):
        return Plan.SPLICE
    return Plan.OPEN if opens else Plan.CLOSE
