import pytest

from blocklists.rulebook import Severity
from reporting import ladder
from reporting.alert_rules import HOUR, MINUTE
from reporting.settings import ContactSettings

ALL = {
    "dsl": "dsl@school.test", "dsl_confirmed": True, "headteacher": "head@school.test", "chair": "chair@school.test",
    "deputy": "deputy@school.test", "head_deputy": "second@school.test", "on_call": "phone@school.test",
}  # fmt: skip


def contacts(**fields):
    return ContactSettings(**{**ALL, **fields})


@pytest.mark.parametrize(
    ("fields", "audience", "about", "staff", "people"),
    [
        ({}, "dsl", 0, False, ("dsl", "deputy", "headteacher")),
        ({"deputy": ""}, "dsl", 0, False, ("dsl", "headteacher")),
        ({"persons": {"deputy": 4}}, "dsl", 4, False, ("dsl", "headteacher")),
        ({"persons": {"deputy": 4}}, "dsl", 5, False, ("dsl", "deputy", "headteacher")),
        ({}, "headteacher", 9, True, ("headteacher", "head_deputy")),
        ({"persons": {"head_deputy": 9}}, "headteacher", 9, True, ("headteacher",)),
        ({"dsl_confirmed": False}, "headteacher", 0, False, ("headteacher", "head_deputy", "deputy")),
        ({"dsl_confirmed": False}, "dsl", 0, False, ("deputy", "headteacher")),
        ({}, "chair", 9, True, ("chair",)),
        ({"chair": ""}, "chair", 9, True, ("chair",)),
        ({}, "governors", 0, False, ("governors",)),
    ],
)
def test_who_is_told_one_after_another(fields, audience, about, staff, people):
    assert ladder.people(contacts(**fields), audience, about, staff=staff) == people


def test_what_is_about_staff_never_climbs_to_the_dsl():
    for audience in ("headteacher", "chair"):
        assert not {"dsl", "deputy"} & set(ladder.people(contacts(), audience, 0, staff=True))


@pytest.mark.parametrize(
    ("step", "severity", "at_school", "waits"),
    [
        (0, Severity.URGENT, True, 20 * MINUTE),
        (1, Severity.ILLEGAL, True, 10 * MINUTE),
        (2, Severity.URGENT, True, HOUR),
        (2, Severity.URGENT, False, 4 * HOUR),
        (3, Severity.URGENT, False, 20 * MINUTE),
    ],
)
def test_how_long_each_has(step, severity, at_school, waits):
    people = ("dsl", "deputy", "headteacher")
    assert ladder.step_at(step, people, severity, at_school=at_school) == waits
    assert ladder.role_at(step, people) == people[step % 3]


@pytest.mark.parametrize(
    ("staff", "at_school", "told"),
    [(False, True, ["dsl"]), (False, False, ["dsl", "on_call"]), (True, False, ["dsl"])],
)
def test_out_of_hours_whoever_is_on_call_is_told_at_once_of_pupils(staff, at_school, told):
    assert list(ladder.at_once(contacts(), "dsl", staff=staff, at_school=at_school)) == told
    assert list(ladder.at_once(contacts(on_call=""), "dsl", staff=staff, at_school=at_school)) == ["dsl"]


def test_what_is_no_hurry_climbs_nowhere():
    assert [ladder.climbs(severity) for severity in Severity] == [False, False, False, True, True]
