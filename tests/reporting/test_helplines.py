"""The week's total of help services: what can be read of it, by whom, and what two readings tell (G12)."""

import datetime
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults
from blocklists.clients import Client
from blocklists.verdict import Action, Reason, Verdict
from reporting import helplines
from reporting.helplines import DAY, FIVE, HOUR, Helplines, file_of, is_helpline, last_week, shown, turns_of

MONDAY = datetime.date(2027, 1, 11)
AT = (MONDAY - datetime.date(1970, 1, 1)).days * DAY + 9 * HOUR


def device(number):
    return Client(f"10.0.0.{number}", "ks2", device=number)


@pytest.fixture
def file(tmp_path):
    return file_of(tmp_path, "dns", 0)


def met(counting, devices, at):
    for number in devices:
        counting.met(device(number), at)


def test_a_device_counts_once_a_day_however_often_it_asks(file):
    counting = Helplines(file)
    for at in (AT, AT + HOUR, AT + 2 * HOUR):
        met(counting, range(1, 7), at)
    met(counting, range(1, 5), AT + DAY)
    counting.sweep(AT + 7 * DAY)
    assert turns_of(file.parent, MONDAY) == 10
    assert shown(10) == "at least 10"


@pytest.mark.parametrize("turns", range(5))
def test_less_than_five_is_neither_written_nor_told_from_none(file, turns):
    counting = Helplines(file)
    counting.sweep(AT)
    met(counting, range(turns), AT)
    counting.sweep(AT + 7 * DAY)
    counting.write()
    assert b'"2027-01-11":0' in file.read_bytes()
    assert shown(turns_of(file.parent, MONDAY)) == "fewer than 5"


def test_what_is_left_of_a_week_is_not_carried_into_the_next(file):
    counting = Helplines(file)
    met(counting, range(4), AT)
    met(counting, range(4), AT + 7 * DAY)
    counting.write()
    assert turns_of(file.parent, MONDAY) == turns_of(file.parent, MONDAY + datetime.timedelta(weeks=1)) == 0


def test_nothing_is_written_while_a_day_goes_on(file):
    counting = Helplines(file)
    met(counting, range(50), AT)
    counting.sweep(AT + 14 * HOUR)
    assert not file.exists()


def test_it_is_written_at_the_end_of_a_day_on_which_nobody_came_too(file):
    counting = Helplines(file)
    counting.sweep(AT)
    counting.sweep(AT + DAY)
    assert b'"2027-01-11":0' in file.read_bytes()


def test_nothing_in_the_file_says_who_or_when(file):
    counting = Helplines(file)
    met(counting, range(1, 8), AT)
    counting.write()
    assert file.read_bytes() == b'{"weeks":{"2027-01-11":5}}'


def test_the_total_survives_a_restart_and_the_rest_does_not(file):
    first = Helplines(file)
    met(first, range(1, 9), AT)
    first.write()
    second = Helplines(file)
    met(second, range(11, 13), AT)
    second.write()
    assert turns_of(file.parent, MONDAY) == 5
    met(second, range(13, 16), AT + DAY)
    second.write()
    assert turns_of(file.parent, MONDAY) == 10


def test_restarts_do_not_make_five_of_one_device(file):
    for hour in range(8):
        counting = Helplines(file)
        met(counting, [1], AT + hour * HOUR)
        counting.write()
    assert turns_of(file.parent, MONDAY) == 0


def test_processes_that_meet_the_same_devices_do_not_add_up(tmp_path):
    for kind, devices in (("dns", 9), ("peek", 12)):
        counting = Helplines(file_of(tmp_path, kind, 0))
        met(counting, range(devices), AT)
        counting.write()
    assert turns_of(tmp_path, MONDAY) == 10


def test_addresses_of_one_network_that_is_one_devices_count_once(file):
    counting = Helplines(file)
    for number in range(1, 20):
        counting.met(Client(f"2001:db8::{number:x}", "ks2"), AT)
    counting.write()
    assert turns_of(file.parent, MONDAY) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["met", "write", "restart"]), st.integers(1, 12), st.integers(0, 2 * DAY)),
        max_size=60,
    )
)
def test_two_readings_never_differ_by_less_than_five(tmp_path_factory, steps):
    file = file_of(tmp_path_factory.mktemp("spool"), "dns", 0)
    counting, at, readings = Helplines(file), AT, [{}]
    for what, number, later in steps:
        at += later
        if what == "met":
            counting.met(device(number), at)
        elif what == "write":
            counting.write()
        else:
            counting = Helplines(file)
        if file.exists():
            readings.append(msgspec.json.decode(file.read_bytes())["weeks"])
    changes = (after[week] - before.get(week, 0) for before, after in itertools.pairwise(readings) for week in after)
    assert all(change % FIVE == 0 and change >= 0 for change in changes)


def test_an_old_week_is_forgotten(file):
    counting = Helplines(file)
    for week in range(6):
        met(counting, range(5), AT + 7 * week * DAY)
    counting.write()
    assert len(msgspec.json.decode(file.read_bytes())["weeks"]) == helplines.WEEKS
    assert turns_of(file.parent, MONDAY) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"weeks":{"2027-01-11":3}}',
        b'{"weeks":{"2027-01-11":-5}}',
        b'{"weeks":{"tomorrow":5}}',
        b"\xff" * 9000,
    ],
    ids=["empty", "cut", "no five", "negative", "no date", "noise"],
)
def test_a_damaged_file_counts_as_none_and_is_begun_anew(file, content):
    file.write_bytes(content)
    assert shown(turns_of(file.parent, MONDAY)) == "not counted"
    counting = Helplines(file)
    met(counting, range(5), AT)
    counting.write()
    assert turns_of(file.parent, MONDAY) == 5


def test_a_link_in_the_spool_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b'{"weeks":{"2027-01-11":500}}')
    file_of(tmp_path, "dns", 0).symlink_to(tmp_path / "elsewhere")
    assert turns_of(tmp_path, MONDAY) is None


def test_a_file_that_cannot_be_written_is_said_and_costs_no_total(tmp_path, caplog):
    counting = Helplines(file_of(tmp_path / "away", "dns", 0))
    met(counting, range(5), AT)
    counting.write()
    assert "could not be written: No such file" in caplog.text
    (tmp_path / "away").mkdir()
    counting.write()
    assert turns_of(tmp_path / "away", MONDAY) == 5


def test_the_week_that_goes_on_is_never_the_one_that_is_shown(file):
    counting = Helplines(file)
    met(counting, range(20), AT)
    counting.write()
    assert last_week(file.parent, AT + DAY) == "not counted"
    assert last_week(file.parent, AT + 7 * DAY) == "at least 20"


def test_what_helplines_pages_share_with_other_sites_is_no_help_service():
    listed = set(defaults.list_files()["always-open"].read_text().split())
    shared = {row["host"] for row in defaults.table("help_parts")}
    assert shared <= listed
    opened = {host: is_helpline(Verdict(Action.ALLOW, Reason.ALWAYS_OPEN, rule=host)) for host in listed}
    assert {host for host, counts in opened.items() if not counts} == shared
    assert not is_helpline(Verdict(Action.ALLOW, Reason.OPEN, rule="childline.org.uk"))
