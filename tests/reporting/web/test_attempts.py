"""How often somebody may try to log in."""

import pytest

from reporting.web.attempts import (
    FIRST_WAIT,
    FORGOTTEN,
    FREE,
    KEPT,
    LONGEST_BY_ADDRESS,
    LONGEST_BY_NAME,
    Attempts,
)
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def attempts(clock):
    return Attempts(clock)


def fail(attempts, times, *, address="10.0.0.1", name="ann"):
    return [attempts.failed(address, name) for _ in range(times)]


def test_the_fifth_failure_makes_the_next_try_wait_and_each_further_one_doubles_it(attempts):
    waits = fail(attempts, FREE + 3)
    assert waits == [0] * (FREE - 1) + [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]


def test_an_address_waits_whatever_the_name_and_others_do_not(attempts, clock):
    fail(attempts, FREE)
    assert attempts.wait("10.0.0.1", "bob") == attempts.wait("10.0.0.1") == FIRST_WAIT
    assert attempts.wait("10.0.0.2", "bob") == 0
    clock.now += FIRST_WAIT
    assert attempts.wait("10.0.0.1", "ann") == 0


def test_a_name_tried_from_many_addresses_waits_everywhere(attempts):
    for number in range(FREE):
        attempts.failed(f"10.0.0.{number}", "ann")
    assert attempts.wait("10.9.9.9", "ann") == FIRST_WAIT
    assert attempts.wait("10.9.9.9", "bob") == 0


def test_the_wait_has_an_end_and_a_name_waits_less_long_than_an_address(attempts):
    assert fail(attempts, 100)[-1] == LONGEST_BY_ADDRESS
    assert attempts.wait("10.0.0.2", "ann") == LONGEST_BY_NAME


def test_waiting_forgives_nothing_until_an_hour_has_passed(attempts, clock):
    fail(attempts, FREE)
    clock.now += FIRST_WAIT
    assert fail(attempts, 1) == [2 * FIRST_WAIT]
    clock.now += FORGOTTEN
    assert fail(attempts, 1) == [0]


def test_tokens_count_for_the_address_and_for_no_name(attempts):
    for _ in range(FREE):
        attempts.failed("10.0.0.1")
    assert attempts.wait("10.0.0.1") == FIRST_WAIT
    assert attempts.wait("10.0.0.2") == attempts.wait("10.0.0.2", "") == 0


def test_a_success_forgets_the_failures_of_address_and_name(attempts):
    fail(attempts, FREE)
    attempts.succeeded("10.0.0.1", "ann")
    assert attempts.wait("10.0.0.1", "ann") == 0
    assert fail(attempts, 1) == [0]


def test_memory_is_bounded(attempts):
    for number in range(KEPT):
        attempts.failed(str(number), "x" * 60_000)
    assert len(attempts._failures) == KEPT
    assert max(len(name) for _, name in attempts._failures) < 300
