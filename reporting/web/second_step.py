"""The second step of a log-in, and setting it up: a code from the telephone, or a recovery code."""

import segno
from litestar import Response, get, post
from litestar.response import Redirect
from markupsafe import Markup

from reporting.accounts import Account
from reporting.permissions import Action
from reporting.web.access import OPEN, address_of, cookie, needs, ours, renewed, texts, wait_words
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html, link

WRONG = (
    "This code is not right, or was used already. Wait for the next one, and see that the telephone's clock is right."
)


@get("/log-in/code", opt={OPEN: True})
async def code_form(request: Asked) -> Response[str] | Redirect:
    """The form for the code, for whoever has given the right password just now."""
    if await _who_waits(request) is None:
        return Redirect("/log-in", status_code=303)
    return _code_form(request, ours(request.query_params.get("after", "")))


@post("/log-in/code", opt={OPEN: True})
async def code(request: Asked) -> Response[str] | Redirect:
    """Check the code, and log in with a new session; a try counts as failed until it has succeeded."""
    account = await _who_waits(request)
    if account is None:
        return Redirect("/log-in", status_code=303)
    form = await texts(request)
    after = ours(form.get("after", ""))
    if problem := await refused(request, account, form.get("code", "")):
        return _code_form(request, after, problem=problem, status=429 if problem != WRONG else 403)
    office, key = office_of(request), await renewed(request, account)
    await office.people.note("in", account.id, address_of(request))
    answer = Redirect(after, status_code=303)
    answer.set_cookie(cookie(office, office.session_cookie, key))
    return answer


@get("/account/second-step", opt=needs(Action.OWN_ACCOUNT, meanwhile=True))
async def set_up_form(request: Asked) -> Response[str]:
    """The secret for the telephone, until a code of it is given; later, what stands in for a lost one."""
    return await _set_up_form(request)


@post("/account/second-step", opt=needs(Action.OWN_ACCOUNT, meanwhile=True))
async def set_up(request: Asked) -> Response[str]:
    """Put the second step in force by a code of it, and show the recovery codes once."""
    office, account = office_of(request), _account(request)
    if account.second_step:
        return await _set_up_form(request)
    wait = office.attempts.wait(address_of(request), _key(account))
    if wait:
        return await _set_up_form(request, problem=wait_words(wait), status=429)
    office.attempts.failed(address_of(request), _key(account))
    codes = await office.second_step.confirm(account.id, (await texts(request)).get("code", ""))
    if codes is None:
        return await _set_up_form(request, problem=WRONG, status=400)
    office.attempts.succeeded(address_of(request), _key(account))
    return await _with_codes(request, office, account, codes, "second-step")


@post("/account/codes", opt=needs(Action.OWN_ACCOUNT))
async def new_codes(request: Asked) -> Response[str]:
    """Show new recovery codes once; the ones before hold no longer."""
    office, account = office_of(request), _account(request)
    if problem := await refused(request, account, (await texts(request)).get("code", "")):
        return await _set_up_form(request, problem=problem, status=400)
    return await _with_codes(request, office, account, await office.second_step.new_codes(account.id), "codes")


@post("/account/second-step/another", opt=needs(Action.OWN_ACCOUNT))
async def another(request: Asked) -> Response[str] | Redirect:
    """Begin anew with another telephone, after a code of the old one or a recovery code."""
    office, account = office_of(request), _account(request)
    if problem := await refused(request, account, (await texts(request)).get("code", "")):
        return await _set_up_form(request, problem=problem, status=400)
    await office.second_step.forget(account.id)
    await office.people.note("second-step-off", account.id, address_of(request))
    return Redirect("/account/second-step", status_code=303)


PAGES = (code_form, code, set_up_form, set_up, new_codes, another)


async def refused(request: Asked, account: Account, given: str) -> str:
    """Why the code *given* does not let *account* in, or nothing: it does, and is used up."""
    office, address = office_of(request), address_of(request)
    if wait := office.attempts.wait(address, _key(account)):
        return wait_words(wait)
    office.attempts.failed(address, _key(account))
    how = await office.second_step.check(account.id, given)
    if not how:
        await office.people.note("code-refused", account.id, address)
        return WRONG
    office.attempts.succeeded(address, _key(account))
    if how == "recovery":
        await office.people.note("recovery-used", account.id, address)
    return ""


async def _who_waits(request: Asked) -> Account | None:
    """Whose password was right, where the code is still to come."""
    office = office_of(request)
    session = await office.sessions.find(str(request.auth)) if request.auth else None
    return await office.accounts.account(session.account) if session and session.waits else None


def _code_form(request: Asked, after: str, *, problem: str = "", status: int = 200) -> Response[str]:
    return html(request, office_of(request), "code.html", status=status, after=after, problem=problem)


async def _set_up_form(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office, account = office_of(request), _account(request)
    made = None if account.second_step else await office.second_step.begin(account.id, account.name, office.school)
    return html(
        request,
        office,
        "second_step.html",
        status=status,
        problem=problem,
        secret=made.secret if made else "",
        address=link(made.address) if made else "",
        picture=_picture(made.address) if made else "",
        left=await office.second_step.codes_left(account.id),
        must=account.must,
    )


def _picture(address: str) -> Markup:
    """The *address* as a picture for the camera of a telephone, in the page itself: it is a secret, and no file."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(scale=5, border=4, dark="#000", light="#fff"))  # noqa: S704 - made here, of squares


async def _with_codes(request: Asked, office: Office, account: Account, codes: list[str], what: str) -> Response[str]:
    await office.people.note(what, account.id, address_of(request))
    return html(request, office, "codes.html", codes=codes)


def _account(request: Asked) -> Account:
    assert request.user, "the guard lets only people through"
    return request.user


def _key(account: Account) -> str:
    """The name under which tries of the code are counted, apart from those of the password."""
    return f"code of {account.name}"
