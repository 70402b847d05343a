"""The alarms of our processes in words: what a figure that is not nothing means, and what to do.

They are those of docs/reference/metrics.md, reporting's own left out: of these the journals' lines and today's page
say more, and the clock has a line of its own. This file asks nobody.
"""

from collections.abc import Iterator, Mapping

import msgspec

_LOG = "See its log."


class Alarm(msgspec.Struct, frozen=True):
    """What is said where a figure is *one*, or *many*, and what to do."""

    one: str
    many: str
    todo: str = _LOG

    def says(self, figure: float) -> str:
        """The alarm's words for *figure*, with it."""
        return f"{figure:,.0f} {self.one if figure == 1 else self.many}"


ALARMS = {
    "schoolgate_closed_failures_total": Alarm("page failed", "pages failed"),
    "schoolgate_config_outdated": Alarm(
        "configuration was refused, and the one before it is in force",
        "configurations were refused, and those before them are in force",
        "Run: schoolgate run --check; the process's log says what it could not serve. Once mended: systemctl reload.",
    ),
    "schoolgate_dns_failures_total": Alarm("question failed here", "questions failed here"),
    "schoolgate_journal_full": Alarm(
        "journal has no more room", "journals have no more room", "Make room on the disk of the journals."
    ),
    "schoolgate_journal_lost_total": Alarm("breach could not be written", "breaches could not be written"),
    "schoolgate_journal_sync_failures_total": Alarm("write was refused by the disk", "writes were refused by the disk"),
    "schoolgate_journal_visits_lost_total": Alarm(
        "record of visits could not be written", "records of visits could not be written"
    ),
    "schoolgate_journal_waiting": Alarm(
        "breach waits for room", "breaches wait for room", "Make room on the disk of the journals."
    ),
    "schoolgate_peek_failures_total": Alarm("connection failed here", "connections failed here"),
    "schoolgate_peek_no_worker_total": Alarm(
        "connection was closed, as no worker took it",
        "connections were closed, as no worker took them",
        "See whether the workers are well; one that starts takes none for some seconds.",
    ),
    "schoolgate_proxy_forged_total": Alarm(
        "connection did not come from the front door",
        "connections did not come from the front door",
        "See what on this machine reaches the workers' ports.",
    ),
    "schoolgate_proxy_hook_failures_total": Alarm(
        "decision failed, and was a block", "decisions failed, and each was a block"
    ),
    "schoolgate_proxy_unsigned_total": Alarm(
        "connection was closed, as the signer gave no certificate",
        "connections were closed, as the signer gave no certificate",
        "See whether the signer runs, and its log.",
    ),
    "schoolgate_snapshots_outdated": Alarm(
        "policy or index was refused, and the one before it is in force",
        "policies or indexes were refused, and those before them are in force",
        "Run: schoolgate policy apply --check; the process's log says what was wrong with any other.",
    ),
}
"""What stands at nothing in every process where all is well."""

RESOLVERS = "schoolgate_dns_upstream_alive"
"""How many resolvers answer a DNS process, of those that it asks."""

NO_RESOLVER = "none of its resolvers answers, so no name can be looked up"


def raised(answer: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """What is amiss by the metrics *answer* of a process, the gravest first, and what to do about each."""
    if answer.get(RESOLVERS) == 0:
        yield NO_RESOLVER, "See whether the line works, and which resolvers dns.upstream names."
    for name, alarm in ALARMS.items():
        if figure := answer.get(name, 0.0):
            yield alarm.says(figure) + (" since it started" if name.endswith("_total") else ""), alarm.todo
