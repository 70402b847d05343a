"""Which list the categories of other authors feed: the shipped table taxonomy.csv."""

from functools import cache

from blocklists import defaults


@cache
def _table() -> dict[tuple[str, str], str]:
    try:
        return {(row["source"], row["name"]): row["list"] for row in defaults.table("taxonomy")}
    except FileNotFoundError:
        return {}


def list_for(source: str, name: str) -> str | None:
    """The list that the category *name* of the taxonomy *source* feeds, if it feeds one."""
    return _table().get((source, name)) or None


def taxonomies() -> tuple[str, ...]:
    """The taxonomies that are known."""
    return tuple(sorted({source for source, _ in _table()}))
