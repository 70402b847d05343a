import pytest

from blocklists import alias
from blocklists.alias import outranks
from blocklists.policy import ORDER, Action, Reason, Verdict
from blocklists.profile import Code


def closed(reason: Reason, code: str = "", *, harm: bool = False) -> Verdict:
    return Verdict(Action.BLOCK, reason, code=code, grave=harm)


def opened(reason: Reason) -> Verdict:
    return Verdict(Action.ALLOW, reason)


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
        assert outranks(closed(Reason.SEALED), opened(asked)) is (asked not in (Reason.FAILURE, Reason.SEALED))
        assert not outranks(closed(Reason.UNKNOWN), opened(asked))


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
    assert outranks(closed(other), opened(asked)) is closes


def test_a_helpline_stays_open_whatever_category_its_servers_have():
    assert not outranks(closed(Reason.CATEGORY), opened(Reason.ALWAYS_OPEN))
    assert outranks(closed(Reason.CATEGORY), opened(Reason.OPEN))


@pytest.mark.parametrize(
    ("alias", "asked", "closes"),
    [
        (closed(Reason.CATEGORY, Code.LOCKED), Reason.PASS, True),
        (closed(Reason.CATEGORY, Code.CLOSED, harm=True), Reason.PASS, False),
        (closed(Reason.CATEGORY, Code.CLOSED, harm=True), Reason.EDUCATION, True),
        (closed(Reason.CATEGORY, Code.LOCKED), Reason.EDUCATION, False),
        (closed(Reason.CATEGORY, Code.LOCKED, harm=True), Reason.PROFILE_RULE, False),
        (closed(Reason.NOT_APPROVED, Code.LOCKED), Reason.PASS, True),
        (closed(Reason.NOT_APPROVED, Code.LOCKED), Reason.APPROVED, False),
        (closed(Reason.NOT_APPROVED, Code.CLOSED), Reason.PASS, False),
    ],
)
def test_no_pass_reaches_an_alias_that_is_locked_and_no_education_one_that_is_harm(alias, asked, closes):
    assert outranks(alias, opened(asked)) is closes
