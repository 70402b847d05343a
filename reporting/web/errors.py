"""What a person meets when something cannot be done: a page in plain words, never a trace of what went wrong inside."""

import logging

import msgspec
from litestar import MediaType, Response
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    PermissionDeniedException,
    ValidationException,
)
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap

from reporting.reach import AwayError
from reporting.web.access import API, OUR_PAGES, MustFirstError, WrongRoleError, count_unreadable
from reporting.web.forms import FormError
from reporting.web.office import Asked, Office
from reporting.web.plain import plain
from reporting.web.render import ERRORS, error_page

log = logging.getLogger("schoolgate.web")

AWAY = 503
"""The status of every page while the database's server is away."""

STALE_FORM = (
    "This form was open for too long",
    "For safety a form works only from the page that we sent. Go back, reload that page and try again.",
)


class Problem(msgspec.Struct, frozen=True):
    """What a script is told when something cannot be done: a sentence or two, plain text."""

    error: str


def handlers(office: Office) -> ExceptionHandlersMap:
    """What answers each kind of failure."""

    def stale_form(_request: Asked, _error: Exception) -> Response[str]:
        """Refuse a form without the right token, and drop the cookie that did not fit, so that the next page heals."""
        answer = _page(403, *STALE_FORM)
        answer.delete_cookie(office.csrf_cookie, path="/")
        answer.cookies[-1].secure = office.secure
        return answer

    def unreadable_form(request: Asked, error: FormError) -> Response[str]:
        """Say that the form could not be read, and count it where it was a try to log in."""
        count_unreadable(request, office)
        return _page(error.status_code)

    return {
        FormError: unreadable_form,
        NotAuthorizedException: to_log_in,
        MustFirstError: must_first,
        WrongRoleError: known,
        PermissionDeniedException: stale_form,
        HTTPException: known,
        AwayError: away,
        Exception: unknown,
    }


def to_log_in(request: Asked, _error: Exception) -> Response[str]:
    """Lead to the log-in, and from there back to the page that was asked for, where it is one of ours."""
    path = request.scope["path"]
    if path.startswith(API):
        return _for_scripts(401, "Show a token that holds, as: Authorization: Bearer TOKEN")
    after = f"?after={path}" if request.method == "GET" and path != "/" and OUR_PAGES.fullmatch(path) else ""
    return Redirect(f"/log-in{after}", status_code=303)


def must_first(request: Asked, error: MustFirstError) -> Response[str]:
    """Lead to what the person must see to before anything else; a script is told that there is something."""
    if request.scope["path"].startswith(API):
        return _for_scripts(403, "the account has something to see to first, on the pages")
    return Redirect(error.path, status_code=303)


def known(request: Asked, error: HTTPException) -> Response[str]:
    """The page for the error's status; for a script, its words."""
    if request.scope["path"].startswith(API):
        says = error.detail if isinstance(error, ValidationException) else ""
        return _for_scripts(error.status_code, plain(says))
    return _page(error.status_code)


def away(request: Asked, _error: Exception) -> Response[str]:
    """The page while the database's server is away, which the log says by itself."""
    return _for_scripts(AWAY) if request.scope["path"].startswith(API) else _page(AWAY)


def unknown(request: Asked, error: Exception) -> Response[str]:
    """The page for a fault of ours; what it was stands in the log only."""
    log.error("A page failed.", exc_info=error)
    return _for_scripts(500) if request.scope["path"].startswith(API) else _page(500)


def _for_scripts(status: int, says: str = "") -> Response[str]:
    """An error as JSON, with the words that the page would have."""
    body = for_scripts(status, says).decode()
    return Response(body, media_type=MediaType.JSON, status_code=status)


def for_scripts(status: int, says: str = "") -> bytes:
    """What a script is told with *status*, as JSON."""
    return msgspec.json.encode(Problem(says or ". ".join(ERRORS.get(status, ERRORS[500 if status >= 500 else 400]))))


def _page(status: int, heading: str = "", words: str = "") -> Response[str]:
    return Response(error_page(status, heading, words), media_type=MediaType.HTML, status_code=status)
