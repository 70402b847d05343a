"""The stylesheet, the scripts and the icon: the same for everybody, read once, and saying nothing about anybody."""

from pathlib import Path

from litestar import Response, get

from reporting.web.access import OPEN

_STATIC = Path(__file__).parent / "static"
_STYLE = (_STATIC / "style.css").read_text()
_ICON = (_STATIC / "icon.svg").read_text()
_SCRIPT = (_STATIC / "log.js").read_text()
_WRITING = (_STATIC / "writing.js").read_text()
_FOR_FIVE_MINUTES = {"cache-control": "private, max-age=300"}


@get("/style.css", opt={OPEN: True, "exclude_from_auth": True}, sync_to_thread=False)
def stylesheet() -> Response[str]:
    """The one stylesheet."""
    return Response(_STYLE, media_type="text/css", headers=_FOR_FIVE_MINUTES)


@get("/icon.svg", opt={OPEN: True, "exclude_from_auth": True}, sync_to_thread=False)
def icon() -> Response[str]:
    """The icon of the browser's tab."""
    return Response(_ICON, media_type="image/svg+xml", headers=_FOR_FIVE_MINUTES)


@get("/log.js", opt={OPEN: True, "exclude_from_auth": True}, sync_to_thread=False)
def script() -> Response[str]:
    """The breach log's script: without it every page reads and works the same, only not by itself."""
    return Response(_SCRIPT, media_type="text/javascript", headers=_FOR_FIVE_MINUTES)


@get("/writing.js", opt={OPEN: True, "exclude_from_auth": True}, sync_to_thread=False)
def writing_script() -> Response[str]:
    """The script of forms in which somebody writes at length: what they wrote outlasts their log-in."""
    return Response(_WRITING, media_type="text/javascript", headers=_FOR_FIVE_MINUTES)
