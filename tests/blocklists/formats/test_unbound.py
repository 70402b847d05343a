import pytest

from blocklists.formats import Format, unbound
from blocklists.rule import Effect, NameRule
from tests.support.lists import listed, rules


@pytest.mark.parametrize("kind", sorted(unbound.LISTED))
def test_a_zone_that_is_answered_for_is_listed(kind: str):
    assert rules(Format.UNBOUND, "server:", f'  local-zone: "Gambling.test." {kind}') == listed(["gambling.test"])


@pytest.mark.parametrize("kind", sorted(unbound.EXCEPTED))
def test_a_zone_that_is_looked_up_as_usual_is_off_the_list(kind: str):
    assert rules(Format.UNBOUND, f"local-zone: fine.test {kind}") == [NameRule("fine.test", Effect.EXCEPTED)]


@pytest.mark.parametrize(
    "line",
    [
        'local-zone: "gambling.test" refuse # a comment',
        "local-zone: 'gambling.test' refuse",
        "local-zone: gambling.test refuse",
        'server: local-zone: "gambling.test" refuse',
        'local-data: "gambling.test A 0.0.0.0"',
        'local-data: "gambling.test. 3600 IN AAAA ::"',
        "local-data: 'gambling.test a 127.0.0.1'",
    ],
)
def test_however_it_is_written(line: str):
    assert rules(Format.UNBOUND, line) == listed(["gambling.test"])


def test_data_within_a_listed_zone_adds_nothing():
    lines = [
        'local-zone: "gambling.test" redirect',
        'local-data: "gambling.test A 192.0.2.7"',
        'local-data: "www.gambling.test TXT "',
    ]
    assert rules(Format.UNBOUND, *lines[:2]) == listed(["gambling.test"])
    assert rules(Format.UNBOUND, *lines) == [*listed(["gambling.test"]), "a local-data without name, type and value"]


def test_data_within_a_transparent_zone_lists_the_name_alone():
    lines = ['local-zone: "fine.test" transparent', 'local-data: "bets.fine.test A 0.0.0.0"']
    assert rules(Format.UNBOUND, *lines) == [
        NameRule("fine.test", Effect.EXCEPTED),
        NameRule("bets.fine.test", exact=True),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('local-zone: "." refuse', "names every site"),
        ('local-zone: "test" refuse', "a name with one label"),
        ('local-zone: "bad..name" refuse', "not the name of a host"),
        ('local-zone: "gambling.test"', "a local-zone without name and type"),
        ('local-zone: "gambling.test" block_a', "a local-zone of another type"),
        ('local-data: "gambling.test A 192.0.2.7"', "data of its own"),
        ('local-data: "gambling.test TXT closed"', "data of its own"),
        ('local-data: "gambling.test A nowhere"', "data of its own"),
        ('local-data: "bad..name A 0.0.0.0"', "not the name of a host"),
        ('local-data: "gambling.test"', "a local-data without name, type and value"),
        ("interface: 127.0.0.1", "another setting of unbound"),
        ("gambling.test", "another setting of unbound"),
    ],
)
def test_any_other_setting_is_left_out(line: str, reason: str):
    assert rules(Format.UNBOUND, line) == [reason]


@pytest.mark.parametrize("line", ["", "# a list", "server:", "  forward-zone:  # others"])
def test_comments_and_headings_say_nothing(line: str):
    assert rules(Format.UNBOUND, line) == []
