import time

from blocklists import entry
from blocklists.policy import Reason
from blocklists.rulebook import Permit
from dns_filter import doors
from dns_filter.cache import Ready
from dns_filter.inner_door import InnerDoor
from dns_filter.school_door import SchoolDoor
from tests.dns_filter.conftest import HOUR


def now() -> int:
    return time.time_ns()


def test_before_there_is_a_policy_nobody_has_a_view():
    assert SchoolDoor(100_000).view("127.0.0.1", now()) is None
    assert InnerDoor(100_000).view("127.0.0.1", now()) is None


def test_a_verdict_is_decided_anew_when_it_ends(door):
    view = door.view("127.0.0.3", now())
    verdict = door.verdict(view, "127.0.0.3", "social.test", now())

    assert door.boundary <= verdict.until
    assert door.verdict(view, "127.0.0.3", "social.test", verdict.until - 1) is verdict
    again = door.view("127.0.0.3", verdict.until)
    assert door.verdict(again, "127.0.0.3", "social.test", verdict.until).until > verdict.until


def test_at_a_boundary_only_what_ends_is_forgotten(door):
    view = door.view("127.0.0.3", now())
    door.verdict(view, "127.0.0.3", "learning.test", now())
    ends = door.verdict(view, "127.0.0.3", "social.test", now()).until
    door.keep(view, b"stays", Ready(b"payload", 5, 60))
    door.keep(view, b"ends", Ready(b"payload", 5, 60), ends=True)

    assert door.view("127.0.0.3", ends) is view
    assert (set(view.answers), set(view.verdicts)) == ({b"stays"}, {"learning.test"})
    assert door.size == len(b"stays") + view.answers[b"stays"].size


def test_at_the_boundary_clients_are_found_anew_whoever_asks(door):
    door.view("127.0.0.1", now())
    end = door.boundary

    door.view("127.0.0.1", end - 1)
    assert door.boundary == end
    door.view("127.0.0.1", end)
    assert door.boundary > end


def test_a_verdict_that_is_over_is_not_remembered(door):
    view = door.view("127.0.0.3", now())
    verdict = door.verdict(view, "127.0.0.3", "social.test", now())
    view.verdicts.clear()
    door.clock_ok, door.boundary = False, doors.NEVER
    closed = Permit(3, opens=False, entries=("news.test",), until=now() - HOUR)
    door.policy.permits = (*door.policy.permits, (closed, entry.parse_all(closed.entries)))

    assert verdict.until > now()
    assert door.verdict(view, "127.0.0.3", "news.test", now()).blocked
    assert (view.verdicts, door.boundary) == ({}, doors.NEVER)


def test_a_failure_is_decided_again(door):
    view = door.view("127.0.0.1", now())
    door.policy.rules.clear()

    assert door.verdict(view, "127.0.0.1", "games.test", now()).reason in (Reason.FAILURE, Reason.PASS)
    assert door.verdict(view, "127.0.0.1", "other.test", now()).reason is Reason.FAILURE
    assert "other.test" not in view.verdicts


def test_emptying_keeps_the_counts(door):
    view = door.view("127.0.0.1", now())
    view.hits, view.stops = 5, 2
    door.empty()
    door.view("127.0.0.1", now()).hits = 1

    assert door.counts() == {("ks2", False): 6, ("ks2", True): 2}
    assert door.boundary > now()


def test_addresses_and_verdicts_are_bounded(door, monkeypatch):
    monkeypatch.setattr(doors, "ADDRESSES", 10)
    monkeypatch.setattr(doors, "VERDICTS", 10)
    for number in range(1, 60):
        view = door.view(f"127.0.0.{number}", now())
        door.verdict(view, f"127.0.0.{number}", f"n{number}.test", now())

    assert len(door.views) <= 10
    assert all(len(view.verdicts) <= 10 for view in door._all.values())


def test_an_answer_that_is_over_is_not_kept(door):
    view = door.view("127.0.0.1", now())
    door.keep(view, b"key", Ready(b"payload", 5, 0))
    assert (view.answers, door.stored) == ({}, 0)


def test_finished_answers_stay_within_their_bytes_and_are_counted_right(live):
    door = SchoolDoor(10_000)
    door.policy, door.clients = live.policy, live.clients
    views = [door.view(address, now()) for address in ("127.0.0.10", "127.0.0.2")]
    for number in range(300):
        door.keep(views[number % 2], b"key%d" % (number % 200), Ready(bytes(number), 5, 60))

        assert 0 < door.size <= 10_000
        assert door.size == sum(len(key) + kept.size for view in views for key, kept in view.answers.items())
    assert door.stored == sum(len(view.answers) for view in views)


def test_counting_takes_nothing_from_the_seats(door):
    seat = door.seat(b"raw", "127.0.0.10", now())
    seat.seen.append("")
    seat.stops = 2

    assert door.counts() == door.counts() == {("ks2", False): 1, ("ks2", True): 2}
    assert (seat.seen, seat.stops) == ([""], 2)
    list(door.look(now(), 1.0))
    assert door.counts() == {("ks2", False): 1, ("ks2", True): 2}
