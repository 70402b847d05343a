import pytest

from dns_filter.shares import Waiting


def test_an_ipv4_client_may_wait_for_so_much_and_its_neighbour_too():
    waiting = Waiting(2, 3)

    assert [waiting.begin("192.0.2.7") for _ in range(3)] == [True, True, False]
    assert not waiting.begin("::ffff:192.0.2.7")
    assert waiting.begin("192.0.2.8")


def test_ipv6_addresses_wait_each_for_themselves_and_together_as_a_network():
    waiting = Waiting(2, 3)

    assert [waiting.begin("2001:db8:1::7") for _ in range(3)] == [True, True, False]
    assert [waiting.begin(f"2001:db8:1::{number}") for number in range(20, 80)] == [True] + 59 * [False]
    assert waiting.begin("2001:db8:1:1::7")


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_who_got_an_answer_may_wait_for_another_and_who_waits_for_none_is_forgotten(address):
    waiting = Waiting(1, 1)
    for _ in range(3):
        assert waiting.begin(address)
        waiting.end(address)

    assert not waiting._counts
