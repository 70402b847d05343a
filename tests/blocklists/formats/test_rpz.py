import pytest

from blocklists.formats import Format, rpz
from blocklists.parse import Tally, batches
from blocklists.rule import Effect, NameRule
from tests.support.lists import listed, rules

HEAD = """$TTL 300
$ORIGIN rpz.school.test.
@ 300 IN SOA ns.school.test. admin.school.test. (
    2026010101 ; serial
    3600 600 86400 60 )
  IN NS ns.school.test.
ns IN NS ns.school.test.
; names
""".splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "gambling.test CNAME .",
        "gambling.test\tIN\tCNAME\t*.",
        "gambling.test 60 IN CNAME rpz-drop.",
        "gambling.test IN 1h30m CNAME .",
        "GAMBLING.test.rpz.school.test. CNAME . ; the best known",
        "gambling.test CNAME rpz-drop",
        "*.gambling.test CNAME .",
        "gambling.test A 192.0.2.7",
        "gambling.test AAAA 2001:db8::7",
        'gambling.test TXT "closed; by the school"',
        "gambling.test CNAME closed.school.test.",
        "gambling.test CNAME *.closed.school.test.",
    ],
)
def test_a_name_that_is_answered_for_is_listed(line: str):
    assert rules(Format.RPZ, *HEAD, line) == listed(["gambling.test"])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("fine.test CNAME rpz-passthru.", NameRule("fine.test", Effect.EXCEPTED, exact=True)),
        ("fine.test CNAME rpz-passthru", NameRule("fine.test", Effect.EXCEPTED, exact=True)),
        ("fine.test CNAME fine.test.", NameRule("fine.test", Effect.EXCEPTED, exact=True)),
        ("*.fine.test CNAME rpz-passthru.", NameRule("fine.test", Effect.EXCEPTED)),
    ],
)
def test_a_name_that_passes_is_off_the_list(line: str, rule: NameRule):
    assert rules(Format.RPZ, *HEAD, line) == [rule]


def test_a_block_keeps_its_own_name_where_what_is_under_it_passes():
    lines = ["gambling.test CNAME .", "*.gambling.test CNAME rpz-passthru.", "*.bets.test CNAME ."]
    assert rules(Format.RPZ, *HEAD, *lines) == [
        *listed(["gambling.test", "bets.test"]),
        NameRule("gambling.test", exact=True),
        NameRule("gambling.test", Effect.EXCEPTED),
    ]


def test_of_a_zone_that_comes_as_a_stream_every_block_keeps_its_own_name():
    (batch,) = batches(iter([b"gambling.test CNAME .\n"]), Format.RPZ, Tally())
    assert (batch.names, batch.rules) == (["gambling.test"], [NameRule("gambling.test", exact=True)])


def test_a_blank_owner_is_the_one_above():
    lines = ["*.fine.test IN CNAME .", "          IN CNAME rpz-passthru."]
    assert rules(Format.RPZ, *HEAD, *lines) == [*listed(["fine.test"]), NameRule("fine.test", Effect.EXCEPTED)]


@pytest.mark.parametrize(
    "head",
    [
        [],
        ["@ SOA ns.school.test. admin.school.test. 1 2 3 4 5"],
        ["rpz.school.test. SOA ns.school.test. admin.school.test. 1 2 3 4 5"],
        ["$ORIGIN .", "rpz.school.test SOA ns.school.test. admin.school.test. 1 2 3 4 5", "$ORIGIN rpz.school.test."],
        ["$ORIGIN rpz.school.test."],
    ],
)
def test_relative_names_are_what_is_asked_for_however_the_zone_is_named(head: list[str]):
    assert rules(Format.RPZ, *head, "gambling.test CNAME .") == listed(["gambling.test"])


def test_an_origin_within_the_zone_is_a_part_of_the_name():
    lines = ["$ORIGIN test.rpz.school.test.", "gambling CNAME .", "$ORIGIN co", "bets CNAME .", "@ CNAME ."]
    names = ["gambling.test", "bets.co.test", "co.test"]
    assert rules(Format.RPZ, *HEAD, *lines) == listed(names)


def test_a_zone_without_a_name_takes_names_in_full():
    assert rules(Format.RPZ, "gambling.test. CNAME .") == listed(["gambling.test"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("24.0.2.0.192.rpz-ip CNAME .", "an IP trigger is not supported"),
        ("32.7.2.0.192.rpz-client-ip CNAME rpz-drop.", "a client IP trigger is not supported"),
        ("32.7.2.0.192.rpz-nsip CNAME .", "an NSIP trigger is not supported"),
        ("ns.gambling.test.rpz-nsdname CNAME .", "an NSDNAME trigger is not supported"),
        ("gambling.test CNAME rpz-tcp-only.", "an action that is not supported"),
        ("gambling.test DNAME .", "not a record that lists a name"),
        ("gambling.test", "not a record that lists a name"),
        ("gambling.test CNAME", "not a record that lists a name"),
        ("$INCLUDE more.zone", "another directive of zone files"),
        ("$ORIGIN", "another directive of zone files"),
        ("gambling.test.other.test. CNAME .", "a name outside the zone"),
        ("@ A 192.0.2.7", "a record of the zone's own name"),
        ("* CNAME .", "names every site"),
        ("test CNAME .", "a name with one label"),
        ("*.test CNAME .", "a name with one label"),
        ("bad..name CNAME .", "not the name of a host"),
        (r"a\.b.test CNAME .", "not the name of a host"),
    ],
)
def test_any_other_record_is_left_out(line: str, reason: str):
    assert rules(Format.RPZ, *HEAD, line) == [reason]


def test_the_zones_own_name_in_a_zone_without_a_name():
    assert rules(Format.RPZ, "@ A 192.0.2.7", ". CNAME .") == ["a record of the zone's own name"]


def test_brackets_that_are_never_closed_do_not_swallow_the_list():
    lines = ["@ SOA ns. admin. (", *["1"] * rpz.MAX_OPEN, "gambling.test CNAME ."]
    assert rules(Format.RPZ, *lines) == [*listed(["gambling.test"]), "brackets that are not closed within 20 lines"]


def test_a_quote_that_is_never_closed_ends_with_its_line():
    assert rules(Format.RPZ, 'gambling.test TXT "closed', "bets.test CNAME .") == listed(["gambling.test", "bets.test"])
