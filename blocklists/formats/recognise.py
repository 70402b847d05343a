"""Which format a list is written in, by its first lines that say something."""

import re
from collections import Counter
from itertools import islice

from blocklists.formats import mixed
from blocklists.formats.kind import MAX_LINE, Format

SAMPLE = 200
"""Lines looked at."""

_PAGE = re.compile(rb"(?i)\s*<(?:!doctype\s+html|html|\?xml[^>]*>\s*<(?:!doctype\s+html|html)|!--)")


def is_page(block: bytes) -> bool:
    """Whether *block*, the first of a file, opens a web page: what a server sends where a list was."""
    return _PAGE.match(block) is not None


def format_of(block: bytes) -> Format:
    """The format of the list that opens with *block*, of whole lines; PLAIN if it says nothing."""
    texts = (line[:MAX_LINE].decode("utf-8", "replace") for line in block.split(b"\n"))
    lines = list(islice((text for text in texts if _says_something(text)), SAMPLE))
    kinds = Counter(mixed.kind(line.strip()) for line in lines)
    return max((Format.PLAIN, Format.HOSTS, Format.WILDCARD, Format.URLS), key=lambda fmt: kinds[fmt])


def _says_something(text: str) -> bool:
    kept = text.strip()
    return bool(kept) and not kept.startswith(("#", "!", ";"))
