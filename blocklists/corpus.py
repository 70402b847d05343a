"""Curriculum and help sites that must stay open, as `data/corpus.csv` says them: what new lists are tried on.

A new index that would close one of them for an age band that needs it is shown and not put in force (POLICY.md,
"Education first"); what was closed before is the school's own choice and stays.
"""

from collections.abc import Iterable, Iterator

import msgspec

from blocklists import defaults, url
from blocklists.clients import Client
from blocklists.policy import Policy, decide
from blocklists.verdict import Kind, Request, Verdict

PATHS = ("", "/", "/lessons/the-romans.html?page=2")
"""What is asked for of each site: its name, its front page, and a page as they have many."""


class Row(msgspec.Struct, frozen=True):
    """A site (*name*) and the profiles that must be able to open all of it."""

    name: str
    bands: tuple[str, ...]


def rows() -> tuple[Row, ...]:
    """The shipped corpus."""
    return tuple(Row(row["name"], tuple(row["bands"].split())) for row in defaults.table("corpus"))


class Closed(msgspec.Struct, frozen=True):
    """A site of the corpus that *profile* would find closed, and why."""

    name: str
    profile: str
    verdict: Verdict


def newly_closed(new: Policy, old: Policy, corpus: Iterable[Row]) -> Iterator[Closed]:
    """What of *corpus* is closed by *new* and open by *old*, in lessons (a clock in doubt has the strictest hours)."""
    asked = ((row.name, profile) for row in corpus for profile in row.bands if profile in new.rulebook.profiles)
    for name, profile in asked:
        for path in PATHS:
            verdict = _asked(new, name, profile, path)
            if verdict.blocked and not _asked(old, name, profile, path).blocked:
                yield Closed(name, profile, verdict)
                break


def _asked(policy: Policy, name: str, profile: str, path: str) -> Verdict:
    parsed = url.canonical(f"https://{name}{path}") if path else None
    kind = Kind.URL if parsed else Kind.DNS
    return decide(policy, Request(kind, Client("", profile), name, at=0, url=parsed, clock_ok=False))
