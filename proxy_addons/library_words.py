"""What mitmproxy itself would say, said in our words: its error pages, and its log.

Its pages name the program, its options and the address; its log names hosts, also sealed ones. Neither may leave the
worker: a page becomes one of ours, and of a log line only the place and the kind of error are kept.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

from mitmproxy import http, version
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1, _http2

from blocklists.profile import Pages
from proxy_addons import block_page, trouble, words
from proxy_addons.form import Form
from proxy_addons.instead import instead

log = logging.getLogger("schoolgate.proxy")

NAME = "schoolgate"
_EXPECTED = ("No TLS context was provided",)
"""Lines that say what we asked for: a connection that the filter refuses gets no handshake."""
_CLIENTS_FAULT = range(400, 500)


def page(status_code: int, message: str) -> bytes:
    """The page in place of mitmproxy's, for whoever it may be: no profile is known where these are made."""
    return trouble.body(_trouble(status_code, message), Pages.KS2, Form.PAGE, words.of(words.ENGLISH))


def response(status_code: int, message: str = "") -> bytes:
    """A whole HTTP/1 answer in place of mitmproxy's; the connection ends with it."""
    fields = [(name.encode(), value.encode()) for name, value in block_page.headers(Form.PAGE)]
    made = http.Response.make(status_code, page(status_code, message), http.Headers(fields))
    made.headers["Connection"] = "close"
    return bytes(http1.assemble_response(made))  # type: ignore[no-untyped-call]


def _trouble(status: int, message: str) -> trouble.Trouble:
    return trouble.Trouble.MALFORMED if status in _CLIENTS_FAULT else trouble.of_message(message)


@contextlib.contextmanager
def own_pages() -> Iterator[None]:
    """Have mitmproxy's error pages made here for as long as the context lasts."""
    pages = (_http1, "make_error_response", response), (_http2, "format_error", page)
    with instead(*pages, (version, "MITMPROXY", NAME)):
        yield


class _Told(logging.Handler):
    """Says that something went wrong inside the library, and where; never its message, which names hosts."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__(logging.ERROR)
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:
        """Count and name the error."""
        if str(record.msg).startswith(_EXPECTED):
            return
        self._count()
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "error"
        log.error("The proxy library reported %s at %s:%d.", kind, record.name, record.lineno)


@contextlib.contextmanager
def own_log(count: Callable[[], None]) -> Iterator[None]:
    """Keep mitmproxy's log lines to itself for as long as the context lasts; *count* is called for each error."""
    theirs, handler = logging.getLogger("mitmproxy"), _Told(count)
    before = theirs.level, theirs.propagate
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False
    theirs.addHandler(handler)
    try:
        yield
    finally:
        theirs.removeHandler(handler)
        theirs.level, theirs.propagate = before
