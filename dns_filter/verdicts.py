"""What is decided on a name that is asked for, or that an answer leads through: by the policy, and by what is ours.

This file opens no socket and reads no clock.
"""

import logging

from blocklists.policy import Action, Reason, Verdict
from dns_filter.asked import Asked
from dns_filter.lasting import Lasting
from dns_filter.local import Local
from dns_filter.metrics import Figures
from dns_filter.seats import View
from reporting.complaint import Complaint

log = logging.getLogger("schoolgate.dns")


class Verdicts:
    """The decisions of a door, but for names of *local*; one that failed is counted, and said now and then."""

    def __init__(self, local: Local, lasting: Lasting, figures: Figures) -> None:
        """Decide nothing yet."""
        self._local, self._lasting, self._figures = local, lasting, figures
        self._complaint = Complaint(log, lasting.monotonic)

    def on(self, asked: Asked, view: View, host: str) -> Verdict:
        """The verdict on *host* for whoever *asked*."""
        if not host:  # the root zone is no site; stub resolvers ask for it to see whether we are there
            return Verdict(Action.ALLOW, Reason.OPEN)
        verdict = self._local.judged(host, asked.door.verdict(view, asked.address, host, self._lasting.now_ns()))
        if verdict.reason is Reason.FAILURE:
            self._figures.failures += 1
            self._complaint.say(verdict, self._figures.failures)
        return verdict
