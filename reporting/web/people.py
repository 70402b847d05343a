"""People and their roles: who has an account, inviting, changing roles, closing, a new password, a lost telephone."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from reporting.accounts import Account
from reporting.people import Event, NotYoursError, PeopleError, Person, ordered
from reporting.permissions import ROLES, Action, gives, may
from reporting.web import times
from reporting.web.access import address_of, needs, texts
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import ROLE_WORDS, html

EVENTS: Mapping[str, str] = {
    "made": "The account was made",
    "in": "Logged in",
    "refused": "A log-in with a wrong password",
    "code-refused": "A log-in with a wrong code",
    "out-everywhere": "Logged out everywhere",
    "password": "The password was changed",
    "second-step": "The second step was set up",
    "second-step-off": "The second step was taken away",
    "recovery-used": "A recovery code was used",
    "codes": "New recovery codes were made",
    "shares": "The halves of the key to names were shown",
    "recovered": "The key to names was taken from its halves",
    "handed-over": "The key to names was handed over",
    "invited": "Somebody was invited",
    "withdrawn": "An invitation was withdrawn",
    "roles": "Roles were changed",
    "closed": "The account was closed",
    "reset": "A new password was asked for",
}
"""What can happen to an account, as people say it."""

OF_ROLES = ("invited", "withdrawn", "roles")
"""Of these the record keeps which roles."""


class ShownEvent(msgspec.Struct, frozen=True):
    """Something that happened to an account, in words."""

    when: str
    at: str
    account: str
    by: str
    what: str
    address: str
    says: str


@get("/people", opt=needs(Action.ACCOUNTS_READ))
async def everybody(request: Asked) -> Response[str]:
    """Everybody with an account, and what the person who asks may do about each."""
    return await _page(request)


@get("/people/{number:str}", opt=needs(Action.ACCOUNTS_READ))
async def person(request: Asked) -> Response[str]:
    """One account: its roles, and the forms for whoever may see to it."""
    return await _person_page(request)


@post("/people/invite", opt=needs(Action.ACCOUNTS_MANAGE))
async def invite(request: Asked) -> Response[str]:
    """Invite somebody, and show the token once."""
    office, me = office_of(request), _me(request)
    roles = _roles(await texts(request))
    try:
        token = await office.people.invite(me, roles)
    except PeopleError as error:
        return await _page(request, problem=str(error), status=400)
    page = f"{request.base_url}enrol"
    return html(request, office, "token.html", one_use=token, page=page, roles=_words(ordered(roles)), name="")


@post("/people/withdraw", opt=needs(Action.ACCOUNTS_MANAGE))
async def withdraw(request: Asked) -> Response[str] | Redirect:
    """Let an invitation hold no longer."""
    try:
        await office_of(request).people.withdraw(_me(request), (await texts(request)).get("key", ""))
    except PeopleError as error:
        return await _page(request, problem=str(error), status=400)
    return Redirect("/people", status_code=303)


@post("/people/{number:str}/roles", opt=needs(Action.ACCOUNTS_MANAGE))
async def change_roles(request: Asked) -> Response[str] | Redirect:
    """Give an account other roles; a role that is not this person's to give stays as it is."""
    office, me, number = office_of(request), _me(request), _number(request)
    try:
        found, mine = await _find(request), gives(me.roles)
        kept = {role for role in found.roles if role not in mine}
        await office.people.change_roles(me, number, kept | (set(_roles(await texts(request))) & mine))
    except PeopleError as error:
        return await _person_page(request, problem=str(error), status=400)
    return Redirect(f"/people/{number}", status_code=303)


@post("/people/{number:str}/close", opt=needs(Action.ACCOUNTS_MANAGE))
async def close(request: Asked) -> Response[str] | Redirect:
    """Close an account."""
    try:
        await office_of(request).people.close(_me(request), _number(request))
    except PeopleError as error:
        return await _person_page(request, problem=str(error), status=400)
    return Redirect("/people", status_code=303)


@post("/people/{number:str}/reset", opt=needs(Action.ACCOUNTS_MANAGE))
async def reset(request: Asked) -> Response[str]:
    """Make somebody choose a new password, and show the token for that once."""
    office, number = office_of(request), _number(request)
    try:
        found = await _find(request)
        token = await office.people.reset(_me(request), number)
    except PeopleError as error:
        return await _person_page(request, problem=str(error), status=400)
    return html(
        request, office, "token.html", one_use=token, page=f"{request.base_url}reset", roles="", name=found.name
    )


