"""Somebody's own account: their password, their log-ins, and ending them all; and a new password by a one-use link."""

from litestar import Response, get, post
from litestar.response import Redirect

from reporting.accounts import LEAST_PASSWORD, Account, EnrolmentError, TokenError
from reporting.keyring import RecoveryError, key_roles
from reporting.permissions import Action
from reporting.web import times
from reporting.web.access import OPEN, address_of, cookie, needs, renewed, same, texts, wait_words, welcome
from reporting.web.office import Asked, Office, office_of
from reporting.web.people import shown_events
from reporting.web.render import html

NOT_YOURS = "That is not your password now. Nothing was changed."


@get("/account", opt=needs(Action.OWN_ACCOUNT))
async def account(request: Asked) -> Response[str]:
    """The account of whoever asks."""
    return await _page(request)


@get("/account/password", opt=needs(Action.OWN_ACCOUNT, meanwhile=True))
async def password_form(request: Asked) -> Response[str]:
    """The form for a new password."""
    return _password_form(request)


@post("/account/password", opt=needs(Action.OWN_ACCOUNT, meanwhile=True))
async def password(request: Asked) -> Response[str] | Redirect:
    """Change the password; every other log-in of the account ends, and this one gets a new key."""
    office, me, form = office_of(request), _me(request), await texts(request)
    old, new = form.get("old", ""), form.get("password", "")
    address = address_of(request)
    if wait := office.attempts.wait(address, me.name):
        return _password_form(request, problem=wait_words(wait), status=429)
    office.attempts.failed(address, me.name)
    if await office.accounts.verify(me.name, old) is None:
        return _password_form(request, problem=NOT_YOURS, status=403)
    office.attempts.succeeded(address, me.name)
    try:
        same(new, form.get("again", ""))
        await office.accounts.renew(me.id, new)
    except EnrolmentError as error:
        return _password_form(request, problem=str(error), status=400)
    await office.keyring.change(me.id, old, new)
    await office.people.note("password", me.id, address)
    return await _in_again(request, office, me.id)


@post("/account/out-everywhere", opt=needs(Action.OWN_ACCOUNT))
async def out_everywhere(request: Asked) -> Redirect:
    """End every log-in of the account, this one too."""
    office = office_of(request)
    await office.people.end_log_ins(_me(request).id, "out-everywhere")
    office.keyring.close(str(request.auth))
    return Redirect("/log-in", status_code=303)


@post("/account/shares", opt=needs(Action.OWN_ACCOUNT))
async def shares(request: Asked) -> Response[str]:
    """Show the two halves of the key to names once, to be printed and kept apart (G30)."""
    office, me, form = office_of(request), _me(request), await texts(request)
    role = form.get("role", "")
    if await office.accounts.verify(me.name, form.get("password", "")) is None:
        return await _page(request, problem=NOT_YOURS, status=403)
    found = office.keyring.shares(str(request.auth), role)
    if found is None:
        return await _page(request, problem="Your key to names is not open. Log in anew, then try again.", status=400)
    await office.people.note("shares", me.id, address_of(request), role)
    return html(request, office, "shares.html", shares=found, role=role)


@post("/account/recover", opt=needs(Action.OWN_ACCOUNT))
async def recover(request: Asked) -> Response[str] | Redirect:
    """Take the key to names from its two printed halves."""
    office, me, form = office_of(request), _me(request), await texts(request)
    try:
        role = await office.keyring.recover(str(request.auth), me, (form.get("one", ""), form.get("other", "")))
    except RecoveryError as error:
        return await _page(request, problem=str(error), status=400)
    await office.people.note("recovered", me.id, address_of(request), role)
    return Redirect("/account", status_code=303)


@get("/reset", opt={OPEN: True})
async def reset_form(request: Asked) -> Response[str]:
    """The form for a new password by a one-use token."""
    return _reset_form(request)


@post("/reset", opt={OPEN: True})
async def reset(request: Asked) -> Response[str] | Redirect:
    """Give the account of a one-use token a new password, and log it in as far as its second step."""
    office, form, address = office_of(request), await texts(request), address_of(request)
    new = form.get("password", "")
    if wait := office.attempts.wait(address):
        return _reset_form(request, problem=wait_words(wait), status=429)
    office.attempts.failed(address)
    try:
        same(new, form.get("again", ""))
        number = await office.people.use_reset(form.get("reset", ""), new)
    except EnrolmentError as error:
        if not isinstance(error, TokenError):
            office.attempts.succeeded(address)
        return _reset_form(request, problem=str(error), status=400)
    office.attempts.succeeded(address)
    found = await office.accounts.account(number)
    assert found, "the token was of an open account"
    return await welcome(request, found, new, "/")


PAGES = (account, password_form, password, out_everywhere, shares, recover, reset_form, reset)


async def _in_again(request: Asked, office: Office, number: int) -> Redirect:
    """A new session after the account's log-ins were ended, with what this one had open."""
    found = await office.accounts.account(number)
    assert found, "whoever changes a password has an account"
    key = await renewed(request, found)
    answer = Redirect("/account", status_code=303)
    answer.set_cookie(cookie(office, office.session_cookie, key))
    return answer


async def _page(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office, me = office_of(request), _me(request)
    opened = office.keyring.opened(str(request.auth))
    return html(
        request,
        office,
        "account.html",
        status=status,
        problem=problem,
        me=me,
        left=await office.second_step.codes_left(me.id),
        events=shown_events(await office.people.seen(me.id), office.zone),
        keys=[(role, role in opened) for role in key_roles(me.roles)],
        now=times.shown(office.now_ns(), office.zone),
    )


def _password_form(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    values = {"problem": problem, "shortest": LEAST_PASSWORD, "must": _me(request).must == "password"}
    return html(request, office_of(request), "password.html", status=status, **values)


def _reset_form(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    values = {"problem": problem, "shortest": LEAST_PASSWORD}
    return html(request, office_of(request), "reset.html", status=status, **values)


def _me(request: Asked) -> Account:
    assert request.user, "the guard lets only people through"
    return request.user
