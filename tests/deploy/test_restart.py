import msgspec
import pytest

from deploy import config, restart
from dns_filter.settings import DnsSettings, DohSettings
from proxy_addons.closed_settings import ClosedSettings

BEFORE = config.Config()
URLS = ("https://dns.test/dns-query", "https://dns.example/dns-query")


def changed(**fields):
    return msgspec.structs.replace(BEFORE, **fields)


def test_an_unchanged_configuration_needs_no_restart():
    assert not restart.needed_for(BEFORE, config.Config())


@pytest.mark.parametrize(
    ("after", "keys"),
    [
        (changed(site="annexe"), ["site"]),
        (changed(paths=config.PathSettings(spool="a", run="b")), ["paths.spool", "paths.run"]),
        (changed(run=config.RunSettings(dns=2, workers=2)), ["run.dns", "run.workers"]),
        (changed(log_level="DEBUG", networks=(), metrics=config.MetricSettings(dns=9200)), []),
    ],
)
def test_only_what_is_read_at_the_start_is_named(after, keys):
    assert restart.needed_for(BEFORE, after) == keys


def doh(url):
    return changed(dns=DnsSettings(doh=DohSettings(url=url)))


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [("", URLS[0], ["dns.doh.url"]), (URLS[0], "", ["dns.doh.url"]), (URLS[0], URLS[1], [])],
    ids=["on", "off", "another"],
)
def test_doh_is_turned_on_and_off_at_a_start(before, after, keys):
    assert restart.needed_for(doh(before), doh(after)) == keys


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [((), ("10.0.0.2:80",), ["closed.listen"]), (("10.0.0.2:80",), ("10.0.0.3:80",), [])],
    ids=["on", "another"],
)
def test_the_closed_address_is_turned_on_and_off_at_a_start(before, after, keys):
    settings = (changed(closed=ClosedSettings(listen=listen)) for listen in (before, after))
    assert restart.needed_for(*settings) == keys
