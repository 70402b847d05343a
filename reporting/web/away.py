"""What the staff pages answer while the database's server is away: one page of plain words, and JSON for a script."""

from collections.abc import Callable, Collection

from litestar.types import ASGIApp, Receive, Scope, Send

from reporting.web.access import API
from reporting.web.errors import AWAY, for_scripts
from reporting.web.guard import Guard
from reporting.web.render import error_page


def create_away(*, hosts: Collection[str], refuses: Callable[[str], bool], refusal: Callable[[int], bytes]) -> ASGIApp:
    """The application that answers every path so, within the guard of the staff pages."""

    async def away(scope: Scope, _receive: Receive, send: Send) -> None:
        script = str(scope["path"]).startswith(API)
        body = for_scripts(AWAY) if script else error_page(AWAY).encode()
        kind = b"application/json" if script else b"text/html; charset=utf-8"
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"retry-after", b"60")]
        await send({"type": "http.response.start", "status": AWAY, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return Guard(away, hosts=hosts, refuses=refuses, error_page=refusal)
