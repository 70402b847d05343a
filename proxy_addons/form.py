"""In what form a refusal is given: a page to whoever looks at one, and something harmless to whatever does not.

This file holds the choice only. A script that receives a page in place of data breaks the page around it, and an
image that is text shows as a broken frame.
"""

import enum


class Form(enum.Enum):
    """The form of an answer."""

    PAGE = "page"
    JSON = "json"
    IMAGE = "image"
    SCRIPT = "script"
    STYLE = "style"
    NOTHING = "nothing"


_BY_DESTINATION = {
    "document": Form.PAGE,
    "iframe": Form.PAGE,
    "frame": Form.PAGE,
    "embed": Form.PAGE,
    "object": Form.PAGE,
    "empty": Form.JSON,
    "image": Form.IMAGE,
    "script": Form.SCRIPT,
    "serviceworker": Form.SCRIPT,
    "sharedworker": Form.SCRIPT,
    "worker": Form.SCRIPT,
    "style": Form.STYLE,
}
"""Sec-Fetch-Dest (Fetch Metadata, 2.1); destinations that are not here (font, audio, track ...) get nothing."""

PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
"""A transparent picture of one pixel (GIF89a)."""

CONTENT_TYPES = {
    Form.PAGE: "text/html; charset=utf-8",
    Form.JSON: "application/json",
    Form.IMAGE: "image/gif",
    Form.SCRIPT: "text/javascript; charset=utf-8",
    Form.STYLE: "text/css; charset=utf-8",
    Form.NOTHING: "text/plain; charset=utf-8",
}


def form_of(destination: str, accept: str) -> Form:
    """The form for a request with these Sec-Fetch-Dest and Accept headers; "" where there is none."""
    if destination:
        return _BY_DESTINATION.get(destination.strip().lower(), Form.NOTHING)
    wanted = accept.lower()
    if "text/html" in wanted or not wanted:
        return Form.PAGE
    if "json" in wanted:
        return Form.JSON
    first = wanted.split(",", 1)[0].strip()
    if first.startswith("image/"):
        return Form.IMAGE
    if first.startswith("text/css"):
        return Form.STYLE
    return Form.PAGE
