"""Ours in place of something of mitmproxy's, for as long as a context lasts: what it has no hook for."""

import contextlib
from collections.abc import Iterator
from typing import Any

type Place = tuple[Any, str, Any]
"""A class or module, the name of something in it, and what is to stand there."""


@contextlib.contextmanager
def instead(*places: Place) -> Iterator[None]:
    """Have ours stand at all *places*; afterwards each is as it was, also where a class only inherited the name."""
    with contextlib.ExitStack() as undo:
        for owner, name, ours in places:
            if name in vars(owner):
                undo.callback(setattr, owner, name, vars(owner)[name])
            else:
                undo.callback(delattr, owner, name)
            setattr(owner, name, ours)
        yield
