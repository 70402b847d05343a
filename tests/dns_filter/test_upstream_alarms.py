import asyncio

from dns_filter.upstream_alarms import Alarms


class Bell:
    def __init__(self, then=None):
        self.rung = asyncio.Event()
        self.then = then

    def ring(self):
        self.rung.set()
        if self.then:
            self.then()


async def test_alarms_ring_at_their_time_and_in_order():
    alarms, late, soon = Alarms(), Bell(), Bell()
    began = alarms.now()
    alarms.at(began + 0.05, late)
    alarms.at(began + 0.02, soon)
    await soon.rung.wait()
    assert not late.rung.is_set()
    await late.rung.wait()
    assert 0.05 <= alarms.now() - began < 1.0


async def test_who_has_left_is_not_rung():
    alarms, gone, stays = Alarms(), Bell(), Bell()
    when = alarms.now() + 0.02
    alarms.at(when, gone).discard(gone)
    alarms.at(when, stays)
    await stays.rung.wait()
    assert not gone.rung.is_set()


async def test_who_leaves_while_others_ring_is_not_rung():
    alarms = Alarms()
    when, bells = alarms.now() + 0.02, []
    due = set()
    bells += [Bell(then=lambda: due.difference_update(set(bells))) for _ in range(2)]
    for bell in bells:
        due = alarms.at(when, bell)
    last = Bell()
    alarms.at(when + 0.02, last)
    await last.rung.wait()
    assert sorted(bell.rung.is_set() for bell in bells) == [False, True]


async def test_an_alarm_set_while_one_rings_does_not_hold_up_those_before_it():
    alarms, later = Alarms(), Bell()
    began = alarms.now()
    first = Bell(then=lambda: alarms.at(began + 5, Bell()))
    alarms.at(began + 0.01, first)
    alarms.at(began + 0.03, later)
    async with asyncio.timeout(1):
        await later.rung.wait()
    alarms.close()
