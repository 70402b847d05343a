"""Acknowledging an alert from anywhere by the link in a mail: one page that shows nothing of it, behind a log-in.

It is an application of its own with an address of its own, which a school may open to the outside; the staff pages stay
where they are. Opening the page does nothing, so a mail server that follows links acknowledges nothing. Whatever is
wrong, the link, the password, the code or the role, the answer is the same.
"""

import logging
import math
from collections.abc import Callable, Collection

from litestar import Litestar, Response, get, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from reporting import links
from reporting.accounts import Account, tidy
from reporting.web import errors, pictures
from reporting.web.access import OPEN
from reporting.web.forms import FormRequest
from reporting.web.guard import Guard
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.render import error_page, html
from reporting.web.viewer import viewer_as

log = logging.getLogger("schoolgate.web")

MOST_BODY = 8_192
"""Bytes of the form: a name, a password and a code."""

WRONG = (
    "That did not work: the name, the password or the code is not right, or the link is too old or was used already."
)
WAIT = "There were too many tries that failed. Please wait some minutes, then try again."


@get(links.PATH + "{token:str}", opt={OPEN: True})
async def form(request: Asked) -> Response[str]:
    """The form; the same for every link, whether it is good or not."""
    return _form(request)


@post(links.PATH + "{token:str}", opt={OPEN: True})
async def acknowledge(request: Asked) -> Response[str]:
    """Acknowledge the link's alert, if name, password and code are those of somebody it is for."""
    office = office_of(request)
    fields = dict((await request.form()).items())
    name, address = plain(str(fields.get("name", ""))), request.client.host if request.client else ""
    if wait := office.attempts.wait(address, tidy(name)):
        log.warning("A link from %s has to wait %d seconds.", address, math.ceil(wait))
        return _form(request, problem=WAIT, status=429, name=name)
    office.attempts.failed(address, tidy(name))
    account = await office.accounts.verify(name, str(fields.get("password", "")))
    number = None
    if account and await _is_sure(office, account, str(fields.get("code", ""))):
        number = await _acknowledged(office, request.path_params["token"], account)
    if number is None:
        return _form(request, problem=WRONG, status=403, name=name)
    office.attempts.succeeded(address, tidy(name))
    return html(request, office, "acknowledged.html", number=number)


async def _acknowledged(office: Office, token: str, account: Account) -> int | None:
    """The number of the alert that *account* has acknowledged by the link *token*; None where it is none of theirs."""
    mine = await viewer_as(account, office)
    async with office.database.writing() as session:
        return await links.use(
            session, token, account, office.now_ns(), reads=lambda row: not mine.alert_holder(row, row.audience)
        )


async def _is_sure(office: Office, account: Account, code: str) -> bool:
    """Whether *code* is *account*'s; whoever has anything to see to first sees to it on the staff pages."""
    return not account.must and (not account.second_step or bool(await office.second_step.check(account.id, code)))


def create_offsite(office: Office, *, hosts: Collection[str], refuses: Callable[[str], bool]) -> ASGIApp:
    """The page as an ASGI application; *hosts* are the exact Host values, *refuses* tells whom to turn away."""
    app = Litestar(
        route_handlers=[pictures.stylesheet, pictures.icon, form, acknowledge],
        state=State({"office": office}),
        exception_handlers=errors.handlers(office),
        csrf_config=office.csrf,
        request_class=FormRequest,
        request_max_body_size=MOST_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return Guard(app, hosts=hosts, refuses=refuses, error_page=lambda status: error_page(status).encode())


def _form(request: Asked, *, problem: str = "", status: int = 200, name: str = "") -> Response[str]:
    """The form, with the *name* that was given; nothing else of what was sent comes back."""
    return html(request, office_of(request), "acknowledge.html", status=status, problem=problem, name=name)
