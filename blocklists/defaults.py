"""The default policy, read from the tables in `data/`: the same tables that a deputy head can read.

A school starts from this rulebook and changes it in its own policy.toml. A cell that cannot be read is an error of
ours, raised as ValueError with the file and the row.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from blocklists.rulebook import Rulebook

DATA = Path(__file__).parent / "data"
LISTS = DATA / "lists"

_UNKNOWN = {"unopened": "open"}
"""An unknown site that is not opened up is let through by name."""
_YOUTUBE = {"approved": "strict"}
"""Approved videos only is for whoever sees URLs to say; by name, the strict mode is the nearest."""


_SEARCH = {"named": "approved"}
"""Which engines are meant stands in a row of its own."""


def table(name: str) -> Iterator[dict[str, str]]:
    """The rows of the shipped table *name*."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def rulebook(school: str, time_zone: str = "Europe/London") -> Rulebook:
    """The default rulebook for a school of that name."""
    return msgspec.convert(
        {
            "school": school,
            "time_zone": time_zone,
            "calendar": _calendar(),
            "profiles": dict(_profiles()),
            "categories": dict(_categories()),
            "lists": {row["list"]: _list_use(row) for row in table("lists")},
            "embedded": {row["page"]: row["parts"].split() for row in table("embedded")},
        },
        Rulebook,
    )


def columns() -> list[str]:
    """The age bands that categories have codes for."""
    row = next(table("behaviour"))
    return [name for name in row if name not in {"behaviour", "note"}]


def list_files() -> dict[str, Path]:
    """The starter list files by list name."""
    return {row["list"]: DATA / row["file"] for row in table("lists")}


def _calendar() -> dict[str, Any]:
    rows = list(table("calendar"))
    windows = [(row["window"], {"from": row["from"] + ":00", "to": row["to"] + ":00"}) for row in rows]
    return {
        "weekdays": rows[0]["days"].split(),
        "school_day": [window for name, window in windows if name == "school_day"],
        "breaks": [window for name, window in windows if name != "school_day"],
    }


def _categories() -> Iterator[tuple[str, dict[str, Any]]]:
    for row in table("categories"):
        alert, *exceptions = row["alert"].split()
        yield (
            row["category"],
            {
                "title": row["title"],
                "words": row["words"],
                "heading": row["heading"],
                "risk": row["risk"],
                "harm": row["harm"] == "yes",
                "theme": row["theme"],
                "alert": alert,
                "alerts": dict(exception.split(":") for exception in exceptions),
                "codes": {column: row[column] for column in columns()},
            },
        )


def _profiles() -> Iterator[tuple[str, dict[str, Any]]]:
    behaviour = {row["behaviour"]: row for row in table("behaviour")}
    for row in table("profiles"):
        column = row["column"]
        unknown, _, limit = behaviour["unknown_opened"][column].partition(" ")
        watch = row["watch"] or behaviour["themes"][column]
        approved = row["approved"].split()
        yield (
            row["profile"],
            {
                "title": row["title"],
                "column": column,
                "pages": row["pages"],
                "certificate": row["certificate"] == "yes",
                "blocked": row["blocked"] or None,
                "approved_only": bool(approved),
                "approved": approved,
                "allow": row["allow"].split(),
                "safe_search": behaviour["search"][column] != "open",
                "search": _search(behaviour["search"][column], behaviour["search_unforced"][column]),
                "engines": behaviour["search_engines"][column].split(),
                "search_engine": behaviour["search_engine"][column],
                "unknown": _UNKNOWN.get(unknown, unknown),
                "unknown_unopened": behaviour["unknown_unopened"][column],
                "unseen": behaviour["unseen"][column],
                "watch": watch,
                "youtube": _YOUTUBE.get(youtube := row["youtube"] or behaviour["youtube"][column], youtube),
                "visits": _days(row["visits"] or behaviour["visits"][column]),
                "closed_downloads": _kinds(behaviour["downloads_closed"][column]),
                "closed_uploads": _kinds(behaviour["uploads_closed"][column]),
                "upload_mb": None if (size := behaviour["upload_mb"][column]) == "any" else int(size),
                "thumbnails": behaviour["thumbnails"][column] == "shown",
                "scan_sockets": behaviour["sockets"][column] == "scanned",
                **({"scan_limit": int(limit)} if limit else {}),
            },
        )


def _search(cell: str, unforced: str) -> str:
    """Which engines may be used: any, where one that cannot be held to strict results is open too."""
    if unforced == "open":
        return "any"
    return _SEARCH.get(cell, cell)


def _kinds(cell: str) -> list[str]:
    return [] if cell == "none" else cell.split()


def _days(cell: str) -> int:
    return 0 if cell == "no" else int(cell)


def _list_use(row: dict[str, str]) -> dict[str, str]:
    return {"role": row["role"], **({"category": row["category"]} if row["category"] else {})}
