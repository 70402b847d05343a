"""Which changed settings a running process cannot take up: they need a restart.

The journal is opened once, under the site's name and in its folder; which processes there are, and how many, is for
whoever starts them. This file compares two configurations and does nothing else.
"""

from collections.abc import Iterator

import msgspec

from deploy.config import Config

ONLY_AT_START = ("site", "paths", "run")
"""Settings, and tables of settings, that are read when a process starts."""


def needed_for(started: Config, now: Config) -> list[str]:
    """The keys that differ between what a process *started* with and what the file says *now*, of those above."""
    keys = [key for name in ONLY_AT_START for key in _changed(name, getattr(started, name), getattr(now, name))]
    # Another address is taken up; a process more or less is not.
    doh = ["dns.doh.url"] if bool(started.dns.doh.url) != bool(now.dns.doh.url) else []
    closed = ["closed.listen"] if started.closed.wanted != now.closed.wanted else []
    return [*keys, *doh, *closed]


def _changed(key: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, msgspec.Struct):
        for field in before.__struct_fields__:
            yield from _changed(f"{key}.{field}", getattr(before, field), getattr(after, field))
    elif before != after:
        yield key
