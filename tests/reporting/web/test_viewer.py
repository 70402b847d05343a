"""Who may read what."""

import itertools

from sqlalchemy import select

from reporting.accounts import ROLES
from reporting.models import AlertRow, BreachRow
from reporting.web.viewer import Viewer

ROLE_SETS = [frozenset(some) for size in range(len(ROLES) + 1) for some in itertools.combinations(ROLES, size)]
PROFILES = ("ks2", "staff", "no-longer-a-profile")


def viewers():
    """Everybody who could look, with and without a policy, where head and DSL are one person and where not."""
    policies = ({}, {"pupils": frozenset({"ks2"}), "themeless": frozenset({"", "gambling"})})
    for roles, policy, one_person in itertools.product(ROLE_SETS, policies, (False, True)):
        yield Viewer(roles, one_person=one_person, **policy)


async def test_a_query_finds_just_the_entries_that_are_held_for_nobody(pages):
    kinds = itertools.product(PROFILES, ("", "gambling", "renamed"), ("", "malware", "hate"), ("category", "sealed"))
    for profile, category, theme, reason in kinds:
        await pages.breach(profile=profile, category=category, theme=theme, reason=reason)
    async with pages.database.reading() as session:
        rows = list(await session.scalars(select(BreachRow)))
        for viewer in viewers():
            found = set(await session.scalars(select(BreachRow.id).where(viewer.readable())))
            assert found == {row.id for row in rows if not viewer.holder(row)}, viewer


async def test_a_query_finds_just_the_alerts_that_are_held_for_nobody(pages):
    for profile, audience in itertools.product(PROFILES, ("dsl", "headteacher", "chair")):
        await pages.alert(profile=profile, audience=audience)
    async with pages.database.reading() as session:
        rows = list(await session.scalars(select(AlertRow)))
        for viewer in viewers():
            found = set(await session.scalars(select(AlertRow.id).where(viewer.alerts())))
            assert found == {row.id for row in rows if not viewer.alert_holder(row, row.audience)}, viewer


async def test_who_is_both_headteacher_and_dsl_reads_nothing_about_staff(pages):
    entry = await pages.breach(profile="staff", category="extremism", theme="radicalisation")
    number = await pages.alert(entry, profile="staff", audience="headteacher")
    async with pages.database.reading() as session:
        row, alert = await session.get_one(BreachRow, entry), await session.scalar(select(AlertRow))
        assert alert.number == number
        for viewer in viewers():
            if {"headteacher", "dsl"} <= viewer.roles and not (viewer.one_person and "chair" in viewer.roles):
                assert viewer.holder(row)
                assert viewer.alert_holder(alert, alert.audience)
                assert viewer.alert_holder(row, alert.audience)
