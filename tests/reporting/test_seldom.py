import pytest

from reporting.seldom import PAUSE, Seldom


@pytest.mark.parametrize("start", [0.0, 1e6])
def test_it_is_due_at_once_and_then_once_a_minute(start):
    moments = iter([start, start + 1, start + PAUSE - 1, start + PAUSE, start + PAUSE + 1])
    seldom = Seldom(lambda: next(moments))
    assert [seldom.due() for _ in range(5)] == [True, False, False, True, False]


def test_what_is_over_is_due_at_once_when_it_begins_again():
    seldom = Seldom(lambda: 5.0)
    assert not seldom.said
    assert seldom.due()
    assert seldom.said
    seldom.over()
    assert not seldom.said
    assert seldom.due()
