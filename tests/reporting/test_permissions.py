"""Who may do what: the table, and what it must never say."""

import itertools

import pytest

from reporting.permissions import GIVES, MAY, ROLES, SAFEGUARDING, Action, gives, may, needs_second_step

SETS = [frozenset(some) for size in range(3) for some in itertools.combinations(ROLES, size)]


def test_every_action_is_in_the_table_and_every_role_in_it_is_one():
    assert set(MAY) == set(Action)
    assert all(roles and roles <= set(ROLES) for roles in MAY.values())


@pytest.mark.parametrize("action", Action)
def test_somebody_with_two_roles_may_do_what_either_may(action):
    for one, other in itertools.product(ROLES, ROLES):
        assert may({one, other}, action) == (may({one}, action) or may({other}, action))
    assert not may((), action)


@pytest.mark.parametrize("role", ["technician", "governor", "auditor"])
def test_whoever_is_not_of_safeguarding_reads_no_alert_no_incident_and_no_name(role):
    mine = {action for action in Action if may({role}, action)}
    assert not {action for action in mine if action.split(".")[0] in {"alerts", "incidents", "names"}}


@pytest.mark.parametrize(("deputy", "role"), [("deputy", "dsl"), ("head_deputy", "headteacher")])
def test_a_deputy_does_what_they_stand_in_for_does_but_see_to_accounts(deputy, role):
    theirs, of_role = ({action for action in Action if may({one}, action)} for one in (deputy, role))
    assert of_role - theirs == {Action.ACCOUNTS_READ, Action.ACCOUNTS_MANAGE}
    assert theirs < of_role
    assert gives({deputy}) == frozenset()


@pytest.mark.parametrize("role", ["governor", "auditor"])
def test_a_governor_and_an_auditor_read_no_entry_of_the_log(role):
    assert not [action for action in Action if may({role}, action) and action.startswith("breaches")]


@pytest.mark.parametrize("roles", SETS, ids=lambda roles: "+".join(sorted(roles)) or "nobody")
def test_whoever_may_give_a_role_may_also_see_the_accounts(roles):
    assert not gives(roles) or may(roles, Action.ACCOUNTS_MANAGE)


def test_nobody_gives_what_reads_more_than_they_read():
    assert GIVES["technician"].isdisjoint(SAFEGUARDING)
    assert GIVES["dsl"] & {"headteacher", "head_deputy", "chair"} == set()
    assert "chair" not in GIVES["headteacher"]
    assert gives({"technician", "dsl"}) == GIVES["technician"] | GIVES["dsl"]
    assert gives(()) == set()


def test_every_role_can_be_given_by_somebody():
    assert gives(ROLES) == set(ROLES)


@pytest.mark.parametrize(
    ("role", "needs"), [("technician", False), ("dsl", True), ("deputy", True), ("head_deputy", True), ("chair", True)]
)
def test_whoever_reads_alerts_needs_a_second_step(role, needs):
    assert needs_second_step({role, "governor"}) is needs
