"""The page of tokens for scripts: make one, see which there are, end one."""

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from reporting.api_tokens import LONGEST_NAME, ApiTokens
from reporting.permissions import Action
from reporting.web import times
from reporting.web.access import needs
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.render import ROLE_WORDS, html


@get("/tokens", opt=needs(Action.TOKENS_MANAGE))
async def listed(request: Asked) -> Response[str]:
    """The tokens and a form for another."""
    return await _page(request, office_of(request))


@post("/tokens", opt=needs(Action.TOKENS_MANAGE))
async def make(request: Asked) -> Response[str]:
    """Make a token and show it, this once."""
    office, form = office_of(request), await request.form()
    assert request.user
    name, role = plain(form.get("name", "").strip(), LONGEST_NAME), form.get("role", "")
    if not name or role not in request.user.roles:
        return await _page(request, office, problem="Give the token a name, and one of your own roles.", status=400)
    token = await ApiTokens(office.database, office.now_ns).make(request.user, name, role)
    return await _page(request, office, token=token)


@post("/tokens/{key:str}/revoke", opt=needs(Action.TOKENS_MANAGE))
async def revoke(request: Asked) -> Redirect:
    """End a token."""
    office = office_of(request)
    assert request.user
    if not await ApiTokens(office.database, office.now_ns).revoke(request.path_params["key"], request.user):
        raise NotFoundException
    return Redirect("/tokens", status_code=303)


async def _page(
    request: Asked, office: Office, *, token: str = "", problem: str = "", status: int = 200
) -> Response[str]:
    assert request.user
    user = request.user
    tokens = [
        {
            "key": one.key,
            "name": one.name,
            "role": ROLE_WORDS.get(one.role, one.role),
            "by": one.by,
            "made": times.to_minute(one.made_ns, office.zone),
            "revoked": times.to_minute(one.revoked_ns, office.zone) if one.revoked_ns else "",
            "may_end": not one.revoked_ns and (one.account == user.id or "technician" in user.roles),
        }
        for one in await ApiTokens(office.database, office.now_ns).listed()
    ]
    mine = [(role, words) for role, words in ROLE_WORDS.items() if role in user.roles]
    values = {"tokens": tokens, "roles_of_mine": mine, "made_token": token, "problem": problem}
    return html(request, office, "tokens.html", status=status, **values)
