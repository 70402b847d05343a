import pytest

from dns_filter.upstream_health import DEAD, FIRST_PROBE, LAST_PROBE, LATEST, SOONEST, UNKNOWN, Health


def health(*seconds: float) -> Health:
    made = Health()
    for one in seconds:
        made.heard(one)
    return made


def dead(now: float = 0.0) -> Health:
    made = Health()
    for _ in range(DEAD):
        made.lost(now)
    return made


def test_who_never_answered_is_asked_first_and_given_a_while():
    assert (Health().alive, Health().cost, Health().usual) == (True, (False, 0.0), UNKNOWN)


def test_time_is_smoothed():
    assert health(0.1).rtt == 0.1
    assert 0.1 < health(0.1, 0.9).rtt < 0.25
    assert health(*[0.9] * 60).rtt == pytest.approx(0.9)


@pytest.mark.parametrize(("seconds", "usual"), [(0.0001, SOONEST), (0.1, 0.25), (9.0, LATEST)])
def test_what_is_usual_has_bounds(seconds, usual):
    assert health(seconds).usual == usual


def test_nineteen_of_twenty_answers_come_within_the_usual_time():
    times = [0.05 + 0.01 * (number * 7 % 20) for number in range(400)]
    usual = health(*times).usual
    assert sum(one <= usual for one in times) >= 0.95 * len(times)


def test_who_is_overdue_is_asked_after_others_until_it_answers():
    slow, quick = health(0.1), health(0.01)
    quick.overdue()
    assert slow.cost < quick.cost
    quick.heard(0.01)
    assert quick.cost < slow.cost


def test_who_leaves_some_questions_unanswered_is_dead_until_it_answers():
    one = dead()
    assert not one.alive
    assert health(5.0).cost < one.cost
    one.heard(0.1)
    assert one.alive


def test_a_dead_one_is_probed_less_and_less_often():
    one, now, probes = dead(), 0.0, []
    while now < 200:
        now += 0.5
        if one.to_probe(now):
            probes.append(now)
    pauses = [b - a for a, b in zip([0.0, *probes], probes, strict=False)]
    assert pauses[:5] == [FIRST_PROBE, 2, 4, 8, 16]
    assert set(pauses[5:]) == {LAST_PROBE}


def test_one_that_lives_needs_no_probe():
    assert not health(0.1).to_probe(1000.0)
