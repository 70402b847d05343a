"""Pages by way of another proxy: where a school's only way out is a regional network's filter.

TLS goes through it by CONNECT, plain HTTP in absolute form; who we are to it is told to it and to nobody else.
"""

import base64
from pathlib import Path

from mitmproxy import connection, http

from proxy_addons.refusal import refusal_of

_DEFAULT_PORT = 80


class UpstreamProxy:
    """The addon: it comes after the filter, whose refusals never leave this machine."""

    def __init__(self, url: str, credentials: str = "") -> None:
        """Go by way of *url* (http://10.0.0.1:3128; "" for nowhere); *credentials* is a file with "name:password".

        OSError if the file cannot be read.
        """
        self._url = url
        self._says = _basic(Path(credentials)) if url and credentials else ""
        self._tunnels: set[str] = set()

    @property
    def mode(self) -> str:
        """Mitmproxy's name for the kind of proxy that we are."""
        return f"upstream:{self._url}" if self._url else "regular"

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Note a tunnel, whose requests are for their server alone."""
        self._tunnels.add(flow.client_conn.id)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget it."""
        self._tunnels.discard(client.id)

    def http_connect_upstream(self, flow: http.HTTPFlow) -> None:
        """Say who we are where a tunnel is asked for."""
        self._introduce(flow.request)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Say to the other proxy where a plain request is to go."""
        request = flow.request
        if not self._url or refusal_of(flow) or flow.response or flow.client_conn.id in self._tunnels:
            return
        host = f"[{request.host}]" if ":" in request.host else request.host
        port = "" if request.port == _DEFAULT_PORT else f":{request.port}"
        request.data.authority = f"{host}{port}".encode()
        self._introduce(request)

    def _introduce(self, request: http.Request) -> None:
        if self._says:
            request.headers["Proxy-Authorization"] = self._says


def _basic(file: Path) -> str:
    """What *file*'s "name:password" is in a header (RFC 7617)."""
    return f"Basic {base64.b64encode(file.read_bytes().strip()).decode()}"
