"""`schoolgate explain`: the decision order walked for one question, with the rule that answered.

Sealed lists take no part: a sealed URL is explained as an unlisted one would be (G23).
"""

import datetime
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from blocklists import domain, policy, url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Policy, Request, Verdict
from blocklists.rulebook import Permits, Rulebook
from deploy.toml_file import RefusedError


class Explanation(msgspec.Struct, frozen=True):
    """What would happen, and the steps that lead to it: (step, what it says, whether it answered)."""

    question: str
    profile: str
    at: str
    verdict: Verdict
    steps: tuple[tuple[str, str, bool], ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> Any:
        """Plain values, for scripts."""
        built = msgspec.to_builtins(self)
        built["verdict"]["until"] = self.verdict.until
        return built


def explain(
    live: Live, text: str, *, profile: str | None, address: str | None, at: str | None, ports: tuple[int, ...] = ()
) -> Explanation:
    """Explain what *profile*, or the client at *address*, would meet; RefusedError if the question makes no sense.

    *ports* are those that the proxy reaches.
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
    return Explanation(
        question=text,
        profile=client.profile,
        at=datetime.datetime.fromtimestamp(request.at // 10**9, shown.zone).isoformat(),
        verdict=verdict,
        steps=tuple((name, words, found is not None) for name, words, found in answered),
        notes=tuple(_notes(request, verdict, ports)),
    )


def _notes(request: Request, verdict: Verdict, ports: tuple[int, ...]) -> Iterator[str]:
    """What stands beside the decision: the proxy's own rules, and what is not judged yet."""
    if request.url and request.url.scheme not in {"http", "https"}:
        yield f"only http and https pass the proxy, not {request.url.scheme}"
    port = int(request.url.port) if request.url and request.url.port else 0
    if port and port not in ports:
        yield f"the proxy reaches no port {port} (proxy.ports in schoolgate.toml)"
    if domain.as_address(request.host) or request.host == "localhost":
        yield "the proxy refuses private addresses and this machine's own whatever is decided (proxy.reachable_private)"
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
    return int(moment.timestamp()) * 10**9


_WHY = {
    policy.Reason.ALWAYS_OPEN: "it is always open",
    policy.Reason.EMERGENCY: "it is closed for everybody at the moment",
    policy.Reason.PASS: "a pass is in force",
    policy.Reason.PROFILE_RULE: "the profile has an entry for it",
    policy.Reason.NOT_APPROVED: "it is on no approved list",
    policy.Reason.APPROVED: "it is on an approved list",
    policy.Reason.EDUCATION: "it is on the education list",
    policy.Reason.CATEGORY: "of its category",
    policy.Reason.UNKNOWN: "nothing is known about it",
    policy.Reason.OPEN: "nothing closes it",
    policy.Reason.SEALED: "of a sealed list",
    policy.Reason.FAILURE: "deciding failed",
}


def in_words(found: Explanation) -> list[str]:
    """The lines that `explain` prints."""
    verdict = found.verdict
    facts = [("category", verdict.category), ("code", verdict.code), ("list", verdict.list), ("rule", verdict.rule)]
    shown = ", ".join(f"{name} {value}" for name, value in facts if value)
    lines = [
        f"{found.question} for {found.profile} at {found.at}: {verdict.action.upper()}, because {_WHY[verdict.reason]}."
    ]
    lines += [f"  {shown}"] if shown else []
    lines += [f"  {note}" for note in found.notes]
    if verdict.until:
        lines.append(
            f"  until {datetime.datetime.fromtimestamp(verdict.until // 10**9, datetime.UTC):%Y-%m-%d %H:%M} UTC"
        )
    lines.append("")
    lines.append("  sealed lists take no part in this answer")
    lines += [f"  {'=>' if answered else '  '} {name:16}{words}" for name, words, answered in found.steps]
    return lines
