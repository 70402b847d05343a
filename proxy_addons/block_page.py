"""What a person reads when something is closed: calm, in words for their age, with somebody to tell.

A page carries no script, loads nothing, reflects no part of a URL, and never says that anybody did wrong. The host
stands on it for secondary pupils and staff only, escaped and cut.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2
import markupsafe
import msgspec

from blocklists.policy import Reason, Verdict
from blocklists.profile import Code, Pages
from blocklists.rulebook import Rulebook
from proxy_addons.answer import CONTENT_TYPES, PIXEL, Form
from proxy_addons.settings import ProxySettings

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_HOST = 60
"""Characters of a host that are shown; longer ones are cut, the end (the owner's part) kept."""

HELP_THEMES = frozenset({"self-harm"})
"""Themes that are answered with the help panel (G3)."""

_SHOWN_TO = frozenset({Pages.SECONDARY, Pages.STAFF})

_BECAUSE = {
    Reason.EMERGENCY: "your school has closed it for now",
    Reason.PROFILE_RULE: "your school has closed it",
    Reason.SEARCH: "it is a search engine that your school does not use",
    Reason.NOT_APPROVED: "it is not on our list yet",
    Reason.UNKNOWN: "nobody at school has checked it yet",
    Reason.THUMBNAIL: "small pictures of a search are not shown",
    Reason.DOWNLOAD: "files of this kind may not be fetched from here",
    Reason.UPLOAD: "this may not be sent there from here",
    Reason.INFECTED: "something in this file could harm your device",
    Reason.MESSAGE: "of what was written there",
    Reason.FAILURE: "we could not check it just now",
}

_TO_THE_YOUNGEST = {
    Reason.SEALED: "This page is closed.",
    Reason.EMERGENCY: "Our school has closed this page for now.",
    Reason.PROFILE_RULE: "Our school has closed this page.",
    Reason.SEARCH: "We do not search on this page.",
    Reason.NOT_APPROVED: "This page is not on our list.",
    Reason.CATEGORY: "This page is not for children.",
    Reason.UNKNOWN: "We have not looked at this page yet.",
    Reason.THUMBNAIL: "We do not show these pictures.",
    Reason.DOWNLOAD: "You cannot get this file here.",
    Reason.UPLOAD: "You cannot send this here.",
    Reason.INFECTED: "This file is not safe.",
    Reason.MESSAGE: "This page is closed.",
    Reason.FAILURE: "We cannot look at this page now.",
}
"""The reason in one line for a child of six, who is not told what a page is about."""

_LATER = {
    Code.PASS: "Ask your teacher if you need it for a lesson.",
    Code.BREAKS: "It may be open at break, at lunch or after school.",
    Code.TERM_TIME: "It may be open after school.",
}
"""What changes it, for those codes that time or a teacher changes."""


class Notice(msgspec.Struct, frozen=True):
    """What a page says. *because* ends the sentence "It is closed because"; "" leaves the sentence out.

    *line* is the reason in one sentence for the youngest.
    """

    pages: Pages
    because: str = ""
    line: str = ""
    later: str = ""
    host: str = ""
    category: str = ""
    helping: bool = False
    sealed: bool = False
    adult: str = ""
    contact: str = ""
    portal_url: str = ""
    school: str = ""
    code: str = "closed"


def notice_of(rulebook: Rulebook, profile: str, host: str, verdict: Verdict, settings: ProxySettings) -> Notice:
    """The notice for somebody of *profile* about *host*, which *verdict* has refused."""
    pages = pages_of(rulebook, profile)
    plain = Notice(
        pages=pages,
        line=_TO_THE_YOUNGEST.get(verdict.reason, ""),
        adult=settings.adult,
        contact=settings.contact,
        portal_url=settings.portal_url,
        school=rulebook.school,
        code=str(verdict.reason),
    )
    if verdict.reason is Reason.SEALED:
        return msgspec.structs.replace(plain, sealed=True)
    category = rulebook.categories.get(verdict.category)
    of_category = category is not None and verdict.reason is Reason.CATEGORY
    return msgspec.structs.replace(
        plain,
        because=f"it is {category.words}" if category and of_category else _BECAUSE.get(verdict.reason, ""),
        later=_LATER.get(Code(verdict.code), "") if of_category and verdict.code else "",
        category=category.title if category and of_category else "",
        host=shown(host) if pages in _SHOWN_TO else "",
        helping=category is not None and category.theme in HELP_THEMES,
    )


def pages_of(rulebook: Rulebook, profile: str) -> Pages:
    """In whose words to speak to somebody of *profile*; a profile that is not there is spoken to as KS2."""
    found = rulebook.profiles.get(profile)
    return found.pages if found else Pages.KS2


def shown(host: str) -> str:
    """*host* as it stands on a page."""
    return host if len(host) <= LONGEST_HOST else "…" + host[-LONGEST_HOST:]


def sentence(notice: Notice) -> str:
    """The notice as one line, for what cannot show a page."""
    return f"This page is closed because {notice.because}." if notice.because else "This page is closed."


def body(notice: Notice, form: Form) -> bytes:
    """The answer's body in *form*."""
    if form is Form.PAGE:
        return render(f"{notice.pages}.html", notice)
    if form is Form.JSON:
        told = {"closed": True, "reason": notice.code, "message": sentence(notice)}
        lines = STAFF_HELP_LINES if notice.pages is Pages.STAFF else HELP_LINES
        return msgspec.json.encode(told | {"help": lines} if notice.helping else told)
    return PIXEL if form is Form.IMAGE else b""


HELP_LINES = {"Childline": "0800 1111", "Samaritans": "116 123"}
STAFF_HELP_LINES = {"Samaritans": "116 123", "Education Support": "08000 562 561"}
"""An adult's: Childline is for children, Education Support for people who work in schools."""


def render(template: str, notice: msgspec.Struct) -> bytes:
    """The page *template* for *notice*."""
    return _environment().get_template(template).render(n=notice, css=markupsafe.Markup(_css())).encode()  # noqa: S704 - our own file


def headers(form: Form) -> tuple[tuple[str, str], ...]:
    """The headers of an answer in *form*: never stored, and nothing on the page may load, run or be sent."""
    return (
        ("Content-Type", CONTENT_TYPES[form]),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", _content_security_policy()),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Language", "en"),
    )


@cache
def _content_security_policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _css() -> str:
    return (TEMPLATES / "page.css").read_text()


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
