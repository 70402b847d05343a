import pytest
from mitmproxy import connection, options
from mitmproxy.proxy import commands, context, events, layer, layers
from mitmproxy.proxy.layers import modes

from proxy_addons.counters import Counters
from proxy_addons.layers import Layers

HELLO = bytes.fromhex("1603010005")


@pytest.fixture
def inside() -> context.Context:
    """A tunnel to the DNS port, where mitmproxy's own choice would be DNS or raw TCP."""
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    made = context.Context(client, options.Options())
    made.server.address = ("good.test", 53)
    modes.HttpProxy(made)
    layers.HttpLayer(made, layers.http.HTTPMode.regular)
    return made


def chosen(where: context.Context, data: bytes) -> layer.Layer | None:
    asked = layer.NextLayer(where)
    asked.data_client = lambda: data
    Layers(Counters()).next_layer(asked)
    return asked.layer


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1", b"\x00\x1d\xaa\xaa\x01\x00", b"SSH-2.0-x", b"\x16\x02\x00\x00", b"G"]
)
def test_what_is_not_tls_can_only_be_http(inside: context.Context, data: bytes) -> None:
    assert isinstance(chosen(inside, data), layers.HttpLayer)


def test_tls_is_tls_as_soon_as_it_can_be_told(inside: context.Context) -> None:
    assert chosen(inside, HELLO[:1]) is None
    assert chosen(inside, HELLO[:2]) is None
    assert isinstance(chosen(inside, HELLO), layers.ServerTLSLayer)


def test_tls_inside_tls_is_no_second_tunnel(inside: context.Context) -> None:
    inside.client.tls = True
    assert isinstance(chosen(inside, HELLO), layers.HttpLayer)


def test_the_proxy_itself_speaks_http_only(inside: context.Context) -> None:
    del inside.layers[1:]
    assert isinstance(chosen(inside, HELLO), layers.HttpLayer)


def test_where_no_choice_can_be_made_the_connection_ends(inside: context.Context) -> None:
    client, counters = inside.client, Counters()
    asked = layer.NextLayer(inside)
    asked.events = None  # what has come cannot be looked at
    Layers(counters).next_layer(asked)
    (ending,) = asked.layer.handle_event(events.Start())
    assert isinstance(ending, commands.CloseConnection)
    assert ending.connection is client
    assert not list(asked.layer.handle_event(events.DataReceived(client, HELLO)))
    assert counters.failures == 1
