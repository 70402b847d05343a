"""What our forms send, read strictly: one way of writing, and nothing guessed.

A browser sends our forms as `application/x-www-form-urlencoded` in UTF-8, each field once. Whatever comes in another
way (multipart, another charset, escapes that are none, a field twice) is no form of ours, and is refused whole before
anything looks into it. This file knows no page.
"""

import re
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.datastructures import FormMultiDict, State
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException

from reporting.accounts import Account

MOST_FIELDS = 16
"""Fields of a form: our largest has five."""

ESCAPES = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
"""Text in which each percent sign begins an escape (WHATWG URL, 5.1)."""

CHARSETS = frozenset({"utf-8", "utf8"})


class FormError(ClientException):
    """What was sent as a form cannot be read (400), or is more than we take (413)."""


class FormRequest(Request[Account | None, object, State]):
    """A request whose form is read as this file says, by our pages and by whatever checks their tokens alike."""

    async def form(self) -> FormMultiDict:
        """The fields, each once; FormError if the body is no form of ours. No body is a form without fields."""
        try:
            body = await self.body()
        except ClientException as error:
            raise FormError(status_code=error.status_code) from error
        kind, options = self.content_type
        ours = kind == RequestEncodingType.URL_ENCODED and options.get("charset", "utf-8").lower() in CHARSETS
        if body and not ours:
            raise FormError
        return FormMultiDict(fields(body).items())


def fields(body: bytes) -> dict[str, str]:
    """The fields of a urlencoded *body*; FormError if it is not well formed, or names a field twice."""
    found: dict[str, str] = {}
    parts = body.split(b"&") if body else []
    if len(parts) > MOST_FIELDS:
        raise FormError
    for part in parts:
        name, equals, value = part.partition(b"=")
        decoded = _decoded(name)
        if not equals or decoded in found:
            raise FormError
        found[decoded] = _decoded(value)
    return found


def _decoded(part: bytes) -> str:
    try:
        text = part.decode("ascii")
        if not ESCAPES.fullmatch(text):
            raise FormError
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormError from error
