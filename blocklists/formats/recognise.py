"""Which format a list is written in, by its first lines that say something."""

import re
from collections import Counter
from itertools import islice

from blocklists.formats import adblock, mixed
from blocklists.formats.kind import MAX_LINE, Format

SAMPLE = 200
"""Lines looked at."""
ENOUGH = 4
"""One line in so many decides: in every format some lines look like plain names."""

_PAGE = re.compile(rb"(?i)\s*<(?:!doctype\s+html|html|head|body|script|\?xml[^>]*>\s*<(?:!doctype\s+html|html)|!--)")
_HEADER = re.compile(r"(?ai)\[(?:adblock|ublock|adguard)[^\]]*\]")
_SIGNS = (
    (Format.RPZ, re.compile(r"(?ai)\$(?:ORIGIN|TTL)\s|\S*\s+(?:\d\w*\s+)?(?:IN\s+)?(?:CNAME|SOA|NS|A|AAAA|TXT)\s")),
    (Format.DNSMASQ, re.compile(r"\s*(?:address|local|server)\s*=\s*/")),
    (Format.UNBOUND, re.compile(r"\s*(?:server:\s*)?local-(?:zone|data):")),
    (Format.ADBLOCK, re.compile(r"\s*(?:@@|\||/.*/(?:\$|$)|\S+\^(?:\$|$)|\S+\$(?:important|badfilter|denyallow|dns))")),
)


def is_page(block: bytes) -> bool:
    """Whether *block*, the first of a file, opens a web page: what a server sends where a list was."""
    return _PAGE.match(block) is not None


def format_of(block: bytes) -> Format:
    """The format of the list that opens with *block*, of whole lines; PLAIN if it says nothing."""
    texts = (line[:MAX_LINE].decode("utf-8", "replace") for line in block.split(b"\n"))
    lines = list(islice((text for text in texts if _says_something(text)), SAMPLE))
    if any(_HEADER.fullmatch(line.strip()) for line in lines[:ENOUGH]):
        return Format.ADBLOCK
    found = Counter(fmt for line in lines if (fmt := _sign(line)))
    best, count = max(found.items(), key=lambda pair: pair[1], default=(Format.PLAIN, 0))
    if count * ENOUGH >= len(lines) and count:
        return best
    kinds = Counter(mixed.kind(line.strip()) for line in lines)
    return max((Format.PLAIN, Format.HOSTS, Format.WILDCARD, Format.URLS), key=lambda fmt: kinds[fmt])


def _says_something(text: str) -> bool:
    kept = text.strip()
    return bool(kept) and (not kept.startswith(("#", "!", ";")) or adblock.is_cosmetic(kept))


def _sign(line: str) -> Format | None:
    if adblock.is_cosmetic(line.strip()):
        return Format.ADBLOCK
    return next((fmt for fmt, sign in _SIGNS if sign.match(line)), None)
