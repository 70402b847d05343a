"""How a bench says what it measured: a line at a time, and build/bench/<name>.json for machines."""

import os
import platform
from pathlib import Path

import msgspec


class Row(msgspec.Struct):
    """One figure of the report; a *ratio* above 1 is better than what it is measured *against*."""

    what: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None


def say(text: str) -> None:
    """A bench speaks by printing."""
    print(text)  # noqa: T201 - see above


def write(name: str, rows: list[Row], versions: dict[str, str], rounds: object) -> None:
    """Write *rows*, with the machine, the *versions* of the peers and every round, to build/bench/*name*.json."""
    versions = {"python": platform.python_version()} | versions
    content = {"machine": _machine(), "versions": versions, "rows": rows, "rounds": rounds}
    target = Path("build/bench") / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def _machine() -> dict[str, object]:
    return {"cpu": platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()}
