"""A hook of the filter that fails closes what it was about, whatever broke it."""

import inspect
import typing
from typing import Any

import mitmproxy.proxy.layers  # noqa: F401 - registers the hooks that HOOKS is found by
import pytest
from mitmproxy import hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow
from mitmproxy.tls import ClientHelloData, TlsData

from proxy_addons.addresses import Reach
from proxy_addons.answers import Answers
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.filter import Filter
from proxy_addons.judge import Judge
from proxy_addons.requests import Requests
from proxy_addons.resolve import Resolver
from proxy_addons.settings import ProxySettings
from proxy_addons.tunnels import Tunnels


class Broken:
    """Stands for a state that cannot be read at all."""

    ready = True
    policy = None
    clients = None
    version = 0


async def test_an_answer_whose_reading_fails_is_not_shown() -> None:
    made, counters = a_filter()
    flow = tflow.tflow(resp=True)
    flow.live = True
    flow.response.headers["content-type"] = "text/html"
    flow.metadata["schoolgate_scanned"] = "no request"
    assert made.answers.pages.begin(flow)
    await made.answers.response(flow)
    assert counters.failures == 1
    assert flow.error
    assert len(made.answers.pages.holds) == 0


ADDONS = (Connections, Tunnels, Requests, Answers)
HOOKS = [(addon, name) for addon in ADDONS for name in sorted(vars(addon)) if name in hooks.all_hooks]
"""Every hook that the filter has, found as mitmproxy finds it: by its name."""


def a_filter() -> tuple[Filter, Counters]:
    counters = Counters()
    judge = Judge(Broken(), None, counters)
    return Filter(judge, Resolver(("127.0.0.1", 1), Reach()), ProxySettings(), counters), counters


def addon_of(filtering: Filter, kind: type) -> Any:
    return next(one for one in filtering.addons if type(one) is kind)


def wreck(filtering: Filter) -> None:
    """Take every part of every addon away but what says what is closed and what was counted."""
    guard = filtering.tunnels.guard
    for addon in (*filtering.addons, guard):
        for part in vars(addon).keys() - {"guard", "_counters", "closed"}:
            setattr(addon, part, None)


def argument_of(addon: type, hook: str) -> object:
    """What mitmproxy hands to *hook*, in a form that no hook can use."""
    kind = next(iter(typing.get_type_hints(getattr(addon, hook)).values()))
    flow = tflow.tflow(resp=hook.startswith("response"))
    flow.metadata["schoolgate"] = "no refusal"
    flow.server_conn.address = ("10.0.0.1", "no port")
    if flow.response:
        flow.server_conn.address = (None, 80)
    hello = ClientHelloData(Context(flow.client_conn, None), None)
    hello.ignore_connection = hello.establish_server_tls_first = True
    server = ServerConnectionHookData(flow.server_conn, flow.client_conn)
    made = (flow, flow.client_conn, hello, TlsData(flow.client_conn, hello.context), server)
    return next(one for one in made if type(one) is kind)


def is_closed(filtering: Filter, data: object) -> bool:
    match data:
        case ClientHelloData():
            peer = data.context.client
            return filtering.tunnels.refuses(peer) and not (data.ignore_connection or data.establish_server_tls_first)
        case ServerConnectionHookData():
            return bool(data.server.error)
        case TlsData():
            return True  # the handshake had failed already
        case _:
            return bool(data.error)


def test_whatever_the_filter_awaits_for_the_library_is_one_of_its_hooks() -> None:
    tasks = [
        (addon, name)
        for addon in ADDONS
        for name, member in sorted(vars(addon).items())
        if inspect.iscoroutinefunction(member) and not name.startswith("_")
    ]
    assert tasks == HOOKS


@pytest.mark.parametrize(("addon", "hook"), HOOKS)
async def test_a_hook_that_fails_closes_what_it_was_about(addon: type, hook: str) -> None:
    filtering, counters = a_filter()
    wreck(filtering)
    data = argument_of(addon, hook)
    await getattr(addon_of(filtering, addon), hook)(data)
    assert is_closed(filtering, data)
    assert counters.failures == 1


def test_the_filter_has_one_of_each_of_its_addons() -> None:
    assert tuple(map(type, a_filter()[0].addons)) == ADDONS


@pytest.mark.parametrize(("addon", "hook"), [(Tunnels, "http_connect"), (Requests, "requestheaders")])
async def test_a_hook_that_fails_before_anything_was_sent_answers_with_a_page(addon: type, hook: str) -> None:
    filtering, _ = a_filter()
    flow = tflow.tflow()
    flow.request.method = "CONNECT" if hook == "http_connect" else "GET"
    flow.request.port = 443
    await getattr(addon_of(filtering, addon), hook)(flow)
    await filtering.requests.request(flow)
    assert flow.response.status_code == 503
    assert not flow.error
    assert flow.request.method == "CONNECT" or flow.request.host.endswith(".invalid")
