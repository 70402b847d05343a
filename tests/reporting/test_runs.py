"""The accounts of clients, by the address that a row is counted on."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists.clients import Client
from blocklists.rulebook import Severity
from reporting import runs as runs_module
from reporting.runs import NETWORK_ROWS, QUESTIONS, ROWS, RUNS_EACH, Run, Runs, count_repeat, who_is
from tests.support.journals import breach

PREFIX = "2001:db8:0:7"


@pytest.fixture
def runs():
    return Runs()


def record(runs, number, address, *, now=0.0, name=None, **fields):
    """Put a breach on record as a recorder does; its row, or None where it was counted."""
    one = breach(number, address=address, **fields)
    account, name, row = runs.place(number if name is None else name, one, address, now)
    if (run := account.runs.get(name)) is not None:
        run.add(one.at_ns)
        run.note(one.host)
        return None
    if (oldest := runs.in_the_way(account)) is not None:
        runs.close(oldest)
    runs.open(name, account, number, row, now)
    return row


def test_an_address_has_its_rows_and_then_a_flood(runs):
    rows = [record(runs, number, "10.0.0.7") for number in range(ROWS + 5)]
    assert [row.flood for row in rows[: ROWS + 1]] == [False] * ROWS + [True]
    assert rows[ROWS + 1 :] == [None] * 4


@pytest.mark.parametrize(
    "other", [{"person": 2}, {"device": 2}, {"client": 2}, {"profile": "staff"}, {"severity": Severity.CONCERN}]
)
def test_what_another_did_or_weighs_more_has_a_row_of_its_own(runs, other):
    record(runs, 0, "10.0.0.7", name="a")
    record(runs, 1, "10.0.0.7", name="a")
    assert record(runs, 2, "10.0.0.7", name="a", **other) == breach(2, address="10.0.0.7", **other)
    assert record(runs, 3, "10.0.0.7", name="a", **other) is None
    assert runs.counted() == 2


def test_the_runs_of_whoever_was_at_an_address_are_not_those_of_who_is_there_now(runs):
    record(runs, 0, "10.0.0.7", name="a", client=7, person=1)
    assert list(runs.of("10.0.0.7", who_is(Client("10.0.0.7", "ks2", 7, person=1)))) == ["a"]
    assert not runs.of("10.0.0.7", who_is(Client("10.0.0.7", "ks2", 7, person=2)))


def test_one_more_of_an_address_is_counted_on_its_run_whoever_else_logged_in(runs):
    for address in ("10.0.0.7", "10.0.0.8"):
        record(runs, 0, address, name="a", person=1)
    record(runs, 1, "10.0.0.7", name="a", person=2)
    assert record(runs, 2, "10.0.0.8", name="a", person=1) is None


def test_a_run_that_was_left_is_closed_when_its_time_comes_and_takes_no_later_one_with_it(runs):
    record(runs, 0, "10.0.0.7", name="a", person=1)
    record(runs, 1, "10.0.0.7", name="a", person=2)
    left = runs.next_due()
    assert left.ends < 0.0
    runs.close(left)
    assert runs.of("10.0.0.7")["a"].of == 1


def test_a_repeat_of_an_open_run_needs_no_row(runs):
    record(runs, 0, "10.0.0.7", name="a")
    for number in range(ROWS):
        record(runs, number, "10.0.0.7", name=number)
    assert record(runs, 9, "10.0.0.7", name="a") is None
    assert runs.of("10.0.0.7")["a"].count == 1


def test_a_network_of_many_addresses_has_ten_times_the_rows_and_then_a_flood_that_is_nobodys(runs):
    rows = [record(runs, number, f"{PREFIX}::{number + 1:x}", device=5, person=6) for number in range(NETWORK_ROWS + 5)]
    flood = rows[NETWORK_ROWS]
    assert (flood.flood, flood.address) == (True, f"{PREFIX}::/64")
    assert (flood.client, flood.device, flood.person) == (0, 0, 0)
    assert rows[NETWORK_ROWS + 1 :] == [None] * 4
    assert sum(row is not None and not row.flood for row in rows) == NETWORK_ROWS


def test_an_address_that_has_its_runs_keeps_them_in_a_flood_of_its_network(runs):
    record(runs, 0, f"{PREFIX}::1", name="mine")
    for number in range(1, NETWORK_ROWS + 5):
        record(runs, number, f"{PREFIX}::{number + 1:x}")
    assert record(runs, 0, f"{PREFIX}::1", name="mine") is None
    assert record(runs, 0, f"{PREFIX}::1", name="more") is None
    assert list(runs.of(f"{PREFIX}::1")) == ["mine"]


def test_what_is_grave_has_a_row_in_a_flood_of_its_network_for_each_address(runs):
    for number in range(NETWORK_ROWS + 5):
        record(runs, number, f"{PREFIX}::{number + 1:x}")
    for address in (f"{PREFIX}::aaaa", f"{PREFIX}::bbbb"):
        row = record(runs, 1, address, name="grave", severity=Severity.ILLEGAL)
        assert (row.flood, row.address) == (False, address)
        assert record(runs, 1, address, name="grave", severity=Severity.ILLEGAL) is None


def test_another_network_has_rows_of_its_own(runs):
    for number in range(NETWORK_ROWS + 5):
        record(runs, number, f"{PREFIX}::{number + 1:x}")
    assert not record(runs, 1, "2001:db8:0:8::1").flood


def test_a_client_makes_room_with_its_own_oldest_run(runs):
    record(runs, 0, "10.0.0.8", name="other")
    for number in range(RUNS_EACH + 10):
        record(runs, number, "10.0.0.7", severity=Severity.URGENT)
    assert list(runs.of("10.0.0.7")) == list(range(10, RUNS_EACH + 10))
    assert list(runs.of("10.0.0.8")) == ["other"]


def test_with_all_runs_open_a_client_gives_up_its_own_and_a_new_one_the_next_due(runs, monkeypatch):
    monkeypatch.setattr(runs_module, "RUNS", 3)
    for number, address in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.3")):
        record(runs, number, address)
    assert {address: list(runs.of(address)) for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3")} == {
        "10.0.0.1": [],
        "10.0.0.2": [2, 3],
        "10.0.0.3": [4],
    }


def test_idle_accounts_are_forgotten_and_busy_ones_are_not(runs):
    record(runs, 0, "10.0.0.7", name="a")
    record(runs, 0, "10.0.0.8", name="b")
    runs.close(runs.of("10.0.0.7")["a"])
    runs.tidy(30.0)
    kept = runs.of("10.0.0.7")
    runs.tidy(30.5)
    runs.tidy(90.0)
    record(runs, 0, "10.0.0.7", now=90.0)
    assert runs.of("10.0.0.7") is not kept
    assert list(runs.of("10.0.0.8")) == ["b"]


def test_beyond_the_accounts_strangers_share_one_and_are_told_apart(runs, monkeypatch):
    monkeypatch.setattr(runs_module, "ACCOUNTS", 2)
    for address in ("10.0.0.1", "10.0.0.2"):
        record(runs, 0, address, name="a")
    assert record(runs, 0, "10.0.0.3", name="a").address == "10.0.0.3"
    assert record(runs, 0, "10.0.0.4", name="a").address == "10.0.0.4"
    assert record(runs, 0, "10.0.0.3", name="a") is None
    assert record(runs, 0, "10.0.0.3", name="a", person=2).person == 2
    assert not runs.of("10.0.0.3")
    rows = [record(runs, number, "10.0.0.5") for number in range(NETWORK_ROWS)]
    assert [row.address for row in rows if row and row.flood] == [""]


def test_an_idle_account_makes_room_for_another(runs, monkeypatch):
    monkeypatch.setattr(runs_module, "ACCOUNTS", 1)
    record(runs, 0, "10.0.0.1", name="a")
    runs.close(runs.of("10.0.0.1")["a"])
    record(runs, 0, "10.0.0.2", now=100.0, name="b")
    assert list(runs.of("10.0.0.2")) == ["b"]


def test_an_ipv4_address_written_as_ipv6_is_a_client_by_itself(runs):
    for number in range(ROWS + 5):
        record(runs, number, "::ffff:10.0.0.7")
    assert not record(runs, 0, "::ffff:10.0.0.8").flood


@pytest.mark.parametrize("host", ["", "\udc80.test", "x" * 254], ids=["sealed", "surrogate", "too long"])
def test_what_is_no_host_name_is_no_sample(host):
    run = Run("a", Runs()._strangers, 0, breach(host=""), 0.0)
    run.note(host, b"")
    assert run.hosts == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["10.0.0.1", "10.0.0.2", f"{PREFIX}::1", f"{PREFIX}::2"]),
            st.integers(0, 200),
            st.sampled_from([Severity.NONE, Severity.NOTE, Severity.URGENT]),
            st.integers(1, 3),
            st.floats(0, 2),
        ),
        max_size=400,
    )
)
@example([("10.0.0.1", 0, Severity.NONE, 1, 2.0)] * 12)
def test_rows_and_counts_are_all_that_was_offered(asked):
    runs, rows, now, written = Runs(), 0, 0.0, 0
    for address, number, severity, person, pause in asked:
        now += pause
        rows += record(runs, number, address, now=now, severity=severity, person=person) is not None
        while (run := runs.next_due()) and run.due <= now:
            over = not run.count or now >= run.ends
            written, run.count = written + run.count, 0  # as the recorder does
            runs.close(run) if over else runs.look_again(run, now)
    assert rows + written + runs.counted() == len(asked)
    still_open = {run for account in runs._accounts.values() for run in account.runs.values()}
    assert {run for run in runs._due if run.ends > now} == still_open
    assert len(runs) == len(still_open) + sum(run.ends <= now for run in runs._due)


def test_a_run_remembers_no_more_questions_than_two_hosts_are_asked_for():
    run = Run("a", Runs()._strangers, 0, breach(), 0.0)
    for number in range(2 * QUESTIONS):
        run.note("host0.gambling.test", number.to_bytes(2))
    assert run.asked is None
    assert count_repeat({"a": run}, "a", 1, b"any other")


def test_a_repeat_is_counted_where_run_and_question_are_known():
    run = Run("a", Runs()._strangers, 0, breach(), 0.0)
    run.note("host0.gambling.test", b"known")
    counted = [count_repeat({"a": run}, *one) for one in (("a", 1, b"known"), ("a", 2, b"known"), ("a", 3, b"new"))]
    assert counted == [True, True, False]
    assert not count_repeat({"a": run}, "b", 4, b"known")
    assert (run.count, run.first_ns, run.last_ns) == (2, 1, 2)
