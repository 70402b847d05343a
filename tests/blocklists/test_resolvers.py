"""What devices ask of a network by themselves: whether it works (open), and who else resolves names (closed)."""

import datetime
import zoneinfo

import pytest

from blocklists import defaults
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Request, decide
from deploy import config, setup

MONDAY = int(datetime.datetime(2027, 1, 11, 10, tzinfo=zoneinfo.ZoneInfo("Europe/London")).timestamp()) * 10**9
PROFILES = sorted(defaults.rulebook("School").profiles)

CHECKS = (
    "captive.apple.com",
    "connectivity-check.ubuntu.com",
    "connectivitycheck.android.com",
    "connectivitycheck.gstatic.com",
    "detectportal.firefox.com",
    "dns.msftncsi.com",
    "ipv6.msftconnecttest.com",
    "network-test.debian.org",
    "nmcheck.gnome.org",
    "www.gstatic.com",
    "www.msftconnecttest.com",
)
"""Apple's, Ubuntu's, Android's, Firefox's, Windows', Debian's, GNOME's and Chrome OS's tries of a network."""

RESOLVERS = (
    "chrome.cloudflare-dns.com",
    "dns.adguard-dns.com",
    "dns.alidns.com",
    "dns.google",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sse.cisco.com",
    "doh.cleanbrowsing.org",
    "doh.dns.apple.com",
    "doh.libredns.gr",
    "doh.opendns.com",
    "doh.umbrella.com",
    "doh.xfinity.com",
    "dns.joindns4.eu",
    "freedns.controld.com",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
    "wikimedia-dns.org",
    "apple-relay.cloudflare.com",
)
"""Encrypted resolvers that browsers and systems have built in, and the best-known others."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory):
    """The shipped rulebook over an index compiled from the shipped lists."""
    made = setup.init(tmp_path_factory.mktemp("resolvers") / "school", "Test School", shown_by="A. Okafor")
    live = Live(config.load(made.folder / config.NAME).files)
    live.refresh()
    return live.policy


def blocked(policy, profile: str, host: str) -> bool:
    return decide(policy, Request(Kind.DNS, Client("10.0.0.1", profile), host, MONDAY)).blocked


@pytest.mark.parametrize("profile", PROFILES)
def test_every_device_finds_that_the_network_works(policy, profile: str):
    assert [host for host in CHECKS if blocked(policy, profile, host)] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_nobody_reaches_an_encrypted_resolver_by_its_name(policy, profile: str):
    assert [host for host in RESOLVERS if not blocked(policy, profile, host)] == []


def test_a_hundred_encrypted_resolvers_are_known_by_name():
    names = defaults.list_files()["bypass"].read_text(encoding="ascii").split()
    assert sum(name.startswith(("dns", "doh", "dot", "doq")) for name in names) >= 100
