"""Which protocol a connection may speak: TLS, HTTP inside it, and nothing else.

mitmproxy's own choice hands a connection to raw TCP, to DNS (port 53) or to whatever was switched to; each would be a
tunnel that nobody judges. Where no choice can be made the connection is closed. How much a client may send before it
has said whom it wants is bounded here too.
"""

import logging

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, context, events, layer, layers
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import UpstreamMode

from proxy_addons.backlog import Http
from proxy_addons.counters import Counters

log = logging.getLogger("schoolgate.proxy")

_RECORD_START = 3
"""Bytes that tell a TLS record from a request line."""
MAX_HELLO = 65_536
"""Bytes of a ClientHello at most; the longest that browsers send is about 2 kB."""
MAX_RECORDS = 64
"""TLS records of a ClientHello at most: each read looks at all of them again."""
_RECORD_HEAD = 5


class Layers:
    """Answers mitmproxy's `next_layer`; under the name of the addon that it replaces."""

    name = "nextlayer"

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose the layer, or leave it open until enough bytes have come; what fails here ends the connection."""
        try:
            data = nextlayer.data_client()  # type: ignore[no-untyped-call]
            if len(data) >= _RECORD_START or not starts_as_record(data):
                nextlayer.layer = chosen(nextlayer.context, data)
        except Exception as error:  # noqa: BLE001 - mitmproxy would log it and leave the connection open
            self._counters.failures += 1
            log.error("The choice of a protocol failed with %s; the connection ends.", type(error).__name__)  # noqa: TRY400 - its text may name a host
            nextlayer.layer = Ended(nextlayer.context)


class Ended(layer.Layer):
    """Closes the connection with the client, whatever comes."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


def starts_as_record(data: bytes) -> bool:
    """Whether *data*, which may be short, can still become a TLS record."""
    return b"\x16\x03".startswith(data[:2])


def chosen(where: context.Context, data: bytes) -> layer.Layer:
    """The layer for a connection that opens with *data*: the proxy's own requests, TLS in a tunnel, or HTTP."""
    if len(where.layers) == 1:
        return Http(where, HTTPMode.upstream if isinstance(where.client.proxy_mode, UpstreamMode) else HTTPMode.regular)
    if starts_like_tls_record(data) and not where.client.tls:
        outer = layers.ServerTLSLayer(where)
        outer.child_layer = ClientTLS(where)
        return outer
    return Http(where, HTTPMode.transparent)


class ClientTLS(layers.ClientTLSLayer):
    """TLS with a client whose ClientHello has an end: mitmproxy itself would gather one of 16 MB."""

    def __init__(self, where: context.Context) -> None:
        super().__init__(where)
        self._records = self._next_record = 0

    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        """Take up *data*; an error, which closes the connection, if the hello is too long."""
        if not self.client_hello_parsed and self._too_long(data):
            return False, "Cannot parse ClientHello: too long"
        return (yield from super().receive_handshake_data(data))

    def receive_data(self, data: bytes) -> layer.CommandGenerator[None]:
        """Pass *data* on; what still comes after a hello that was refused is dropped."""
        if self.tls is not None:
            yield from super().receive_data(data)

    def _too_long(self, data: bytes) -> bool:
        whole = self.recv_buffer + data
        while len(whole) >= self._next_record + _RECORD_HEAD and self._records <= MAX_RECORDS:
            size = int.from_bytes(whole[self._next_record + 3 : self._next_record + _RECORD_HEAD])
            self._next_record += _RECORD_HEAD + size
            self._records += 1
        return len(whole) > MAX_HELLO or self._records > MAX_RECORDS
