"""Where names lead: what is closed is closed by an alias too, and slow names hold up their own client alone."""

import contextlib

from proxy_addons.destination import AT_ONCE
from tests.proxy_addons.conftest import House
from tests.support.commands import until
from tests.support.proxy_school import tunnel


def test_a_name_whose_server_is_closed_is_closed_and_on_record(house: House) -> None:
    answer = house.worker.curl(house.plain_url("cloak.unknown.test", "/cloaked"))
    assert "403 Forbidden" in answer
    assert "something that could hurt you" in answer
    recorded = [b for b in house.school.breaches() if b.path == "/cloaked"]
    assert [(b.host, b.rule) for b in recorded] == [("cloak.unknown.test", "harm.test")]
    assert house.plain.connections == 0


def test_a_relayed_name_whose_server_is_closed_is_opened_for_its_page_only(house: House) -> None:
    answer = house.worker.curl("-k", house.url("cloak.good.test", "/cloaked-tls"))
    assert "HTTP/2 403" in answer
    assert house.secure.connections == 0
    assert [b.host for b in house.school.breaches() if b.path == "/cloaked-tls"] == ["cloak.good.test"]


def test_where_no_page_can_be_shown_such_a_name_is_closed_and_on_record(house: House) -> None:
    def recorded() -> int:
        return sum(b.host == "cloak.good.test" and b.profile == "visitor" for b in house.school.breaches())

    before = recorded()
    raw, _ = house.worker.connect("cloak.good.test", house.secure.port, profile="visitor")
    with raw, contextlib.suppress(OSError):
        tunnel(house.school, raw, "cloak.good.test").close()
        raise AssertionError("it was opened or relayed")
    assert house.secure.connections == 0
    assert recorded() == before + 1


def test_a_name_with_an_open_server_is_open(house: House) -> None:
    assert "hello from" in house.worker.curl(house.plain_url("shop.good.test"))


def test_slow_names_of_one_client_hold_up_no_other(house: House) -> None:
    with contextlib.ExitStack() as many:
        for number in range(3 * AT_ONCE):
            slow = many.enter_context(house.join())
            host = f"n{number}.hushed.test"
            slow.sendall(f"GET http://{host}:{house.plain.port}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        until(lambda: len(slow_names(house)) == AT_ONCE)
        assert "hello from" in house.worker.curl(house.plain_url("good.test", "/beside"), profile="staff")
        assert len(slow_names(house)) == AT_ONCE


def slow_names(house: House) -> set[str]:
    return {name for name in house.dns.asked if name.endswith("hushed.test")}


def test_a_name_that_leads_to_a_sealed_host_is_closed_and_on_record_without_its_name(house: House) -> None:
    def recorded() -> list[tuple[str, str, str]]:
        return [
            (b.host, b.path, b.severity.name) for b in house.school.breaches() if b.reason == "sealed" and not b.rule
        ]

    before = len(recorded())
    assert "403 Forbidden" in house.worker.curl(house.plain_url("veil.good.test", "/x"), profile="ks3")
    assert recorded()[before:] == [("", "", "ILLEGAL")]
    assert house.plain.connections == 0
