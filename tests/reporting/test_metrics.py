import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from reporting import metrics
from reporting.metrics import process_collector, serve_metrics
from reporting.recorder import Recorder
from tests.support.journals import again, breach, open_journal


class State:
    version = 7
    refused = 2
    outdated = frozenset({"index"})

    def __init__(self, *, believed=True):
        self.believed = believed

    def clock_ok(self):
        return self.believed


@pytest.fixture
def recorder(tmp_path):
    journal = open_journal(tmp_path)
    yield Recorder(journal)
    journal.close()


def scrape(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    close = serve_metrics(registry, ("127.0.0.1", 0))
    try:
        host, port = close.address
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    finally:
        close()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_a_scrape_has_what_every_process_has(recorder):
    recorder.first("a", breach())
    again(recorder, (breach().address, "a"), 5)
    found = scrape(process_collector(State(), recorder))
    assert float(found["schoolgate_policy_version"]) == 7
    assert float(found["schoolgate_snapshots_refused_total"]) == 2
    assert float(found["schoolgate_snapshots_outdated"]) == 1
    assert float(found["schoolgate_clock_implausible"]) == 0
    assert float(found["schoolgate_journal_records_total"]) == 1
    assert float(found["schoolgate_journal_repeats_total"]) == 1
    assert float(found["schoolgate_journal_lost_total"]) == 0
    assert float(found["schoolgate_journal_sync_failures_total"]) == 0
    assert float(found["schoolgate_journal_full"]) == 0
    assert float(found["schoolgate_journal_floods_total"]) == 0
    assert float(found["schoolgate_journal_visits_total"]) == 0
    assert float(found["schoolgate_journal_visits_lost_total"]) == 0
    assert float(found["schoolgate_journal_unsynced_bytes"]) == recorder.syncing.unsynced > 0
    assert 0 < float(found["schoolgate_journal_lag_seconds"]) < 60


def test_a_clock_that_cannot_be_believed_shows():
    assert float(scrape(process_collector(State(believed=False), None))["schoolgate_clock_implausible"]) == 1


def test_without_a_journal_its_metrics_are_left_out():
    assert not [name for name in scrape(process_collector(State(), None)) if "journal" in name]


def test_a_refused_configuration_is_counted_and_told_until_one_is_accepted():
    before = float(scrape(process_collector(State(), None))["schoolgate_config_refused_total"])
    metrics.config_refused()
    refused = scrape(process_collector(State(), None))
    metrics.config_accepted()
    accepted = scrape(process_collector(State(), None))
    assert [float(found["schoolgate_config_outdated"]) for found in (refused, accepted)] == [1, 0]
    assert [float(found["schoolgate_config_refused_total"]) for found in (refused, accepted)] == [before + 1] * 2


def test_no_label_names_a_host_or_a_client(recorder):
    recorder.first("a", breach(host="harm.test"))
    text = " ".join(scrape(process_collector(State(), recorder)))
    assert "harm.test" not in text
    assert breach().address not in text


def test_a_port_that_is_taken_is_an_os_error():
    close = serve_metrics(CollectorRegistry(), ("127.0.0.1", 0))
    try:
        place = f"127.0.0.1:{close.address[1]}"
        with pytest.raises(OSError, match=f"^metrics cannot be served at {place}: Address already in use$"):
            serve_metrics(CollectorRegistry(), close.address)
    finally:
        close()
