"""Pages from templates: every value is made plain, then escaped (G28); no template marks a value as safe.

A link of ours is escaped too, but never cut: `link` for a page, *links* for JSON.

An error has a page in the same words and the same style as the rest, and never says what went wrong inside.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.template.base import csrf_token
from markupsafe import Markup, escape

from reporting.accounts import Account
from reporting.permissions import Action, may
from reporting.web.office import Asked, Office
from reporting.web.plain import plain, plain_json, printed

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    finalize=printed,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

ROLE_WORDS = {
    "technician": "technician",
    "dsl": "safeguarding lead (DSL)",
    "deputy": "deputy DSL",
    "headteacher": "headteacher",
    "head_deputy": "headteacher's deputy",
    "chair": "chair of governors",
    "governor": "governor",
    "auditor": "auditor",
}
"""Roles as people say them, in the order in which a page names them."""

PAGES = (
    ("/", "Today", Action.TODAY),
    ("/breaches", "Breach log", Action.BREACHES_READ),
    ("/alerts", "Alerts", Action.ALERTS_READ),
    ("/incidents", "Incidents", Action.INCIDENTS_READ),
    ("/proposals", "Proposals", Action.CHANGES_PROPOSE),
    ("/health", "Health", Action.HEALTH_READ),
    ("/people", "People", Action.ACCOUNTS_READ),
    ("/oversight", "Oversight", Action.OVERSIGHT_READ),
)
"""The pages of the bar along the top, each for whoever may do what it is for."""

ERRORS: Mapping[int, tuple[str, str]] = {
    400: (
        "That could not be read",
        "Something in the address or the form was not as we expected. Nothing was changed.",
    ),
    403: (
        "This page is not for your role",
        "Some pages are for particular people. If you need it, ask the headteacher.",
    ),
    404: ("There is no such page", "The address may be mistyped, or what it names is not here for you."),
    405: ("That cannot be done here", "The page exists, but not for what was asked of it. Nothing was changed."),
    413: ("That was too much at once", "The form held more than we can take. Nothing was changed."),
    421: (
        "Wrong address",
        "These pages answer only under the address that the school chose for them. Please use that one.",
    ),
    429: ("Please wait a little", "There were too many tries. Wait five minutes, then try again."),
    500: (
        "Something went wrong on our side",
        "The filter itself goes on. Try again; if it stays, tell the technician when.",
    ),
    503: (
        "The database cannot be reached",
        "Its server does not answer. The filter goes on, and all is kept; alerts wait. Tell the technician.",
    ),
}
"""Heading and words for each status that a person can meet."""

PUPILS_NETWORK = (
    "These pages are for staff",
    "They do not open from a pupils' or visitors' network. If you work here, use a computer on the office network.",
)
"""Heading and words for somebody who comes from where nobody should."""

LONGEST_PROSE = 20_000
"""Characters of a note or a field of an incident."""

MOST_WRITTEN = 1_048_576
"""Bytes of a form for long texts: a few full fields of a script whose letters take six bytes each when sent."""

NOTHING_SHARED = {"token": "", "here": "", "account": None, "menu": (), "roles": "", "school": "", "zone": ""}


def html(request: Asked, office: Office, template: str, *, status: int = 200, **values: object) -> Response[str]:
    """The page *template* with *values*, as an answer to *request*."""
    account = request.scope.get("user")
    shared = {
        "token": csrf_token({"request": request}),
        "here": request.scope["path"],
        "account": account,
        "menu": _menu(account),
        "roles": _roles(account),
        "school": office.school,
        "zone": str(office.zone),
    }
    content = ENVIRONMENT.get_template(template).render({**shared, **values})
    return Response(content, media_type=MediaType.HTML, status_code=status)


def json(value: Mapping[str, object], **links: str | None) -> Response[bytes]:
    """*value* as JSON, every text in it made plain; *links* that we made stand beside it, whole."""
    made_plain = {name: plain_json(msgspec.to_builtins(part)) for name, part in value.items()}
    return Response(msgspec.json.encode({**made_plain, **links}), media_type=MediaType.JSON)


def link(address: str) -> Markup:
    """*address*, which we made, for a template to print: escaped already, and so not cut as a value from outside is."""
    return escape(address)


def prose(text: str, longest: int = LONGEST_PROSE) -> Markup:
    """*text* of several lines, each made plain and escaped, for a template to print whole."""
    return escape(plain_lines(text, longest))


def plain_lines(text: str, longest: int = LONGEST_PROSE) -> str:
    """*text* of several lines, each made plain."""
    return "\n".join(plain(line, longest) for line in text[: longest + 1].split("\n"))


def error_page(status: int, heading: str = "", words: str = "") -> str:
    """The page for an error of *status*; a status without words of its own has those of 400 or 500."""
    known = ERRORS.get(status) or ERRORS[500 if status >= 500 else 400]
    values = {"heading": heading or known[0], "words": words or known[1]}
    return ENVIRONMENT.get_template("error.html").render({**NOTHING_SHARED, **values})


def _menu(account: Account | None) -> tuple[tuple[str, str], ...]:
    if account is None:
        return ()
    return tuple((address, words) for address, words, action in PAGES if may(account.roles, action))


def _roles(account: Account | None) -> str:
    return ", ".join(words for role, words in ROLE_WORDS.items() if account and role in account.roles)
