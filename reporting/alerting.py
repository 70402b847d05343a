"""What alerts need besides breaches taken in: desk, outbox, ladder, digests and tests, each put together once."""

import logging
from functools import partial
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from blocklists.live import Live
from blocklists.rulebook import Severity
from reporting import shipped_rules
from reporting.alert_rules import RuleError, Rules
from reporting.alert_tests import AlertTests
from reporting.alerts import Desk, office_hours
from reporting.channels import Channels
from reporting.database import Database
from reporting.escalation import Escalation
from reporting.helplines import turns_of
from reporting.links import Links
from reporting.mail import link_base, notice
from reporting.notify import Outbox
from reporting.school_time import SchoolTime
from reporting.settings import ReportingSettings
from reporting.summaries import Summaries

log = logging.getLogger("schoolgate.alerting")


class Running(Protocol):
    """What runs for as long as reporting does."""

    async def run(self) -> None:
        """Run for ever."""
        ...  # pragma: no cover - a protocol


def rules_of(folder: Path | None) -> Rules:
    """A school's own rules, or those that ship; a table that cannot be used keeps nobody's alerts waiting."""
    try:
        return shipped_rules.of_school(folder)
    except (RuleError, OSError) as error:
        log.error("The rules of alerts are those that ship, as the school's own cannot be used: %s", error)  # noqa: TRY400
        return shipped_rules.shipped()


def desk(settings: ReportingSettings, live: Live, rules: Rules | None = None) -> Desk:
    """How alerts are routed and written, by the policy in force at that moment and by *rules*."""

    def column(profile: str) -> str:
        found = live.policy.rulebook.profiles.get(profile) if live.policy else None
        return found.column if found else ""

    def write(number: int, severity: Severity, act_by_ns: int) -> tuple[str, str]:
        return notice(number, severity, act_by_ns, link=link_base(settings.public_url), zone=zone_of(live))

    def school() -> SchoolTime:
        book = live.policy.rulebook if live.policy else None
        return SchoolTime(book.zone, book.calendar) if book else office_hours()

    return Desk(
        contacts=settings.contacts,
        column=column,
        write=write,
        rules=rules or shipped_rules.shipped(),
        school=school,
        channels=settings.channels,
    )


def zone_of(live: Live) -> ZoneInfo:
    """The school's time zone, or the usual one while no policy has been read."""
    return live.policy.zone if live.policy else ZoneInfo("Europe/London")


def outbox_of(database: Database, settings: ReportingSettings) -> Outbox:
    """The outbox with every way that *settings* name."""
    links = Links(database, link_base(settings.offsite.url)) if settings.offsite.url else None
    channels = Channels(settings.channels)
    return Outbox(database, settings.mail, settings.contacts, channels=channels, links=links)


def climbing(
    database: Database, desk: Desk, settings: ReportingSettings, state: Path, spool: Path
) -> tuple[Running, ...]:
    """What reminds: the ladder, digest and weekly report, and the tests that are asked for in *state*.

    In *spool* the week's total of help services is counted.
    """
    summaries = Summaries(database, desk, link_base(settings.public_url), helped=partial(turns_of, spool))
    return Escalation(database, desk), summaries, AlertTests(database, state, desk)
