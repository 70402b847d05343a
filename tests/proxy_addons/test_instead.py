"""What stood somewhere stands there again, whatever happens in between."""

import pytest

from proxy_addons.instead import instead


class Base:
    said = "base"


class Own(Base):
    told = "own"


def test_ours_stands_there_and_afterwards_theirs() -> None:
    with instead((Own, "told", "ours"), (Base, "said", "other")):
        assert (Own.told, Own.said) == ("ours", "other")
    assert (Own.told, Own.said) == ("own", "base")


def test_what_was_inherited_is_inherited_again() -> None:
    with instead((Own, "said", "ours")):
        assert (Own.said, Base.said) == ("ours", "base")
    assert "said" not in vars(Own)


def test_of_two_that_stand_at_one_place_the_last_one_goes_first() -> None:
    with instead((Own, "told", "first")), instead((Own, "told", "second")):
        assert Own.told == "second"
    assert Own.told == "own"


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError), instead((Own, "told", "ours")):
        raise ZeroDivisionError
    assert Own.told == "own"
