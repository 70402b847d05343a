"""`schoolgate explain`: the decision order walked for one question, with the rule that answered.

Sealed lists take no part: a sealed URL is explained as an unlisted one would be (G23).
"""

import datetime
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from blocklists import domain, policy, url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Policy, Reason, Request, Verdict
from blocklists.profile import CODE_WORDS, Code
from blocklists.rulebook import Permits, Role, Rulebook
from deploy import dns_words
from deploy.toml_file import RefusedError
from dns_filter.settings import DnsSettings
from proxy_addons.addresses import Reach
from proxy_addons.settings import ProxySettings

NS = 1_000_000_000
FURTHEST = 14 * 24 * 3600 * NS
"""How far ahead an end of the answer is looked for: the longest of the short holidays."""
MOST_QUESTIONS = 500
"""How often it is asked again at most: 14 days of a calendar with 30 changes a day."""


class Explanation(msgspec.Struct, frozen=True):
    """What would happen, and the steps that lead to it: (step, what it says, whether it answered).

    *until*: when action or reason will be another, in local time; None if that is not near. *refusals*: why the proxy
    serves it to nobody, whatever is decided. *dns*: what DNS answers in place of the decision, "" if it goes by it. The
    verdict also names the list that makes an open site a known one.
    """

    question: str
    profile: str
    at: datetime.datetime
    verdict: Verdict
    until: datetime.datetime | None
    steps: tuple[tuple[str, str, bool], ...]
    refusals: tuple[str, ...] = ()
    dns: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_name(self) -> bool:
        """Whether the question is what DNS is asked, a name, and not a page."""
        return "/" not in self.question

    @property
    def code_words(self) -> str:
        """What the category's code means."""
        return CODE_WORDS[Code(self.verdict.code)] if self.verdict.code else ""

    def as_json(self) -> Any:
        """Plain values, for scripts: times are ISO 8601 with the school's offset, a severity is a name."""
        built = msgspec.to_builtins(self)
        built["at"] = self.at.isoformat()
        built["until"] = self.until.isoformat() if self.until else None
        built["verdict"]["severity"] = self.verdict.severity.name
        built["verdict"]["code_words"] = self.code_words
        del built["verdict"]["until"]
        return built


def explain(
    live: Live,
    text: str,
    *,
    profile: str | None,
    address: str | None,
    at: str | None,
    proxy: ProxySettings,
    dns: DnsSettings,
) -> Explanation:
    """Explain what *profile*, or the client at *address*, would meet; RefusedError if the question makes no sense.

    *proxy* says what the proxy reaches, *dns* which names DNS answers or forwards by itself.
    """
    if live.policy is None:
        says = "no policy and index that can be read are in force"
        raise RefusedError([f"{says}; run: schoolgate policy apply, schoolgate lists compile"])
    shown = Policy(live.policy.rulebook, live.policy.index, _permits(live.policy))
    client = _client(live, shown.rulebook, profile, address)
    request = _request(text, client, _moment(at, shown))
    answered = list(policy.walk(shown, request))
    verdict = answered[-1][2]
    assert verdict is not None
    refusals = tuple(_refusals(request, proxy))
    instead = dns_words.instead(request.host, verdict, dns)
    whose = shown.rulebook.profiles[client.profile]
    notes = _notes(verdict, dns_words.beside(request.host, verdict, whose, dns), whose.search_engine)
    ends = _end(shown, request, verdict)
    return Explanation(
        question=text,
        profile=client.profile,
        at=_local(request.at, shown),
        verdict=_with_list(shown, request, verdict),
        until=_local(ends, shown) if ends else None,
        steps=tuple((name, words, found is not None) for name, words, found in answered),
        refusals=refusals,
        dns=instead,
        notes=() if refusals or (instead and not request.url) else tuple(notes),
    )


def _local(at: int, shown: Policy) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at // NS, shown.zone)


def _end(shown: Policy, request: Request, verdict: Verdict) -> int | None:
    """When action or reason will be another (UTC nanoseconds), or None if that is not near.

    A verdict's own `until` is only the next moment to ask again.
    """
    asked = verdict
    for _ in range(MOST_QUESTIONS):
        if asked.until is None or asked.until > request.at + FURTHEST:
            return None
        at = asked.until
        asked = policy.decide(shown, msgspec.structs.replace(request, at=at))
        if (asked.action, asked.reason) != (verdict.action, verdict.reason):
            return at
    return None


_KNOWN = frozenset({Role.POSITIVE, Role.EDUCATION, Role.APPROVED})
"""The roles of the lists that make a site known, and so open where nothing closes it."""


def _with_list(shown: Policy, request: Request, verdict: Verdict) -> Verdict:
    """*verdict*, with the list and rule that make a site known where it is open for that."""
    if verdict.reason is not Reason.OPEN:
        return verdict
    uses = shown.rulebook.lists
    for listing in shown.index.listed(request.host):
        for name in listing.lists:
            if name in uses and uses[name].role in _KNOWN:
                return msgspec.structs.replace(verdict, list=name, rule=listing.rule)
    return verdict


def _refusals(request: Request, proxy: ProxySettings) -> Iterator[str]:
    """Why the proxy serves it to nobody, whatever is decided."""
    scheme = request.url.scheme if request.url else ""
    if scheme and scheme not in _PORTS:
        yield f"only http and https pass it, not {scheme}"
    port = int((request.url and request.url.port) or _PORTS.get(scheme, 0))
    if port and port not in proxy.ports:
        yield f"it reaches no port {port} (proxy.ports in schoolgate.toml)"
    host = domain.as_address(request.host)
    if request.host == "localhost" or (host and not Reach(proxy.reachable_private).permits(host)):
        yield "private addresses and this machine's own are out of its reach (proxy.reachable_private)"


