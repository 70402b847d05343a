"""Why a file cannot be fetched: what the HTTP library raises and what a server answers, as sentences of our own.

A server's words are never repeated: only its numbers, and what the standards call them.
"""

import contextlib
import email.utils
import socket
import ssl
import time
from collections.abc import Iterator
from http import HTTPStatus

import httpx


class FetchError(Exception):
    """What could not be fetched; the message is a sentence without its full stop."""


class PassingError(FetchError):
    """What may be over in a while. *wait*: the seconds that the server asks for, if it does."""

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.wait = wait


@contextlib.contextmanager
def said() -> Iterator[None]:
    """Give what the library raises our own sentence."""
    try:
        yield
    except httpx.UnsupportedProtocol as error:
        raise FetchError("its address is not one of http or https") from error
    except httpx.TransportError as error:
        raise _sentence(error) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:  # idna's are ValueErrors
        raise FetchError("its address or its answer is no sound HTTP") from error


def _sentence(error: httpx.TransportError) -> FetchError:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError(f"the server's certificate is not trusted: {cause.verify_message}")
        if isinstance(cause, socket.gaierror):
            return PassingError("the name of the server was not found")
    return PassingError(next(words for kind, words in _WORDS.items() if isinstance(error, kind)))


_WORDS: dict[type[httpx.TransportError], str] = {
    httpx.ConnectTimeout: "the server did not take the connection in time",
    httpx.TimeoutException: "the server fell silent",
    httpx.ConnectError: "the server could not be reached",
    httpx.ProxyError: "the proxy on the way to the server refused",
    httpx.TransportError: "the connection ended before the whole file had come",
}
"""By what the library raises, the more exact first."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error*, what brought it about, and what is inside a group of them."""
    while error:
        yield error
        for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _causes(inner)
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


def refuse_status(response: httpx.Response) -> None:
    """Raise what any other status than 200 means."""
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    sentence = f"the server answered {status}{_phrase(status)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PassingError(sentence, _retry_after(response.headers.get("retry-after", "")))
    raise FetchError(sentence)


def _phrase(status: int) -> str:
    """What *status* is called by the standard; the server's own words are not repeated."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _retry_after(text: str) -> float | None:
    """The seconds that the header *text* asks to wait for: a number or a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
