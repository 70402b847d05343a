"""Keeping up with what other processes write, as each process of the web filter does."""

import contextlib
import logging
from collections.abc import Iterator

REFRESH = 0.2
"""Seconds between two looks at the snapshots (five `stat` calls)."""


@contextlib.contextmanager
def last_good_stays(log: logging.Logger) -> Iterator[None]:
    """Say in *log* what goes wrong while snapshots are read inside; the last good ones stay in force."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, what was in force still is
        log.error("The snapshots could not be read (%s); the last good ones stay.", type(error).__name__)  # noqa: TRY400 - its text may be long and says no more