_PORTS = {"http": 80, "https": 443}
"""The schemes that pass the proxy, and the port of each where the address names none."""


def _notes(verdict: Verdict, by_dns: Iterable[str], engine: str) -> Iterator[str]:
    """What stands beside the decision: what DNS does with the name, the school's own *engine*, what is not judged."""
    yield from by_dns
    if verdict.reason is Reason.SEARCH and verdict.quiet:
        yield f"whoever searches there through the proxy is sent to {engine} with the words; that is no breach"
    if verdict.inspect and not verdict.blocked:
        yield "the connection is opened and each address on it is judged; what a page says is not read yet"


def _permits(in_force: Policy) -> Permits:
    return Permits(tuple(permit for permit, _ in in_force.permits))


def _client(live: Live, book: Rulebook, profile: str | None, address: str | None) -> Client:
    if address is not None:
        if domain.as_address(address) is None:
            raise RefusedError([f"--client: {address!r} is not an address"])
        client = live.clients.of(address) if live.clients else None
        if client is None:
            says = f"{address} is in none of the networks in force, so it gets no answer at all"
            raise RefusedError([f"{says}; schoolgate policy apply puts the networks of schoolgate.toml in force"])
        return client
    if profile not in book.profiles:
        raise RefusedError([f"there is no profile {profile!r}; the profiles are {', '.join(book.profiles)}"])
    return Client(address="", profile=str(profile), source="explain")


def _request(text: str, client: Client, at: int) -> Request:
    if "/" in text:
        parsed = url.canonical(text)
        if parsed is None:
            raise RefusedError([f"{text!r} is not a web address"])
        return Request(kind=Kind.URL, client=client, host=parsed.host, at=at, url=parsed)
    host = domain.canonical(text)
    if host is None:
        raise RefusedError([f"{text!r} is not a name"])
    return Request(kind=Kind.DNS, client=client, host=host, at=at)


def _moment(at: str | None, shown: Policy) -> int:
    if at is None:
        return time.time_ns()
    try:
        moment = datetime.datetime.fromisoformat(at)
    except ValueError:
        raise RefusedError([f"--at: {at!r} is not a time; write for example 2027-01-11T10:00"]) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=shown.zone)
    return int(moment.timestamp()) * NS


_WHY = {
    Reason.ALWAYS_OPEN: "it is always open",
    Reason.EMERGENCY: "it is closed for everybody at the moment",
    Reason.PASS: "a pass is in force",
    Reason.PROFILE_RULE: "the profile has an entry for it",
    Reason.SEARCH: "the profile's rule for search engines says so",
    Reason.NOT_APPROVED: "it is on no approved list",
    Reason.APPROVED: "it is on an approved list",
    Reason.EDUCATION: "it is on the education list",
    Reason.CATEGORY: "of its category",
    Reason.UNKNOWN: "nothing is known about it",
    Reason.OPEN: "a list names it and nothing closes it",
    Reason.PART: "it is a part of a permitted page",
    Reason.THUMBNAIL: "small pictures of a search are hidden",
    Reason.DOWNLOAD: "of the kind of file",
    Reason.UPLOAD: "of what is sent",
    Reason.INFECTED: "something harmful is in the file",
    Reason.MESSAGE: "of what a message says",
    Reason.SEALED: "of a sealed list",
    Reason.FAILURE: "deciding failed",
}


def in_words(found: Explanation) -> list[str]:
    """The lines that `explain` prints."""
    lines = [_headline(found), *(f"  {line}" for line in _particulars(found)), ""]
    lines.append("  sealed lists take no part in this answer")
    lines += [f"  {'=>' if answered else '  '} {name:16}{words}" for name, words, answered in found.steps]
    return lines


def _headline(found: Explanation) -> str:
    """What somebody would meet: first what DNS or the proxy says whatever is decided, then what is decided."""
    asked = f"{found.question} for {found.profile} at {found.at.isoformat()}"
    decided = f"{found.verdict.action.upper()}, because {_WHY[found.verdict.reason]}."
    if found.dns and found.is_name:
        return f"{asked}: {found.dns}; the decision by itself: {decided}"
    if found.refusals:
        return f"The proxy refuses {asked}: {'; '.join(found.refusals)}; the decision by itself: {decided}"
    return f"{asked}: {decided}"


def _particulars(found: Explanation) -> Iterator[str]:
    """The lines below the headline."""
    verdict = found.verdict
    if found.dns and found.is_name and found.refusals:
        yield f"the proxy refuses it: {'; '.join(found.refusals)}"
    facts = [("category", verdict.category), ("list", verdict.list), ("rule", verdict.rule)]
    if shown := ", ".join(f"{name} {value}" for name, value in facts if value):
        yield shown
    if verdict.code:
        decides = (
            "" if verdict.reason is Reason.CATEGORY or verdict.code == Code.APPROVED else " (not what decides here)"
        )
        yield f"code {verdict.code}{decides}: {found.code_words}"
    if found.dns and not found.is_name:
        yield found.dns
    yield from found.notes
    if found.until:
        yield f"until {found.until:%H:%M on %A} {found.until.day} {found.until:%B %Y}"
