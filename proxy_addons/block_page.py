"""What a person reads when something is closed: calm, in words for their age, with somebody to tell.

A page carries no script, loads nothing, reflects no part of a URL, and never says that anybody did wrong. The host
stands on it for secondary pupils and staff only, escaped and cut. Its sentences are in `templates/words`, by language.
"""

import base64
import hashlib
from functools import cache, lru_cache
from pathlib import Path

import jinja2
import markupsafe
import msgspec

from blocklists.policy import Reason, Verdict
from blocklists.profile import Code, Pages
from blocklists.rulebook import Category, Rulebook
from proxy_addons import words
from proxy_addons.form import CONTENT_TYPES, PIXEL, Form
from proxy_addons.settings import ProxySettings
from proxy_addons.words import Words

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_HOST = 60
"""Characters of a host that are shown; longer ones are cut, the end (the owner's part) kept."""

HELP_THEMES = frozenset({"self-harm"})
"""Themes that are answered with the help panel (G3)."""

_LATER = {Code.PASS: "pass", Code.BREAKS: "breaks", Code.TERM_TIME: "term_time"}
"""What changes it, for those codes that time or a teacher changes."""

_SHOWN_TO = frozenset({Pages.SECONDARY, Pages.STAFF})

_NO_CATEGORY = "because.category"
"""The reason in a language in which the school has not described a category of its own."""


class Notice(msgspec.Struct, frozen=True):
    """What a page says, in no language yet: *because*, *line* and *later* are keys of `words`.

    *because* ends the sentence "It is closed because"; "" leaves the sentence out. *own* is the same in the school's
    words, where the category's are not the shipped ones. *line* is the reason in one sentence for the youngest. The
    links lead to the portal; "" for none.
    """

    pages: Pages
    because: str = ""
    own: str = ""
    line: str = ""
    later: str = ""
    host: str = ""
    category: str = ""
    helping: bool = False
    sealed: bool = False
    adult: str = ""
    contact: str = ""
    school: str = ""
    code: str = "closed"
    open_link: str = ""
    saw_link: str = ""


def notice_of(rulebook: Rulebook, profile: str, host: str, verdict: Verdict, settings: ProxySettings) -> Notice:
    """The notice for somebody of *profile* about *host*, which *verdict* has refused."""
    pages = pages_of(rulebook, profile)
    plain = Notice(
        pages=pages,
        line=_key("line", str(verdict.reason)),
        adult=settings.adult,
        contact=settings.contact,
        school=rulebook.school,
        code=str(verdict.reason),
    )
    if verdict.reason is Reason.SEALED:
        return msgspec.structs.replace(plain, sealed=True)
    category = rulebook.categories.get(verdict.category)
    because, own = _key("because", str(verdict.reason)), ""
    if verdict.reason is Reason.CATEGORY:
        because, own = _of_category(verdict.category, category)
    return msgspec.structs.replace(
        plain,
        because=because,
        own=own,
        later=_later(verdict.code) if category and verdict.reason is Reason.CATEGORY else "",
        category=category.title if category and verdict.reason is Reason.CATEGORY else "",
        host=shown(host) if pages in _SHOWN_TO else "",
        helping=category is not None and category.theme in HELP_THEMES,
    )


def _key(table: str, name: str) -> str:
    """The key of the sentence *name* in *table*, or "" where there is none."""
    key = f"{table}.{name}"
    return key if key in words.of(words.ENGLISH) else ""


def _later(code: str) -> str:
    return _key("later", _LATER.get(Code(code), "")) if code else ""


def _of_category(name: str, category: Category | None) -> tuple[str, str]:
    """Why a page of *category* is closed: the key of the shipped sentence, and the school's where it is another."""
    if category is None:
        return "", ""
    said, shipped = f"it is {category.words}", _key("category", name)
    if shipped and words.of(words.ENGLISH).plain(shipped) == said:
        return shipped, ""
    return _NO_CATEGORY, said


def pages_of(rulebook: Rulebook, profile: str) -> Pages:
    """In whose words to speak to somebody of *profile*; a profile that is not there is spoken to as KS2."""
    found = rulebook.profiles.get(profile)
    return found.pages if found else Pages.KS2


def shown(host: str) -> str:
    """*host* as it stands on a page."""
    return host if len(host) <= LONGEST_HOST else "…" + host[-LONGEST_HOST:]


def reason(notice: Notice, language: Words) -> str:
    """Why, as the end of the sentence "It is closed because"; "" where no reason is told.

    A school's own words are in English; in another language the reason is told without them.
    """
    if notice.own and language.language == words.ENGLISH:
        return notice.own
    return language.plain(notice.because) if notice.because else ""


def sentence(notice: Notice, language: Words) -> str:
    """The notice as one line, for what cannot show a page."""
    why = reason(notice, language)
    return language.plain("page.because", reason=why) if why else language.plain("page.it_is_closed")


@lru_cache(maxsize=256)
def body(notice: Notice, form: Form, language: Words) -> bytes:
    """The answer's body in *form*. Remembered (1 MB at most), as a page that is closed is asked for again and again."""
    if form is Form.PAGE:
        return render(f"{notice.pages}.html", notice, language, reason=reason(notice, language))
    if form is Form.JSON:
        told = {"closed": True, "reason": notice.code, "message": sentence(notice, language)}
        lines = STAFF_HELP_LINES if notice.pages is Pages.STAFF else HELP_LINES
        return msgspec.json.encode(told | {"help": lines} if notice.helping else told)
    return PIXEL if form is Form.IMAGE else b""


HELP_LINES = {"Childline": "0800 1111", "Samaritans": "116 123"}
STAFF_HELP_LINES = {"Samaritans": "116 123", "Education Support": "08000 562 561"}
"""An adult's: Childline is for children, Education Support for people who work in schools."""


def render(template: str, notice: msgspec.Struct, language: Words, **more: str) -> bytes:
    """The page *template* for *notice* in a *language*."""
    css = markupsafe.Markup(_css())  # noqa: S704 - our own file
    return _environment().get_template(template).render(n=notice, w=language, css=css, **more).encode()


def headers(form: Form, language: str = words.ENGLISH) -> tuple[tuple[str, str], ...]:
    """The headers of an answer in *form*: never stored, and nothing on the page may load, run or be sent."""
    return (
        ("Content-Type", CONTENT_TYPES[form]),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", _content_security_policy()),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Language", language),
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
