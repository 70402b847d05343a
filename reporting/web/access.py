"""Coming in and going out: making an account, log-in, log-out, and who is behind a request.

Every page wants a log-in unless it says that it is open; forgetting to say so keeps a page shut.
"""

import dataclasses
import logging
import math
import re

from litestar import Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.response import Redirect
from litestar.types import ASGIApp

from reporting.accounts import LEAST_PASSWORD, Account, EnrolmentError, TokenError, judge, tidy
from reporting.api_tokens import ApiTokens
from reporting.permissions import Action, may
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.render import html

log = logging.getLogger("schoolgate.web")

OPEN = "open_to_all"
"""The mark of a page that is there before log-in."""

ACTION = "action"
"""The mark of every other page: what it does, of `reporting.permissions`."""

MEANWHILE = "meanwhile"
"""The mark of a page that somebody reaches who must see to something first, such as a new password."""

OUR_PAGES = re.compile(
    r"/(?:(?:breaches|alerts|incidents)(?:/[0-9]{1,18})?|account|people|health|explain|proposals|tokens)?"
)
"""Where a log-in may lead: nothing that a stranger's link could choose."""

API = "/api/"
"""What scripts ask, with a token in place of a session."""

UNATTENDED = frozenset({"/breaches/newest"})
"""What a page asks by itself, with nobody before it: no session lives on by that."""

WRONG = "The name or the password is not right. Please try again."
WAIT = "There were too many tries that failed. Please wait {minutes}, then try again."
DIFFER = "The two passwords differ. Please write both again."

LOGGED_NAME = 40
"""Characters of a name in the log: whatever stands in the field, it is no more than part of a line."""


class WrongRoleError(PermissionDeniedException):
    """The person is known, and the page is for another role."""


class MustFirstError(PermissionDeniedException):
    """The person must see to something before anything else; *path* is where."""

    def __init__(self, path: str) -> None:
        """Lead to *path*."""
        super().__init__()
        self.path = path


class WhoAsks(AbstractAuthenticationMiddleware):
    """Finds the account behind the session's cookie, anew for each request: a removed account is out at once."""

    def __init__(self, app: ASGIApp, office: Office) -> None:
        """Look for no session where there is nothing to see (the stylesheet)."""
        super().__init__(app, exclude_http_methods=())
        self._office = office
        self._tokens = ApiTokens(office.database, office.now_ns)

    async def authenticate_request(
        self, connection: ASGIConnection[object, object, object, State]
    ) -> AuthenticationResult:
        """The account and the session's key, or None twice."""
        path, bearer = connection.scope["path"], connection.headers.get("authorization", "")
        if bearer and path.startswith(API):
            found = await self._tokens.account(bearer.removeprefix("Bearer "))
            maker = await self._office.accounts.account(found.id) if found else None
            return AuthenticationResult(user=found if maker and not maker.must else None, auth=None)
        key = connection.cookies.get(self._office.session_cookie, "")
        session = await self._office.sessions.find(key, touch=path not in UNATTENDED) if key else None
        account = await self._office.accounts.account(session.account) if session else None
        if session and account and (account.name, account.epoch) != (session.name, session.epoch):
            account = None  # the number of a removed account may be given again, and log-ins of before may be ended
        if key and account is None:
            self._office.keyring.close(key)
        waits = session is not None and session.waits
        return AuthenticationResult(user=None if waits else account, auth=key if account else None)


def logged_in(connection: ASGIConnection[object, Account | None, object, State], handler: BaseRouteHandler) -> None:
    """Let through whoever has a role that may do what the page is marked with, and everybody to an open page; a guard.

    A page without a mark is nobody's: forgetting it keeps a page shut.
    """
    if handler.opt.get(OPEN):
        return
    if connection.user is None:
        raise NotAuthorizedException
    action = handler.opt.get(ACTION)
    if not isinstance(action, Action) or not may(connection.user.roles, action):
        raise WrongRoleError
    if connection.user.must and not handler.opt.get(MEANWHILE):
        raise MustFirstError(f"/account/{connection.user.must}")


def needs(action: Action, *, meanwhile: bool = False) -> dict[str, object]:
    """The marks of a page that does *action*, for its `opt`."""
    return {ACTION: action, MEANWHILE: meanwhile}


@get("/enrol", opt={OPEN: True})
async def enrolment(request: Asked) -> Response[str]:
    """The form for an account: the first, or one that somebody was invited to make."""
    return await _enrolment_form(request, office_of(request))


@post("/enrol", opt={OPEN: True})
async def enrol(request: Asked) -> Response[str] | Redirect:
    """Make the account of a one-use token, and log it in; only a form that could make one counts as a try."""
    office = office_of(request)
    form = await texts(request)
    name, password, address = form.get("name", ""), form.get("password", ""), address_of(request)
    if wait := office.attempts.wait(address):
        return await _enrolment_form(request, office, name=name, problem=wait_words(wait), status=429)
    try:
        _judge(name, password, form.get("again", ""))
        next_wait = office.attempts.failed(address)
        account = await office.accounts.enrol(form.get("enrolment", ""), name, password)
    except TokenError as error:
        _log_failure("enrolment", name, address, next_wait)
        return await _enrolment_form(request, office, name=name, problem=str(error))
    except EnrolmentError as error:
        return await _enrolment_form(request, office, name=name, problem=str(error))
    office.attempts.succeeded(address)
    await office.people.note("made", account.id, address)
    return await welcome(request, account, password, "/")


@get("/log-in", opt={OPEN: True})
async def log_in_form(request: Asked) -> Response[str] | Redirect:
    """The log-in; it leads to the first account while there is none."""
    office = office_of(request)
    if not await office.accounts.exist():
        return Redirect("/enrol", status_code=303)
    return _log_in_form(request, office, after=ours(request.query_params.get("after", "")))