@post("/people/{number:str}/second-step", opt=needs(Action.ACCOUNTS_MANAGE))
async def lost_telephone(request: Asked) -> Response[str] | Redirect:
    """Take the second step away from somebody who has lost it; the next log-in sets up a new one."""
    office, number = office_of(request), _number(request)
    try:
        await office.people.may_see_to(_me(request), number)
    except PeopleError as error:
        return await _person_page(request, problem=str(error), status=400)
    await office.second_step.forget(number)
    await office.people.note("second-step-off", number, address_of(request), f"by {_me(request).name}")
    return Redirect(f"/people/{number}", status_code=303)


@post("/people/{number:str}/key", opt=needs(Action.NAMES_REVEAL))
async def hand_over(request: Asked) -> Response[str] | Redirect:
    """Hand the key to names to somebody who has the role and not the key."""
    office, number = office_of(request), _number(request)
    role = (await texts(request)).get("role", "")
    if not await office.keyring.hand_over(str(request.auth), number, role):
        return await _page(request, problem="Your own key to these names is not open. Log in anew first.", status=400)
    await office.people.note("handed-over", number, address_of(request), f"by {_me(request).name}: {role}")
    return Redirect("/people", status_code=303)


PAGES = (everybody, person, invite, withdraw, change_roles, close, reset, lost_telephone, hand_over)


def shown_events(events: Sequence[Event], zone: ZoneInfo) -> list[ShownEvent]:
    """*events* in words."""
    return [
        ShownEvent(
            when=times.shown(event.at_ns, zone),
            at=times.machine(event.at_ns),
            account=event.account,
            by=event.by,
            what=EVENTS.get(event.what, event.what),
            address=event.address,
            says=_words(event.says.replace(" ", "").split(",")) if event.what in OF_ROLES else event.says,
        )
        for event in events
    ]


async def _page(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office, me = office_of(request), _me(request)
    managed = may(me.roles, Action.ACCOUNTS_MANAGE)
    return html(
        request,
        office,
        "people.html",
        status=status,
        problem=problem,
        people=[_shown(one, office) for one in await office.people.everybody(me)],
        givable=[(role, ROLE_WORDS[role]) for role in ROLES if role in gives(me.roles)],
        managed=managed,
        invitations=[
            (
                one.key,
                _words(one.roles),
                one.by,
                times.shown(one.until_ns, office.zone),
                set(one.roles) <= gives(me.roles),
            )
            for one in (await office.people.invitations() if managed else ())
        ],
        keyless=[one for one in await office.keyring.without() if one[2] in office.keyring.opened(str(request.auth))],
    )


async def _person_page(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office, me = office_of(request), _me(request)
    try:
        found = await _find(request)
    except NotYoursError as error:
        raise NotFoundException from error
    mine = gives(me.roles)
    return html(
        request,
        office,
        "person.html",
        status=status,
        problem=problem,
        person=_shown(found, office),
        mine=found.mine,
        choices=[(role, ROLE_WORDS[role], role in found.roles) for role in ROLES if role in mine],
        fixed=[ROLE_WORDS[role] for role in found.roles if role not in mine],
        open=not found.closed,
    )


async def _find(request: Asked) -> Person:
    """The account that the path names; NotYoursError if there is none."""
    number = _number(request)
    for one in await office_of(request).people.everybody(_me(request)):
        if one.id == number:
            return one
    raise NotYoursError("There is no such account.")


def _shown(one: Person, office: Office) -> dict[str, object]:
    state = "closed" if one.closed else "must choose a new password" if one.new_password else ""
    return {
        "id": one.id,
        "name": one.name,
        "roles": _words(one.roles),
        "state": state,
        "second_step": one.second_step,
        "last": times.shown(one.last_in_ns, office.zone) if one.last_in_ns else "never",
    }


def _words(roles: Sequence[str]) -> str:
    return ", ".join(ROLE_WORDS.get(role, role) for role in roles)


def _roles(form: Mapping[str, str]) -> set[str]:
    """The roles that are ticked in *form*."""
    return {role for role in ROLES if form.get(f"role-{role}")}


def _number(request: Asked) -> int:
    """The account's number in the path, or 0, which no account has."""
    text = str(request.path_params["number"])
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _me(request: Asked) -> Account:
    assert request.user, "the guard lets only people through"
    return request.user
