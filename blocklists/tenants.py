"""Headers by which a service lets in the school's own accounts and no others, as `data/tenants.csv` says them.

A service reads from a request which tenants it may serve: Google, Microsoft, Slack and others publish such a header,
and YouTube one for its restricted modes. What a school's tenants are called is in its policy (`tenants`). This file
writes no request; it says what a request to a host must and must not carry.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from blocklists import defaults, domain
from blocklists.profile import Profile, Youtube

YOUTUBE = "youtube"
"""The service whose value is the profile's, not the school's."""


class Row(msgspec.Struct, frozen=True):
    """One row: on *hosts* and all under them goes *header* with *value*, if the policy says what *needs* names."""

    service: str
    needs: str
    hosts: tuple[str, ...]
    header: str
    value: str
    opened: bool


class Held(msgspec.Struct, frozen=True):
    """What holds on one host: *unsent* are headers (lower case) that no client may send, *sent* what we send."""

    unsent: frozenset[str] = frozenset()
    sent: tuple[tuple[str, str], ...] = ()


_NOTHING = Held()


class Restrictions:
    """The headers for one profile of one school."""

    def __init__(self, rows: Iterable[Row], values: Mapping[str, str], profile: Profile) -> None:
        """*values* by service, as the policy says them."""
        given = dict(values) if profile.tenants else {}
        given.pop(YOUTUBE, None)
        if profile.youtube is not Youtube.OFF:
            given[YOUTUBE] = profile.youtube.title()
        self._rows: dict[str, list[Row]] = {}
        for row in rows:
            for host in row.hosts:
                self._rows.setdefault(host, []).append(row)
        self._given = given
        self.opened = frozenset(
            h for h, found in self._rows.items() if any(r.opened and r.needs in given for r in found)
        )
        self.on = functools.lru_cache(4096)(self._on)

    def _on(self, host: str) -> Held:
        """What holds for requests to the canonical *host*."""
        rows = [row for name in domain.suffixes(host) for row in self._rows.get(name, ())]
        if not rows:
            return _NOTHING
        sent = {row.header: row.value.replace("{}", self._given[row.needs]) for row in rows if row.needs in self._given}
        return Held(frozenset(row.header.lower() for row in rows), tuple(sent.items()))


def services(rows: Iterable[Row]) -> list[str]:
    """What a school may give values for, in the order of the table."""
    return list(dict.fromkeys(row.needs for row in rows if row.needs != YOUTUBE))


def problems(values: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    """What a technician should mend in the policy's table `tenants`, one sentence each."""
    for service, value in values.items():
        if service not in known:
            yield f"tenants.{service}: there is no such service; the services are {', '.join(known)}"
        elif not value or not value.isascii() or not value.isprintable() or value != value.strip():
            yield f"tenants.{service}: {value!r} cannot stand in a header; write for example oaklane.sch.uk"


def read(rows: Iterable[Mapping[str, str]]) -> tuple[Row, ...]:
    """The rows of the table; ValueError for one that names no host or header, or does not say whether it is opened."""
    made = []
    for row in rows:
        hosts = tuple(row["hosts"].split())
        named = hosts and all("." in host and domain.canonical(host) == host for host in hosts)
        if (
            not (named and row["service"] and row["needs"] and row["header"] and row["value"])
            or row["opened"] not in _YES
        ):
            raise ValueError(f"tenants.csv: {row}")
        made.append(Row(row["service"], row["needs"], hosts, row["header"], row["value"], _YES[row["opened"]]))
    return tuple(made)


_YES = {"yes": True, "no": False}


@functools.cache
def shipped() -> tuple[Row, ...]:
    """The rows that we ship."""
    return read(defaults.table("tenants"))
