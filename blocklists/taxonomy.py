"""What the categories of other authors' lists are called here, as `data/taxonomy.csv` says it.

A category of a source maps to one list of `data/lists.csv`, or is not imported, with the reason. What stands for sexual
orientation, gender identity, faith, ethnicity or health, learning about sex included, maps to `information`, which
cannot be closed as a class and cannot alert (G9). No imported category maps to a list that outranks others: what an
author elsewhere calls harmless is at most known here, never exempt.
"""

import functools
from collections.abc import Collection, Iterable, Mapping

import msgspec

from blocklists import defaults


class Mapped(msgspec.Struct, frozen=True):
    """Where a category goes: to *list*, or nowhere if that is None, and then *note* says why."""

    list: str | None
    note: str


def list_for(source: str, name: str) -> str | None:
    """The list that the category *name* of *source* belongs to; None if it is not imported (`reason` says why)."""
    found = _table().get((source, name))
    return found.list if found else None


def reason(source: str, name: str) -> str:
    """Why the category *name* of *source* maps as it does, in words for a technician; "" where its name says it."""
    found = _table().get((source, name))
    return found.note if found else f"no category of {source or 'that source'} is known as {name!r}"


def sources() -> list[str]:
    """The authors whose categories are known, in the order of the table."""
    return list(dict.fromkeys(source for source, _ in _table()))


def names(source: str) -> list[str]:
    """The categories of *source* that are known."""
    return [name for known, name in _table() if known == source]


def read(rows: Iterable[Mapping[str, str]], lists: Collection[str]) -> dict[tuple[str, str], Mapped]:
    """*rows* by source and name, each to one of *lists* or, with a reason, to none; ValueError for any other row."""
    table: dict[tuple[str, str], Mapped] = {}
    for row in rows:
        key, listed, note = (row["source"], row["name"]), row["list"], row["note"]
        if key in table or not all(key) or not (listed in lists if listed else note):
            raise ValueError(f"taxonomy.csv: {row}")
        table[key] = Mapped(listed or None, note)
    return table


@functools.cache
def _table() -> dict[tuple[str, str], Mapped]:
    return read(defaults.table("taxonomy"), [row["list"] for row in defaults.table("lists")])
