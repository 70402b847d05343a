"""The lists of a school that subscribes to what is at hand: our starter lists with the real ones beside them."""

from pathlib import Path

from blocklists import defaults, exceptions, taxonomy
from blocklists.gather import Source
from blocklists.parse import Format
from tests.bench.lists.names import LISTS

FORMATS = {
    "sinfonietta-gambling.hosts.gz": "gambling",
    "sinfonietta-pornography.hosts.gz": "pornography",
    "sinfonietta-social.hosts.gz": "social",
    "stevenblack.adblock.txt.gz": "adverts",
}
"""Which of our lists the files of `formats/` feed."""


def sources(*, mistakes: bool = False) -> dict[str, tuple[Source, ...]]:
    """Every source by list; with *mistakes*, the imported ones as their authors wrote them."""
    found = {name: [Source(path)] for name, path in defaults.list_files().items()}
    wrong = {} if mistakes else exceptions.by_category()
    for label, name, path, fmt in imported():
        category = next(row["category"] for row in defaults.table("lists") if row["list"] == name)
        taken_off = wrong.get(category, ())
        except_ = frozenset((*taken_off, *(f"www.{one}" for one in taken_off)))
        found[name].append(Source(path, fmt, label=label, imported=True, except_=except_))
    return {name: tuple(every) for name, every in found.items()}


def imported() -> list[tuple[str, str, Path, Format]]:
    """(label, our list, path, format) of each real list that our taxonomy imports."""
    folders = [(folder, taxonomy.list_for("ut1", folder.name)) for folder in sorted(LISTS.glob("ut1/*"))]
    files = [(LISTS / "formats" / name, listed) for name, listed in FORMATS.items()]
    return [
        *((f"ut1-{folder.name}", listed, folder, Format.UT1) for folder, listed in folders if listed),
        *((path.name, listed, path, Format.AUTO) for path, listed in files if path.exists()),
    ]