@post("/log-in", opt={OPEN: True})
async def log_in(request: Asked) -> Response[str] | Redirect:
    """Check name and password; a try counts as failed until it has succeeded, so that a burst gains nothing."""
    office = office_of(request)
    form = await texts(request)
    name, after, address = plain(form.get("name", "")), ours(form.get("after", "")), address_of(request)
    if wait := office.attempts.wait(address, tidy(name)):
        return _log_in_form(request, office, name=name, after=after, problem=wait_words(wait), status=429)
    next_wait = office.attempts.failed(address, tidy(name))
    account = await office.accounts.verify(name, form.get("password", ""))
    if account is None:
        _log_failure("log-in", name, address, next_wait)
        if (number := await office.people.number_of(tidy(name))) is not None:
            await office.people.note("refused", number, address)
        return _log_in_form(request, office, name=name, after=after, problem=WRONG, status=403)
    office.attempts.succeeded(address, tidy(name))
    return await welcome(request, account, form.get("password", ""), after)


@post("/log-out", opt={OPEN: True})
async def log_out(request: Asked) -> Redirect:
    """End the session here and on the server."""
    office = office_of(request)
    if request.auth:
        await office.sessions.close(str(request.auth))
        office.keyring.close(str(request.auth))
    answer = Redirect("/log-in", status_code=303)
    for name in (office.session_cookie, office.csrf_cookie):
        answer.set_cookie(dataclasses.replace(cookie(office, name, ""), max_age=0))
    return answer


def count_unreadable(request: Asked, office: Office) -> None:
    """Count a log-in whose form cannot be read as a failed one.

    A browser says with each form where it stood (Origin). What sends a broken form from there is somebody else's page,
    and must not keep the person before it from logging in; so only what says nothing is counted.
    """
    if (request.method, request.scope["path"]) != ("POST", "/log-in") or "origin" in request.headers:
        return
    address = address_of(request)
    if not office.attempts.wait(address):
        log.warning("A log-in from %s came as a form that cannot be read.", address)
        _log_wait(address, office.attempts.failed(address))


def cookie(office: Office, name: str, value: str) -> Cookie:
    """A cookie that no script reads and no other site sends; it lives as long as the browser's window."""
    return Cookie(key=name, value=value, path="/", httponly=True, samesite="strict", secure=office.secure)


async def welcome(request: Asked, account: Account, password: str, after: str) -> Redirect:
    """A new session with a new key, whatever key the request brought; the old one ends.

    Where a second step is to come, the session waits for it, and opens no page.
    """
    office, waits = office_of(request), account.second_step
    key = await renewed(request, account, waits=waits)
    await office.keyring.open(key, account, password)
    await office.names.renew(office.keyring.opened(key))
    if not waits:
        await office.people.note("in", account.id, address_of(request))
    answer = Redirect(f"/log-in/code?after={after}" if waits else after, status_code=303)
    answer.set_cookie(cookie(office, office.session_cookie, key))
    return answer


async def renewed(request: Asked, account: Account, *, waits: bool = False) -> str:
    """The key of a new session for *account*; the one that *request* brought ends, and what it had open moves."""
    office, old = office_of(request), str(request.auth or "")
    key = await office.sessions.open(account.id, account.name, epoch=account.epoch, waits=waits)
    if old:
        await office.sessions.close(old)
        office.keyring.move(old, key)
    return key


async def _enrolment_form(
    request: Asked, office: Office, *, name: str = "", problem: str = "", status: int = 0
) -> Response[str]:
    status = status or (400 if problem else 200)
    others = await office.accounts.exist()
    values = {"name": name, "problem": problem, "shortest": LEAST_PASSWORD, "others": others}
    return html(request, office, "enrol.html", status=status, **values)


def _log_in_form(
    request: Asked, office: Office, *, name: str = "", after: str = "/", problem: str = "", status: int = 200
) -> Response[str]:
    """The form; *returning* when a link elsewhere led here, for then the browser held our cookie back (SameSite)."""
    returning = request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET"
    values = {"name": name, "after": after, "problem": problem, "returning": returning}
    return html(request, office, "log_in.html", status=status, **values)


def _judge(name: str, password: str, again: str) -> None:
    same(password, again)
    judge(name, password)


def same(password: str, again: str) -> None:
    """EnrolmentError if a new password was not written twice the same."""
    if password != again:
        raise EnrolmentError(DIFFER)


def _log_failure(what: str, name: str, address: str, wait: float) -> None:
    """Say in the log what failed, with the name made plain and cut, and never with a password or a token."""
    log.warning("A failed %s with the name %r from %s.", what, plain(name, LOGGED_NAME), address)
    _log_wait(address, wait)


def _log_wait(address: str, wait: float) -> None:
    if wait:
        log.warning(
            "A limit is reached: tries from %s or with this name wait %d seconds now.", address, math.ceil(wait)
        )


def ours(after: str) -> str:
    """*after* if it is a page of ours that a log-in may lead to, else the first page."""
    return after if OUR_PAGES.fullmatch(after) else "/"


def wait_words(seconds: float) -> str:
    """What somebody reads who has to wait *seconds*."""
    minutes = max(1, round(seconds / 60))
    return WAIT.format(minutes="a minute" if minutes == 1 else f"{minutes} minutes")


def address_of(request: Asked) -> str:
    """Where *request* comes from."""
    return request.client.host if request.client else ""


async def texts(request: Asked) -> dict[str, str]:
    """The fields of the form; FormError if it cannot be read (`reporting.web.forms`)."""
    return dict((await request.form()).items())
