"""A breach: one refused request, one thing found afterwards, or one concern; and the records that carry it.

This file knows the shape of a breach and nothing of files or databases. *v* is each record's first field, so that it
is the first that a reader meets; *type* says which record it is. Kinds are never added together (G1).
"""

import enum
from typing import Annotated, Any, Literal

import msgspec

from blocklists.rulebook import Severity
from blocklists.verdict import Reason, Request, Verdict

type Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What a column of a database holds."""

VERSION = 1
"""The newest form of the records below; readers keep keys that they do not know."""


LONGEST_EVIDENCE = 1_000
"""Characters of what a page was closed for: a dozen phrases, of which a list's longest have 1,000 by themselves."""


class BreachKind(enum.StrEnum):
    """What happened: refused, reported or found afterwards, or permitted with a theme."""

    STOPPED = "stopped"
    GOT_THROUGH = "got_through"
    CONCERN = "concern"


class Breach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One breach as the journal carries it; every field after the first four has a default, so old readers go on.

    *at_ns* is UTC nanoseconds. A sealed hit has no host and no path: *rule* is the entry's keyed hash (G6). *path* is
    without query and fragment: what a child typed is not in it (G5). *flood*: it stands for more of its category than
    have a row each, *host* is the first, and its repeats are others (G26). *terms*: the words of a search that is a
    concern, for the DSL alone (G5). *evidence*: the phrases of our lists, with their weights, for which a page was
    closed, LONGEST_EVIDENCE characters of them. *background*: a program asked by itself, an advert on a page say, and
    nobody did.
    """

    v: Whole
    kind: BreachKind
    at_ns: Whole
    source: str
    type: Literal["breach"] = "breach"
    address: str = ""
    client: Whole = 0
    device: Whole = 0
    person: Whole = 0
    profile: str = ""
    host: str = ""
    path: str = ""
    reason: str = ""
    category: str = ""
    theme: str = ""
    severity: Severity = Severity.NONE
    list: str = ""
    rule: str = ""
    policy: Whole = 0
    flood: bool = False
    terms: str = ""
    evidence: str = ""
    background: bool = False


class Repeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More requests like the breach at offset *of* of the same journal: *count* of them, between two UTC times.

    *hosts* are names among them that the journal has not told of this breach yet: a sample, never all.
    """

    v: Whole
    of: Whole
    count: Whole
    first_ns: Whole
    last_ns: Whole
    type: Literal["repeat"] = "repeat"
    hosts: tuple[str, ...] = ()


class Visit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sites that a client was let through to in one minute, by registrable name, and how often.

    *minute_ns* is the UTC nanosecond that the minute began at. Counts of names asked for, not of pages looked at.
    """

    v: Whole
    minute_ns: Whole
    source: str
    sites: dict[str, Whole]
    type: Literal["visit"] = "visit"
    address: str = ""
    client: Whole = 0
    device: Whole = 0
    person: Whole = 0
    profile: str = ""


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Once a minute: how many records the journal has, and the MAC that its chain had reached (G25)."""

    v: Whole
    at_ns: Whole
    count: Whole
    head: bytes
    type: Literal["heartbeat"] = "heartbeat"


class Clean(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of *site*, which nothing was known of, was scanned and is clean; *page* tells it from the site's others.

    It says of nobody that they looked at it.
    """

    v: Whole
    at_ns: Whole
    source: str
    site: str
    page: bytes
    type: Literal["clean"] = "clean"


type Record = Breach | Repeat | Visit | Heartbeat | Clean


def breach_of(
    request: Request, verdict: Verdict, *, source: str, policy: int, evidence: str = "", background: bool = False
) -> Breach | None:
    """The breach that *verdict* on *request* is, or None if it is none.

    A permitted request is none, a quiet one (code Q) is only counted.
    """
    if not verdict.blocked or verdict.quiet:
        return None
    sealed = verdict.reason is Reason.SEALED
    return record_of(
        BreachKind.STOPPED,
        request,
        verdict,
        source=source,
        policy=policy,
        host="" if sealed else request.host,
        path="" if sealed else (request.path or ""),
        category=verdict.category,
        list=verdict.list,
        rule=verdict.rule,
        evidence=evidence[:LONGEST_EVIDENCE],
        background=background,
    )


def record_of(kind: BreachKind, request: Request, verdict: Verdict, **more: Any) -> Breach:
    """A breach of *kind* with whose *request* it is and what *verdict* says of it; *more* are its other fields."""
    client = request.client
    return Breach(
        v=VERSION,
        kind=kind,
        at_ns=request.at,
        address=client.address,
        client=client.number,
        device=client.device,
        person=client.person,
        profile=client.profile,
        reason=str(verdict.reason),
        theme=verdict.theme,
        severity=verdict.severity,
        **more,
    )
