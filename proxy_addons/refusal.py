"""A finished answer in place of a server's, in the form that the request can show."""

import msgspec
from mitmproxy import http

from proxy_addons import block_page
from proxy_addons.answer import Form, form_of


class Refusal(msgspec.Struct, frozen=True):
    """A finished answer in place of the server's."""

    status: int
    form: Form
    body: bytes

    def response(self, method: str) -> http.Response:
        """The answer to a request with *method* (a HEAD has no body)."""
        fields = [(name.encode(), value.encode()) for name, value in block_page.headers(self.form)]
        return http.Response.make(self.status, b"" if method == "HEAD" else self.body, http.Headers(fields))


def form_for(flow: http.HTTPFlow) -> Form:
    """The form that *flow* can show; a CONNECT gets the page, which tools print."""
    if flow.request.method == "CONNECT":
        return Form.PAGE
    return form_of(flow.request.headers.get("sec-fetch-dest", ""), flow.request.headers.get("accept", ""))
