import asyncio
import random

import pytest

from dns_filter.turns import PART, Share, Turns

A, B, NEWCOMER = Share("192.0.2.1"), Share("192.0.2.2"), Share("192.0.2.3")


class Asker:
    """Somebody whose questions take until they are ended."""

    def __init__(self, turns: Turns, share: Share) -> None:
        self.turns, self.share = turns, share
        self.under_way: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task] = []

    async def ask(self, count: int = 1) -> int:
        """Put *count* questions; how many of all are under way."""
        self.tasks += [asyncio.create_task(self._one()) for _ in range(count)]
        return await self.had()

    async def had(self) -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        return len(self.under_way)

    async def _one(self) -> None:
        async with self.turns.turn(self.share):
            ended = asyncio.Event()
            self.under_way.append(ended)
            await ended.wait()

    def answered(self) -> None:
        self.under_way.pop(0).set()


@pytest.fixture
async def asker():
    made: list[Asker] = []

    def make(turns: Turns, share: Share) -> Asker:
        made.append(Asker(turns, share))
        return made[-1]

    yield make
    tasks = [task for one in made for task in one.tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all((one.turns._queues, one.turns._held) == ({}, {}) for one in made)


async def test_a_client_alone_has_many_places_and_not_all(asker):
    assert await asker(Turns(90), A).ask(90) == 10


async def test_a_share_that_asks_for_everybody_has_half(asker):
    assert await asker(Turns(90), Share("inner", PART)).ask(90) == 45


@pytest.mark.parametrize(("places", "greedy"), [(524, 39), (2000, 68)])
async def test_dozens_of_clients_that_take_all_they_can_leave_a_place_for_another(asker, places, greedy):
    turns = Turns(places)
    for number in range(greedy):
        assert await asker(turns, Share(f"198.51.100.{number}")).ask(50) > 0

    assert await asker(turns, NEWCOMER).ask() == 1


async def test_who_has_fewest_places_is_called_before_who_came_first(asker):
    turns = Turns(9)
    first = asker(turns, A)
    assert await first.ask(3) == 1
    others = [asker(turns, Share(f"198.51.100.{number}")) for number in range(8)]
    for other in others:
        await other.ask()
    late = asker(turns, B)
    assert await late.ask() == 0

    others[0].answered()
    assert (await late.had(), await first.had()) == (1, 1)


async def test_of_equals_each_is_called_in_turn():
    turns, order = Turns(1), []

    async def one(share: Share) -> None:
        async with turns.turn(share):
            order.append(share)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(share) for share in (NEWCOMER, A, A, A, B, B)))
    assert order == [NEWCOMER, A, B, A, B, A]


async def test_who_gave_up_waiting_is_passed_over(asker):
    turns = Turns(1)
    first, second = asker(turns, A), asker(turns, B)
    assert (await first.ask(), await second.ask(3)) == (1, 0)
    second.tasks[0].cancel()
    second.tasks[1].cancel()
    first.answered()

    assert await second.had() == 1


async def test_who_gave_up_waiting_is_forgotten_at_once(asker):
    turns = Turns(1)
    first, second = asker(turns, A), asker(turns, B)
    assert (await first.ask(), await second.ask(3)) == (1, 0)
    for task in second.tasks:
        task.cancel()
    await second.had()

    assert not turns._queues


async def test_a_place_that_is_given_up_as_it_comes_goes_to_the_next(asker):
    turns = Turns(1)
    first, second, third = asker(turns, A), asker(turns, B), asker(turns, NEWCOMER)
    assert (await first.ask(), await second.ask(), await third.ask()) == (1, 0, 0)
    first.answered()
    await asyncio.sleep(0)  # the first is done, and the second called but not yet awake
    second.tasks[0].cancel()

    assert (await second.had(), await third.had()) == (0, 1)


async def test_whatever_comes_and_goes_every_place_comes_back(asker):
    chance, turns = random.Random(7), Turns(20)
    crowd = [asker(turns, Share(f"198.51.100.{number}", 1 + number % 3)) for number in range(30)]
    for _ in range(2000):
        one = chance.choice(crowd)
        match chance.randrange(3):
            case 0:
                await one.ask(chance.randrange(4))
            case 1 if one.under_way:
                one.answered()
            case 2 if one.tasks:
                one.tasks.pop(chance.randrange(len(one.tasks))).cancel()
        assert sum(turns._held.values()) + turns._free == 20
        assert turns._free >= 0
