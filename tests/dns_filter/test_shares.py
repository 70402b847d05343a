import pytest

from dns_filter.shares import Waiting


def most(waiting, *addresses):
    """How many answers each of *addresses* may wait for when all ask in turn as often as they can."""
    counts = dict.fromkeys(addresses, 0)
    while True:
        begun = [address for address in addresses if waiting.begin(address)]
        if not begun:
            return list(counts.values())
        for address in begun:
            counts[address] += 1


def test_one_client_may_wait_for_a_ninth_of_all_and_its_neighbour_for_almost_as_much():
    waiting = Waiting(900)

    assert most(waiting, "192.0.2.7") == [100]
    assert not waiting.begin("::ffff:192.0.2.7")
    assert most(waiting, "192.0.2.8") == [89]


def test_twenty_that_take_all_they_can_leave_more_than_a_quarter():
    waiting = Waiting(900)
    crowd = [f"192.0.2.{number}" for number in range(20)]

    assert sum(most(waiting, *crowd)) < 0.75 * 900


def test_ipv6_addresses_wait_each_for_themselves_and_together_for_twice_as_much():
    waiting = Waiting(900)
    crowd = [f"2001:db8:1::{number}" for number in range(1, 60)]

    assert most(Waiting(900), crowd[0]) == [100]
    assert sum(most(waiting, *crowd)) == 180
    assert waiting.begin("2001:db8:1:1::7")


def test_our_own_proxies_may_wait_for_half_of_all():
    assert most(Waiting(900, 8), "127.0.0.1") == [450]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_who_got_an_answer_may_wait_for_another_and_who_waits_for_none_is_forgotten(address):
    waiting = Waiting(8)
    for _ in range(3):
        assert waiting.begin(address)
        waiting.end(address)

    assert not waiting._counts
