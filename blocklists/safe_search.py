"""Search engines and video sites that publish a strict form of themselves, under a name to answer with (a CNAME).

Which name stands for which is in `data/safe_search.csv`. Hosts are exact: a name under one of them (mail.google.com) is
no search. What an engine does by cookie or by a parameter of its URLs is not here: that is for whoever sees URLs.
This file decides nothing but the target: whether a site is open at all is `blocklists.policy`'s.
"""

import functools
from collections.abc import Iterable, Mapping

from blocklists import defaults, domain
from blocklists.profile import Profile, Youtube

type Targets = Mapping[str, Mapping[str, str]]
"""By host, and then by strength ("" where an engine knows only one), the name to answer with."""

type Hosts = Mapping[str, tuple[str, ...]]
"""The hosts of each engine."""

_ALWAYS = ""


def read(rows: Iterable[Mapping[str, str]]) -> Targets:
    """The targets that *rows* say; ValueError for a row that names no hosts, an odd strength, or a host twice."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        host, target, strength = row["host"], row["target"], row["strength"]
        names_hosts = host != target and all("." in name and domain.canonical(name) == name for name in (host, target))
        known = found.setdefault(host, {})
        if not names_hosts or strength not in _STRENGTHS or strength in known:
            raise ValueError(f"safe_search.csv: {row}")
        known[strength] = target
    return found


_STRENGTHS = frozenset({_ALWAYS, Youtube.STRICT.value, Youtube.MODERATE.value})


@functools.cache
def shipped() -> Targets:
    """The targets that we ship."""
    return read(defaults.table("safe_search"))


@functools.cache
def hosts() -> Hosts:
    """The hosts of each engine that we ship, by its name in the table."""
    found: dict[str, dict[str, None]] = {}
    for row in defaults.table("safe_search"):
        found.setdefault(row["engine"], {})[row["host"]] = None
    return {engine: tuple(names) for engine, names in found.items()}


def target(targets: Targets, host: str, profile: Profile) -> str | None:
    """The name whose addresses *profile* gets for the canonical *host*, or None for its own."""
    known = targets.get(host)
    if known is None:
        return None
    if _ALWAYS in known:
        return known[_ALWAYS] if profile.safe_search else None
    return known.get(profile.youtube)
