"""What of a blocked question goes on record, and what repeats of it are counted under.

This file opens no socket and reads no clock: the recorder and the time are arguments.
"""

from collections.abc import Callable, Hashable, Mapping

from blocklists.rulebook import Severity
from blocklists.verdict import Verdict
from dns_filter.asked import Asked
from dns_filter.school_door import SchoolDoor
from dns_filter.wire import HEADER
from reporting.breach import breach_of
from reporting.recorder import Recorder
from reporting.runs import NO_RUNS, Run, who_is


class Records:
    """The breaches of the school's door; nobody in the school asks at the inner one. *version* is the policy's."""

    def __init__(self, recorder: Recorder, school: SchoolDoor, now_ns: Callable[[], int]) -> None:
        """Put breaches on record by *recorder*; none was met yet."""
        self.version = 0
        self._recorder, self._school, self._now_ns = recorder, school, now_ns
        school.runs_of = self._runs_of

    def put(self, asked: Asked, host: str, verdict: Verdict) -> Hashable:
        """Write the breach or count it; what repeats of it are counted under, or "" for what is no breach."""
        name = name_of_run(host, verdict)
        if not name or asked.door is not self._school:
            return ""
        request = asked.door.request(asked.address, host, self._now_ns())
        breach = breach_of(request, verdict, source="dns", policy=self.version) if request else None
        if breach is None:
            return ""
        return self._recorder.first(name, breach, asked.address, asked.packet[HEADER : asked.question.end])

    def must_wait(self, asked: Asked, run: Hashable, verdict: Verdict) -> bool:
        """Whether the answer waits until what was put under *run* survives a power cut: no repeat of what does."""
        return bool(run) and verdict.severity >= Severity.URGENT and not self._recorder.stands(run, asked.address)

    async def durable(self) -> None:
        """Return when everything that was put survives a power cut."""
        await self._recorder.durable()

    def _runs_of(self, address: str) -> Mapping[Hashable, Run]:
        """The open runs of whoever is at *address* now."""
        client = self._school.clients.of(address) if self._school.clients else None
        return NO_RUNS if client is None else self._recorder.runs_of(address, who_is(client))


def name_of_run(host: str, verdict: Verdict) -> str:
    """What makes two breaches of a client one run: the rule, or the name where no rule closed it (G26).

    What a policy says of them is in it too, so that nothing under a new one is counted onto a row of the old. "" is for
    what is no breach: a reverse name ("4.3.2.1.in-addr.arpa") is asked by programs, never by people.
    """
    if verdict.quiet or host.endswith(".arpa"):
        return ""
    said = f"{verdict.reason} {verdict.category} {verdict.theme} {verdict.severity:d} {verdict.list}"
    return f"{said} {verdict.rule or host}"
