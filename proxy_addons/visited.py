"""Sites that a device was let through to that is set to use the proxy, and so asks no DNS (POLICY.md, "named visits").

A device whose connections a firewall turns to the front door has asked our DNS for each name, which counts it.
"""

import time

from blocklists import domain
from blocklists.policy import Request, Verdict
from proxy_addons.judge import Judge
from reporting.visits import Visits, worth_a_visit


class Visited:
    """The visits of one front door; *kept* is False until a DSL is confirmed (G15), and then none is counted.

    Help services are left out: `Judge` counts them for their total (G12).
    """

    def __init__(self, judge: Judge, *, kept: bool) -> None:
        self._judge, self._visits = judge, Visits(judge.recorder.visit, kept=kept, source="proxy")

    def met(self, request: Request, verdict: Verdict) -> None:
        """Count the connection to what *request* names, which leads on, if *verdict* permits it."""
        profile = self._judge.policy.rulebook.profiles.get(request.client.profile)
        if profile is None or domain.as_address(request.host):
            return
        if site := worth_a_visit(verdict, profile, request.host):
            self._visits.add(request.client, [site], request.at)

    def sweep(self) -> None:
        """Write some of a minute that is over."""
        self._visits.sweep(time.time_ns())

    def flush(self) -> None:
        """Write all that was counted: for the end."""
        self._visits.flush()
