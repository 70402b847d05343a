import pytest

from blocklists import alias
from blocklists.alias import outranks
from blocklists.policy import ORDER, Reason


def test_every_reason_that_can_open_or_close_has_a_rank():
    assert set(alias._RANK) | alias._NOT_FOR_ALIASES == set(Reason)


def test_the_ranks_follow_the_order_of_the_decision():
    places = {step.__name__.strip("_"): place for place, step in enumerate(ORDER)}
    names = ["sealed", "always_open", "emergency", "pass", "profile_rule", "education", "category", "unknown"]
    ranks = [alias._RANK[Reason(name)] for name in names]

    assert ranks == sorted(ranks)
    assert [places[name] for name in names] == sorted(places[name] for name in names)


def test_a_sealed_alias_closes_everything_and_an_unknown_one_nothing():
    for asked in alias._RANK:
        assert outranks(Reason.SEALED, asked) is (asked not in (Reason.FAILURE, Reason.SEALED))
        assert not outranks(Reason.UNKNOWN, asked)


@pytest.mark.parametrize(
    ("other", "asked", "closes"),
    [
        (Reason.CATEGORY, Reason.CATEGORY, True),
        (Reason.CATEGORY, Reason.EDUCATION, False),
        (Reason.CATEGORY, Reason.PROFILE_RULE, False),
        (Reason.PROFILE_RULE, Reason.PROFILE_RULE, False),
        (Reason.PROFILE_RULE, Reason.CATEGORY, True),
        (Reason.EMERGENCY, Reason.PASS, True),
        (Reason.FAILURE, Reason.ALWAYS_OPEN, True),
    ],
)
def test_an_alias_closes_only_what_its_reason_outranks(other, asked, closes):
    assert outranks(other, asked) is closes


def test_a_helpline_stays_open_whatever_category_its_servers_have():
    assert not outranks(Reason.CATEGORY, Reason.ALWAYS_OPEN)
    assert outranks(Reason.CATEGORY, Reason.OPEN)
