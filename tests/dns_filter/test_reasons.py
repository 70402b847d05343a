import pytest

from blocklists.policy import ORDER, Action, Reason, Verdict
from dns_filter import reasons
from dns_filter.reasons import outranks, told
from dns_filter.reply import Note


def test_every_reason_that_can_open_or_close_has_a_rank():
    assert set(reasons._RANK) | reasons._NOT_FOR_ALIASES == set(Reason)


def test_the_ranks_follow_the_order_of_the_decision():
    places = {step.__name__.strip("_"): place for place, step in enumerate(ORDER)}
    names = ["sealed", "always_open", "emergency", "pass", "profile_rule", "education", "category", "unknown"]
    ranks = [reasons._RANK[Reason(name)] for name in names]

    assert ranks == sorted(ranks)
    assert [places[name] for name in names] == sorted(places[name] for name in names)


def test_a_sealed_alias_closes_everything_and_an_unknown_one_nothing():
    for asked in reasons._RANK:
        assert outranks(Reason.SEALED, asked) is (asked not in (Reason.FAILURE, Reason.SEALED))
        assert not outranks(Reason.UNKNOWN, asked)


@pytest.mark.parametrize(
    ("alias", "asked", "closes"),
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
def test_an_alias_closes_only_what_its_reason_outranks(alias, asked, closes):
    assert outranks(alias, asked) is closes


@pytest.mark.parametrize(
    ("verdict", "note"),
    [
        (Verdict(Action.BLOCK, Reason.SEALED, category="illegal", rule="hash"), Note(16, "blocked")),
        (Verdict(Action.BLOCK, Reason.FAILURE, rule="KeyError"), Note(0, "blocked: no decision could be made")),
        (Verdict(Action.BLOCK, Reason.NOT_APPROVED), Note(15, "blocked: not approved (ks1)")),
        (Verdict(Action.BLOCK, Reason.CATEGORY, category="self_harm"), Note(15, "blocked: self harm (ks1)")),
    ],
)
def test_a_client_is_told_category_and_profile_and_nothing_secret(verdict, note):
    assert told(verdict, "ks1") == note


def test_a_helpline_stays_open_whatever_category_its_servers_have():
    assert not outranks(Reason.CATEGORY, Reason.ALWAYS_OPEN)
    assert outranks(Reason.CATEGORY, Reason.OPEN)
