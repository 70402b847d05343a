import pytest

from blocklists.formats import Format
from blocklists.rule import Effect, NameRule
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    "line",
    [
        "address=/gambling.test/#",
        "address=/gambling.test/",
        "address=/gambling.test/0.0.0.0",
        "address=/gambling.test/::",
        "address=/gambling.test/127.0.0.1",
        "address=/gambling.test/::1",
        "local=/gambling.test/",
        "server=/gambling.test/",
        "  server=/Gambling.test./  # no answer",
        "address=/.gambling.test/",
        "address=/..gambling.test/#",
        "local = /gambling.test/",
        "address =/gambling.test/0.0.0.0",
    ],
)
def test_a_name_that_leads_nowhere_is_listed(line: str):
    assert rules(Format.DNSMASQ, line) == listed(["gambling.test"])


def test_several_names_share_a_value():
    assert rules(Format.DNSMASQ, "address=/gambling.test/bets.test/#") == listed(["bets.test", "gambling.test"])


def test_a_name_for_the_usual_servers_is_off_the_list():
    assert rules(Format.DNSMASQ, "server=/fine.test/#") == [NameRule("fine.test", Effect.EXCEPTED)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("address=/gambling.test/192.0.2.7", "an address of its own"),
        ("server=/gambling.test/192.0.2.7#53", "a server of its own"),
        ("local=/gambling.test/192.0.2.7", "a server of its own"),
        ("address=/#/", "names every site"),
        ("address=/#/0.0.0.0", "names every site"),
        ("address=/test/", "a name with one label"),
        ("address=//0.0.0.0", "not the name of a host"),
        ("address=/./", "not the name of a host"),
        ("address=/.test/", "a name with one label"),
        ("address=/*.gambling.test/#", "not the name of a host"),
        ("address=/gambling.test", "another setting of dnsmasq"),
        ("cache-size=1000", "another setting of dnsmasq"),
        ("server=192.0.2.7", "another setting of dnsmasq"),
        ("bogus-priv", "another setting of dnsmasq"),
    ],
)
def test_any_other_setting_is_left_out(line: str, reason: str):
    assert rules(Format.DNSMASQ, line) == [reason]


def test_one_bad_name_leaves_the_others_on_the_line():
    assert rules(Format.DNSMASQ, "local=/bad..name/bets.test/") == [*listed(["bets.test"]), "not the name of a host"]


@pytest.mark.parametrize("line", ["", "# a list", "  # a list"])
def test_comments_say_nothing(line: str):
    assert rules(Format.DNSMASQ, line) == []
