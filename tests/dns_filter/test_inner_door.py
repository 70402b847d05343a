"""The door of our own proxies."""

import time

from dns_filter.inner_door import InnerDoor


def now() -> int:
    return time.time_ns()


def test_the_inner_door_is_for_loopback_only(live):
    door = InnerDoor(100_000)
    door.policy = live.policy

    assert door.view("192.0.2.1", now()) is None
    assert door.view("::ffff:127.0.0.1", now()) is door.view("::1", now())
    assert door.request("127.0.0.1", "games.test", now()) is None
