"""Where a school's tables are on a PostgreSQL server that it shares with others: a schema that is named after its site.

This file asks no server. A name is written in small letters, as an administrator's unquoted SQL is read.
"""

import hashlib
from collections.abc import Iterator

import msgspec

PUBLIC = "public"
"""Where the tables of a school that has the database for itself were made before there were schemas by site."""

LONGEST = 63
"""Bytes of a name that PostgreSQL keeps apart from another (NAMEDATALEN - 1)."""

PUBLIC_LOCK = 0x5363686F6F6C67
"""The number of the lock that the one writer of the schema *public* holds: "Schoolg"."""

_THEIRS = ("public", "information_schema")


class School(msgspec.Struct, frozen=True):
    """A school as a server knows it: the *site* that its gateway is called by, and which *gateway* that is.

    Without a *gateway* (its key cannot be read) nobody can tell whether another has the same site.
    """

    site: str
    gateway: str = ""

    @property
    def schema(self) -> str:
        """The schema of its tables."""
        return self.site.lower()


def problems(site: str) -> Iterator[str]:
    """Why *site*, which is letters, digits and underscores, cannot name a schema on a server."""
    name = site.lower()
    if len(name) > LONGEST:
        yield f"site: {site!r} names a schema on the database's server; {LONGEST} characters at most"
    if name.startswith("pg_") or name in _THEIRS:
        yield f"site: {site!r} is a name of PostgreSQL's own, and the database is on its server; write another"


def quoted(schema: str) -> str:
    """*schema* as SQL has it."""
    return '"' + schema.replace('"', '""') + '"'


def lock_number(schema: str) -> int:
    """The number of the server's lock that the one writer of *schema* holds, with a sign and 64 bits."""
    if schema == PUBLIC:
        return PUBLIC_LOCK
    digest = hashlib.blake2b(schema.encode(), digest_size=8, person=b"sg-writer").digest()
    return int.from_bytes(digest, "big", signed=True)


def lock_halves(number: int) -> tuple[int, int]:
    """How the server shows a lock's *number* in pg_locks: classid and objid."""
    return (number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF
