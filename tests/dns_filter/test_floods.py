from dns_filter import floods
from dns_filter.floods import Floods


def test_a_rush_that_fits_the_bucket_is_no_flood():
    found = Floods(10, 100)
    found.count("192.0.2.7", 100, 5.0)

    assert found.over == set()


def test_who_asks_more_than_the_bucket_holds_floods_until_it_is_half_full_again():
    found = Floods(10, 100)
    found.count("192.0.2.7", 101, 5.0)
    assert found.over == {"192.0.2.7"}

    found.sweep(9.0)
    assert found.over == {"192.0.2.7"}
    found.sweep(10.1)
    assert found.over == set()


def test_a_flooding_client_may_still_ask_at_its_rate():
    found = Floods(10, 100)
    found.count("192.0.2.7", 100, 5.0)

    assert [found.allows("192.0.2.7", 6.0) for _ in range(12)] == 10 * [True] + 2 * [False]
    assert found.allows("192.0.2.7", 6.2)


def test_a_flood_is_not_held_against_a_client_for_longer_than_one_filling():
    found = Floods(10, 100)
    for second in range(60):
        found.count("192.0.2.7", 100_000, float(second))

    assert not found.allows("192.0.2.7", 68.9)
    assert found.allows("192.0.2.7", 69.2)


def test_clients_are_forgotten_when_there_are_too_many_but_floods_are_not(monkeypatch):
    monkeypatch.setattr(floods, "CLIENTS", 3)
    found = Floods(10, 100)
    found.count("192.0.2.7", 200, 0.0)
    for number in range(10):
        found.count(f"198.51.100.{number}", 1, 0.0)
    found.sweep(0.0)

    assert list(found._buckets) == ["192.0.2.7"]
    assert not found.allows("192.0.2.7", 0.0)
