"""How often somebody may try to log in."""

from reporting.web.attempts import BY_ADDRESS, BY_NAME, KEPT, Attempts


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_address_is_slowed_after_its_failures_and_let_go_later():
    clock = Clock()
    attempts = Attempts(clock)
    most, seconds = BY_ADDRESS
    for _ in range(most):
        assert attempts.wait("10.0.0.1", "ann") == 0
        attempts.failed("10.0.0.1", "ann")
    assert attempts.wait("10.0.0.1", "bob") == seconds
    assert attempts.wait("10.0.0.2", "ann") == 0
    clock.now += seconds
    assert attempts.wait("10.0.0.1", "ann") == 0


def test_a_name_tried_from_many_addresses_is_slowed_too():
    attempts = Attempts(Clock())
    for number in range(BY_NAME[0]):
        attempts.failed(f"10.0.0.{number}", "ann")
    assert attempts.wait("10.9.9.9", "ann") == BY_NAME[1]
    assert attempts.wait("10.9.9.9", "bob") == 0


def test_a_success_forgets_the_addresss_failures():
    attempts = Attempts(Clock())
    for _ in range(BY_ADDRESS[0]):
        attempts.failed("10.0.0.1", "ann")
    attempts.succeeded("10.0.0.1")
    assert attempts.wait("10.0.0.1", "ann") == 0


def test_memory_is_bounded():
    attempts = Attempts(Clock())
    for number in range(KEPT):
        attempts.failed(str(number), "x" * 60_000)
    assert len(attempts._failures) == KEPT
    assert max(len(name) for _, name in attempts._failures) < 300
