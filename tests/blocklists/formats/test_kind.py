import re
from pathlib import Path

from blocklists.formats import READERS, Format

DOCUMENT = Path(__file__).parents[3] / "docs/reference/list-formats.md"


def test_every_format_has_a_reader_and_is_documented():
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert set(Format) == READERS.keys() == set(documented)
