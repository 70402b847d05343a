"""Whole pages as they stand on the web, each of a theme or of a kind that must raise none (`tests/corpus/pages`)."""

from pathlib import Path
from typing import NamedTuple

from blocklists import themes

FOLDER = Path(__file__).parents[1] / "corpus" / "pages"
MISSED = frozenset({"bullying", "grooming"})
"""Themes of pages that are known not to be found (docs/explanation/themes.md)."""


class ThemePage(NamedTuple):
    """*kind* is the theme of the page, or for what it is harmless; *path* is where a test's server has it."""

    kind: str
    path: str
    body: bytes

    @property
    def is_found(self) -> bool:
        """Whether a theme is found in it."""
        return self.kind in themes.shipped().themes and self.kind not in MISSED


PAGES = [ThemePage(p.parent.name, f"/{p.parent.name}/{p.stem}", p.read_bytes()) for p in sorted(FOLDER.rglob("*.html"))]
