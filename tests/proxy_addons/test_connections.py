"""Who may come, and what goes on on a connection."""

import pytest
from mitmproxy.test import tflow

from blocklists import url
from blocklists.live import Live
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.guard import Guard
from proxy_addons.judge import Judge
from proxy_addons.refusal import Refusals
from proxy_addons.settings import ProxySettings
from tests.proxy_addons.conftest import House
from tests.support.proxy_school import School


def test_nobodys_address_is_closed(house: House) -> None:
    done = house.worker.curled(house.url("good.test"), profile="nobody")
    assert done.returncode != 0
    assert not done.stdout


@pytest.fixture
def connections(school: School) -> Connections:
    live, counters = Live(school.files), Counters()
    live.refresh()
    judge = Judge(live, None, counters)
    return Connections(judge, counters, Guard(judge, Refusals(judge, ProxySettings(), counters), counters))


PAGE = url.canonical("http://good.test/")


def test_a_connection_answers_until_its_request_has_its_answer(connections: Connections) -> None:
    flow = tflow.tflow()
    connections.asked(flow)
    assert connections.answers(flow.client_conn.id)
    connections.ended(flow)
    assert not connections.answers(flow.client_conn.id)


def test_what_was_permitted_goes_on_after_its_answer_until_it_is_over(connections: Connections) -> None:
    flow = tflow.tflow()
    connections.asked(flow)
    connections.permitted(flow, PAGE, None)
    connections.ended(flow)
    assert connections.goes_on(flow.client_conn.id)
    connections.over(flow)
    assert not connections.goes_on(flow.client_conn.id)


async def test_nothing_goes_on_on_a_connection_that_has_ended(connections: Connections) -> None:
    flow = tflow.tflow()
    connections.asked(flow)
    connections.permitted(flow, PAGE, None)
    await connections.client_disconnected(flow.client_conn)
    assert not connections.goes_on(flow.client_conn.id)
