"""The names that a search looks through: all of a batch, at once, and written with little ado."""

import pytest
from sqlalchemy import func, select, text, true

from reporting import host_search
from reporting.database import opened
from reporting.host_search import AT_ONCE
from reporting.log_models import BreachNameRow


@pytest.fixture
async def session(tmp_path):
    async with opened(tmp_path / "school.db") as database, database.writing() as writing:
        yield writing


def named(*hosts, **fields):
    row = {"reason": "category", "theme": "", "category": "games", "profile": "ks2"} | fields
    return [row | {"host": host} for host in hosts]


async def matching(session, part):
    return await host_search.matching(session, part, true(), 10)


async def known(session):
    return await session.scalar(select(func.count()).select_from(BreachNameRow))


async def test_each_name_of_a_batch_is_found_by_its_part_before_the_batch_is_committed(session):
    count = 2 * AT_ONCE + 1
    await host_search.remember(session, named(*(f"host{number:05}.test" for number in range(count))))
    assert await known(session) == count
    for number in (0, AT_ONCE - 1, AT_ONCE, count - 1):
        assert await matching(session, f"st{number:05}.t") == (f"host{number:05}.test",)


async def test_a_name_that_is_known_is_passed_over_and_the_new_ones_beside_it_are_not(session):
    await host_search.remember(session, named("known.test"))
    await host_search.remember(session, named("known.test", "new.test", "other.test"))
    await host_search.remember(session, named("known.test", profile="ks3"))
    assert await known(session) == 4
    assert await matching(session, "known") == ("known.test",)
    assert await matching(session, "new") == ("new.test",)


async def test_a_batch_without_a_name_adds_none(session):
    await host_search.remember(session, [*named(""), *named("illegal.test", reason="sealed")])
    assert await known(session) == 0


async def test_the_index_is_written_once_for_a_batch_and_not_for_each_name(session):
    """Where each name wrote it anew, taking in took twice the time, and a card wore out as much sooner."""

    async def changes():
        return await session.scalar(text("SELECT total_changes()"))

    before = await changes()
    await host_search.remember(session, named(*(f"host{number}.test" for number in range(500))))
    assert await changes() - before < 4 * 500
