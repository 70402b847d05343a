"""What is said when a decision fails: the technician hears of it, once a minute.

A decision fails for every question or for few, so the log gets a line a minute at most. The line has the error's class
and nothing else of it: an error's text may hold a host's name, and a traceback what is sealed.
"""

import logging
import time
from collections.abc import Callable

from blocklists.verdict import Verdict
from reporting.seldom import Seldom


class Complaint:
    """The complaint of one process, in its own log."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Say it in *log*; *monotonic* is in seconds."""
        self._log, self._seldom = log, Seldom(monotonic)

    def say(self, failed: Verdict, so_far: int) -> None:
        """Say that *failed* was no decision, as *so_far* others, unless it was said within the last minute."""
        if self._seldom.due():
            self._log.error("A decision failed with %s and is a block (failures so far: %d).", failed.rule, so_far)
