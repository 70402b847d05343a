"""Plain mistakes of public lists, each taken off one category of imported lists, as `data/exceptions.csv` says them.

An exception says that a site is not of a category, never that it is open: a school's own lists, its rules and every
other category still hold for it. It is of the name itself; a name under it that a list gives of its own stays, as a
host of many people's pages may be listed by mistake and one of its pages with reason.
"""

from collections.abc import Collection, Iterable, Mapping

from blocklists import defaults, domain

FEWEST_WORDS = 3
"""Words of a reason: fewer say no more than that somebody wanted it."""


def by_category() -> dict[str, tuple[str, ...]]:
    """The names that imported lists are wrong about, sorted, by the category that they are taken off."""
    return read(defaults.table("exceptions"), {row["category"] for row in defaults.table("lists")})


def read(rows: Iterable[Mapping[str, str]], categories: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The names of *rows* by category; ValueError for a row that is none of *categories*, or without a reason."""
    found: dict[str, set[str]] = {}
    for row in rows:
        name, category = row["name"], row["category"]
        if domain.canonical(name) != name or not category or category not in categories:
            raise ValueError(f"exceptions.csv: {row}")
        if len(row["reason"].split()) < FEWEST_WORDS or name in found.setdefault(category, set()):
            raise ValueError(f"exceptions.csv: no reason, or the second row of this name and category: {row}")
        found[category].add(name)
    return {category: tuple(sorted(names)) for category, names in found.items()}
