"""The key that the pages know their own forms by: kept beside the log-ins, so that both outlast a restart.

Were it made anew at each start, the first form that anybody sends after a restart would be refused, and what was
written in it lost. It opens nothing by itself.
"""

import secrets
from pathlib import Path

from blocklists import new_file

_SIZE = 32
"""Bytes: as long as the digest that is made with it (RFC 2104, section 3)."""


def kept_form_key(file: Path) -> str:
    """The key in *file* as hexadecimal digits; one that is missing or damaged is new, and open forms are stale."""
    key = file.read_bytes() if file.exists() else b""
    if len(key) != _SIZE:
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        key = secrets.token_bytes(_SIZE)
        new_file.write_new(file, key)
    return key.hex()
