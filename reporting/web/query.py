"""A query that travels in a hidden field, read back leniently: what is not well formed is left out."""

from urllib.parse import parse_qsl

MOST = 2_000
"""Characters: all fields of the log's form at their longest, percent-encoded once."""


def fields_of(query: str) -> dict[str, str]:
    """The fields of *query*; the first of each name counts."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(query[:MOST], max_num_fields=30)
    except ValueError:
        return found
    for name, value in pairs:
        found.setdefault(name, value)
    return found
