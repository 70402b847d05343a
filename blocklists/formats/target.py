"""What an Adblock rule matches: its pattern, without "@@" and modifiers, as a name, a page or an expression.

"||" begins at the start of a host or after one of its dots, "|" at the very start or end, "^" is a separator or the
end, "*" anything. A pattern of a host's letters alone is held against the host, any other against the URL.

One liberty: "||x.test" without its "^" is read as if it had one. Taken by the letter it would list "x.testing.test" as
well, which no author means, and it would be an expression where a name does.
"""

import re

import msgspec

from blocklists import domain, url
from blocklists.formats import pattern, plain
from blocklists.formats.kind import Unread
from blocklists.formats.pattern import ANYWHERE, LABEL, START
from blocklists.rule import Effect, NameRule, PageRule, PatternRule, Rule, Subject

MIN_PATTERN = 3
"""Letters of a pattern, as in AdGuard's own reader: a shorter one matches too much to be meant."""

_SCHEME = re.compile(r"(?ai)\|?(?:https?|wss?|ftp|\*)?://")
_PORT = re.compile(r"([^/?*^:]+):[0-9]{1,5}(?=[/?^]|$)")
_OF_A_HOST = re.compile(r"(?:(?:[A-Za-z0-9._*-]|[^\x00-\x7f])+|\[[0-9A-Fa-f:.]+\])\^?")
_QUERY_OF_ROOT = re.compile(r"([^/?*^]+)\?")
_OF_A_URL = re.compile(r"[/?&=^]")
_BOUND = re.compile(r"([^/?*^]+)[/?]")
_PAGE = re.compile(r"([^/?*^]+)(/[^*^]*)(\^?)")


def rule(text: str, effect: Effect) -> Rule | Unread:
    """The rule for the pattern *text*."""
    if len(text) < MIN_PATTERN:
        return Unread("matches every site")
    if text.startswith("/") and text.endswith("/"):
        return pattern.rule(text[1:-1], Subject.HOST, effect)
    if len(text.split()) > 1:
        return Unread("more than one word on a line")
    opens, body = _opened(text)
    ends = body.endswith("|")
    body = _PORT.sub(r"\1", body.removesuffix("|"), count=1) if _PORT.match(body) else body.removesuffix("|")
    body = body if ends or opens == ANYWHERE else _tail(body)
    if opens != ANYWHERE and (match := _QUERY_OF_ROOT.match(body)):
        body = f"{match[1]}/{body[match.end(1) :]}"  # canonical URLs have that slash
    if _OF_A_HOST.fullmatch(body):
        return _of_host(opens, body.removesuffix("^"), closes=ends or body.endswith("^"), effect=effect)
    return _of_url(opens, body, ends=ends, effect=effect)


def _opened(text: str) -> tuple[str, str]:
    """Where the pattern begins, and the rest of it."""
    if match := _SCHEME.match(text):
        return START, text[match.end() :]
    for opens in (LABEL, START):
        if text.startswith(opens):
            return opens, text.removeprefix(opens)
    return ANYWHERE, text


def _tail(body: str) -> str:
    """*body* with "^" for an end that says the same: the root of a host, anything after a separator."""
    if body.count("/") == 1 and body.endswith(("/", "/*")):
        return body.rstrip("*/") + "^"
    return body.rstrip("*") if body.endswith(("^*", "/*")) else body


def _of_host(opens: str, text: str, *, closes: bool, effect: Effect) -> NameRule | PatternRule | Unread:
    if (name := _name(text)) and (rule := _named(opens, name, closes=closes, effect=effect)):
        return rule
    if text.startswith("*"):
        opens = ANYWHERE
    text = text.lstrip("*") if opens == ANYWHERE else text
    text = text if closes else text.rstrip("*")
    return pattern.of_signs(text, Subject.HOST, opens, closes=closes, effect=effect)


def _named(opens: str, name: str, *, closes: bool, effect: Effect) -> NameRule | Unread | None:
    """The rule for the one *name* that a pattern is, or None where it means more names than that."""
    single = not {".", ":"} & set(name)
    if opens == LABEL and (closes or not single):
        return NameRule(name, effect) if name[1:2].isalpha() or not single else Unread("a name with one label")
    if opens == START and closes:
        return NameRule(name, effect, exact=True)
    if opens == ANYWHERE and not closes:
        return Unread("a name with one label") if single else NameRule(name, effect)
    return None


def _name(text: str) -> str | None:
    """*text* as a name; not as an address in a notation of its own: the first half of one is a pattern."""
    found = plain.name(text)
    if isinstance(found, Unread) or (domain.as_address(found.name) and not domain.as_address(text)):
        return None
    return found.name


def _of_url(opens: str, body: str, *, ends: bool, effect: Effect) -> PageRule | PatternRule | Unread:
    if not _OF_A_URL.search(body):
        return Unread("not a rule of this format")
    match = _PAGE.fullmatch(body) if opens == LABEL else None
    if match and (name := _name(match[1])) and (parsed := url.canonical(name + match[2])):
        path = parsed.path_and_query
        if ends:
            return PageRule(name, path, effect=effect)
        if parsed.query is None and (match[3] or path.endswith("/")):
            return PageRule(name, path, folder=True, effect=effect)
        if not match[3]:
            return PageRule(name, path, effect=effect, begins=True)
        if not {"*", "^"} & set(path):
            body = name + path + match[3]
    found = pattern.of_signs(body.rstrip("*"), Subject.URL, opens, closes=ends, effect=effect)
    bound = _BOUND.match(body) if opens == LABEL else None
    if isinstance(found, PatternRule) and bound and (name := _name(bound[1])):
        return msgspec.structs.replace(found, host=name)
    return found
