"""Which protocol a connection may speak: TLS, HTTP inside it, and nothing else.

mitmproxy's own choice hands a connection to raw TCP, to DNS (port 53) or to whatever was switched to; each would be a
tunnel that nobody judges.
"""

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import context, layer, layers
from mitmproxy.proxy.layers.http import HTTPMode

_RECORD_START = 3
"""Bytes that tell a TLS record from a request line."""


class Layers:
    """Answers mitmproxy's `next_layer`; under the name of the addon that it replaces."""

    name = "nextlayer"

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose the layer, or leave it open until enough bytes have come."""
        data = nextlayer.data_client()  # type: ignore[no-untyped-call]
        if len(data) >= _RECORD_START or not starts_as_record(data):
            nextlayer.layer = chosen(nextlayer.context, data)


def starts_as_record(data: bytes) -> bool:
    """Whether *data*, which may be short, can still become a TLS record."""
    return b"\x16\x03".startswith(data[:2])


def chosen(where: context.Context, data: bytes) -> layer.Layer:
    """The layer for a connection that opens with *data*: the proxy's own requests, TLS in a tunnel, or HTTP."""
    if len(where.layers) == 1:
        return layers.HttpLayer(where, HTTPMode.regular)
    if starts_like_tls_record(data) and not where.client.tls:
        outer = layers.ServerTLSLayer(where)
        outer.child_layer = layers.ClientTLSLayer(where)
        return outer
    return layers.HttpLayer(where, HTTPMode.transparent)
