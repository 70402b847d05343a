"""Curriculum and help sites that must stay open, as `data/corpus.csv` says them: what new lists are tried on.

A new index that would close one of them for an age band that needs it is shown and not put in force (POLICY.md,
"Education first"); what was closed before is the school's own choice and stays.
"""

from collections.abc import Iterable, Iterator

import msgspec

from blocklists import defaults
from blocklists.clients import Client
from blocklists.policy import Policy, decide
from blocklists.verdict import Kind, Request, Verdict


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
        verdict = _asked(new, name, profile)
        if verdict.blocked and not _asked(old, name, profile).blocked:
            yield Closed(name, profile, verdict)


def _asked(policy: Policy, name: str, profile: str) -> Verdict:
    return decide(policy, Request(Kind.DNS, Client("", profile), name, at=0, clock_ok=False))
