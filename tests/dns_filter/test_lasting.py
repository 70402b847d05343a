"""For how long answers may be used: never beyond the verdict that made them."""

import pytest

from blocklists.policy import Action, Reason, Verdict
from dns_filter.doors import NEVER
from dns_filter.lasting import NS, RUNWAY, Lasting

NOW = 1_000_000 * NS
ENDLESS = Verdict(Action.BLOCK, Reason.CATEGORY)
FAILED = Verdict(Action.BLOCK, Reason.FAILURE)


def ending(seconds: float) -> Verdict:
    return Verdict(Action.BLOCK, Reason.CATEGORY, until=NOW + int(seconds * NS))


@pytest.fixture
def lasting() -> Lasting:
    return Lasting(lambda: NOW, lambda: 500.7)


@pytest.mark.parametrize(
    ("verdict", "most", "seconds"),
    [(ENDLESS, 60, 60), (ending(300), 60, 60), (ending(12.9), 60, 12), (ending(0.5), 60, 0), (ending(-5), 60, 0)],
)
def test_a_verdict_holds_for_whole_seconds_and_no_longer_than_is_asked(lasting, verdict, most, seconds):
    assert lasting.seconds_left(verdict, most) == seconds


@pytest.mark.parametrize(
    ("verdict", "ttl", "seconds"),
    [(ENDLESS, 10, RUNWAY), (ending(300), 10, RUNWAY), (ending(25), 10, 15), (ending(5), 10, -5)],
)
def test_an_answer_is_used_until_who_has_it_would_keep_it_beyond_the_verdict(lasting, verdict, ttl, seconds):
    assert lasting.runway(verdict, ttl) == seconds


@pytest.mark.parametrize(("life", "second"), [(1, 501), (60, 560), (0, 0), (-5, 0)])
def test_a_stop_is_over_in_a_second_or_does_not_last(lasting, life, second):
    assert lasting.second_in(life) == second


@pytest.mark.parametrize(
    ("verdict", "most", "second"),
    [
        (ENDLESS, NEVER, NEVER),
        (ENDLESS, 30, 530),
        (ENDLESS, 0, 0),
        (ending(300), NEVER, 500 + RUNWAY),
        (ending(25), NEVER, 515),
        (ending(25), 3, 503),
        (ending(5), NEVER, 0),
        (FAILED, NEVER, 0),
    ],
)
def test_a_block_stands_until_its_verdict_or_its_alias_ends(lasting, verdict, most, second):
    assert lasting.stands_until(verdict, 10, most) == second
