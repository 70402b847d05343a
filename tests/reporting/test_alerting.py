"""How alerts are routed and written, by what is in force at that moment."""

from blocklists.live import Live
from blocklists.rulebook import Severity
from reporting import alerting
from reporting.settings import ReportingSettings
from tests.support.school import make_school


def test_routing_follows_the_policy_in_force(tmp_path):
    live = Live(make_school(tmp_path).files)
    desk = alerting.desk(ReportingSettings(), live)
    assert desk.column("staff") == ""
    live.refresh()
    assert desk.column("staff") == "staff"
    assert desk.column("gone") == ""
    subject, body = desk.write(1001, Severity.ILLEGAL, 1_700_000_000_000_000_000)
    assert "at once" in body
    assert subject == "Schoolgate alert 1001: Illegal"
