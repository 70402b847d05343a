"""Where comments begin, in formats that have no grammar of their own."""

import re

_AFTER_BLANK = re.compile(r"(?:^|\s)#")
_WHOLE_LINE = ("!", ";", "//")


def before_hash(text: str) -> str:
    """What stands before "#" on a line of names, in which no "#" can be a part; "" for a comment."""
    said = text.partition("#")[0].strip()
    return "" if said.startswith(_WHOLE_LINE) else said


def before_blank_and_hash(text: str) -> str:
    """What stands before a "#" that opens the line or follows a blank: elsewhere it is a part of a URL or a value."""
    return _AFTER_BLANK.split(text, maxsplit=1)[0].strip()
