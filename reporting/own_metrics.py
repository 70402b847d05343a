"""What Prometheus is told of reporting's own work: what it took in, and what it sent."""

import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blocklists.rulebook import Severity
from reporting.ingest import Ingest
from reporting.metric_rows import by_label, counters
from reporting.notify import Outbox


class ReportingCollector(Collector):
    """The metrics of *ingest* and *outbox*."""

    def __init__(self, ingest: Ingest, outbox: Outbox) -> None:
        """Count nothing here: both have their own figures."""
        self._ingest, self._outbox = ingest, outbox

    def collect(self) -> Iterator[Metric]:
        """Every one of them."""
        ingest, outbox = self._ingest, self._outbox
        severities = {(severity.name.lower(),): ingest.breaches[severity] for severity in Severity}
        says = "Breaches taken in, without their repeats."
        yield by_label("schoolgate_reporting_breaches", says, ("severity",), severities)
        rows = (
            ("visits", "Visits taken in: one for each client, site and minute.", ingest.visits),
            ("damaged", "Pieces of journals that were set aside.", ingest.damaged),
            ("tampered", "Tamper alarms.", ingest.tampered),
            ("strange_files", "Files in the spool whose names are no journal's; left alone.", ingest.strange),
            ("ingest_failures", "Batches that failed and are tried again.", ingest.failures),
            ("alerts", "Alerts opened.", ingest.alerts),
            ("mails_sent", "Mails that the mail server took.", outbox.sent),
            ("mails_failed", "Attempts to send a mail that failed.", outbox.failed),
            ("outbox_troubles", "Times that the database refused the outbox; mails wait.", outbox.troubles),
        )
        yield from counters("schoolgate_reporting", rows)
        yield GaugeMetricFamily(
            "schoolgate_reporting_ingest_lag_seconds", "For how long something has been waiting.", value=ingest.lag
        )
        yield GaugeMetricFamily("schoolgate_reporting_outbox_waiting", "Mails not yet sent.", value=outbox.waiting)
        oldest = outbox.oldest_ns
        age = 0.0 if oldest is None else max(0.0, (time.time_ns() - oldest) / 1e9)
        yield GaugeMetricFamily("schoolgate_reporting_outbox_oldest_seconds", "Age of the oldest of them.", value=age)
