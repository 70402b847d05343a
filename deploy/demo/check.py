"""What is wrong with what the demo saw: one sentence for each thing.

This file asks nothing and opens nothing: it is given what the clients met, what the staff pages showed, the mail, and
what the web sites were asked for. Closed rows and breaches are matched one to one by who asked, by what way, and for
what.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import msgspec

from deploy.demo import plan
from deploy.demo.clients import Outcome
from deploy.demo.plan import Question

SOURCES = {"dns": "dns", "web": "proxy"}
"""Which process records what is refused by a way of asking; at the closed address none does, as DNS did."""

ALERTS = frozenset({"ILLEGAL", "URGENT"})
"""The alerts that the demo's rows must raise, one of each."""

type _What = tuple[str, str, str, str]
"""Address, source, host and path; the last two are empty where a sealed entry hides them."""


class Seen(msgspec.Struct, frozen=True):
    """All that the demo saw: *asked* is the web sites' own log, "METHOD host path" a line."""

    outcomes: list[Outcome]
    breaches: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    mail: list[EmailMessage]
    asked: list[str]


def problems(seen: Seen) -> Iterator[str]:
    """One sentence for each thing that is not as it should be."""
    yield from _unexpected(seen.outcomes)
    yield from _unrecorded(seen.outcomes, seen.breaches)
    yield from _alerts_and_mail(seen.alerts, seen.mail)
    if any("always-open" in str(row) for row in seen.breaches):
        yield "breaches: a helpline visit was recorded"
    for name in ("gambling.test", "self-harm.test", plan.SEALED_PAGE.replace("/", " /", 1)):
        if any(name in asked for asked in seen.asked):
            yield f"web sites: a closed page was asked for at the site: {name}"


def _unexpected(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if not outcome.as_expected:
            row = outcome.question
            found, wanted = ("open", "closed") if outcome.is_open else ("closed", "open")
            yield f"{row.profile} {row.way} {row.target}: {found}, but the policy says {wanted} ({row.why})"


def _alerts_and_mail(alerts: list[dict[str, Any]], mail: list[EmailMessage]) -> Iterator[str]:
    if (found := {alert["severity"] for alert in alerts}) != ALERTS:
        yield f"alerts: expected one ILLEGAL and one URGENT, the database has {sorted(found) or 'none'}"
    if len(mail) != len(ALERTS):
        yield f"mail: expected {len(ALERTS)} messages to the DSL, {len(mail)} arrived"
    text = "".join(str(message) for message in mail)
    for word in ("self-harm", "pictures.test", *plan.CLIENTS.values()):
        if word in text and word != "127.0.0.1":  # the mail server's own address is in every message
            yield f"mail: a message names {word!r}, which it must not"


def _unrecorded(outcomes: Iterable[Outcome], breaches: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Closed rows that the database has no breach for, and breaches without a row."""
    closed = [one.question for one in outcomes if not one.is_open and one.question.way in SOURCES]
    wanted = Counter(_asked(question) for question in closed)
    found = Counter(_recorded(breach) for breach in breaches)
    missing = wanted - found
    for question in closed:
        if missing[_asked(question)] > 0:
            missing[_asked(question)] -= 1
            yield f"breaches: the database has none for {question.profile} {question.way} {question.target}"
    for (address, source, host, path), count in (found - wanted).items():
        yield f"breaches: no row explains {count} of {address} {source} {host or 'a sealed entry'}{path}"


def _asked(question: Question) -> _What:
    source = SOURCES[question.way]
    if question.way == "dns":
        return question.source, source, question.target, ""
    parts = urlsplit(question.target)
    if f"{parts.hostname}{parts.path}" == plan.SEALED_PAGE:
        return question.source, source, "", ""
    return question.source, source, parts.hostname or "", parts.path


def _recorded(breach: Mapping[str, Any]) -> _What:
    return breach["address"], breach["source"], breach["host"] or "", breach["path"] or ""
