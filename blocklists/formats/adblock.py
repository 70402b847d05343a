"""Adblock and AdGuard DNS syntax: "||x^", "@@", "|", "*", "^", "/regex/" and modifiers after "$".

What a browser would do with the page (cosmetic rules, most modifiers) is refused by name; `modifiers` has the list. A
bare name and a hosts line are read as in their own formats. A rule that a $badfilter takes back, wherever in the list
that stands, adds nothing.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial

import msgspec

from blocklists import domain
from blocklists.formats import glance, hosts, modifiers, plain, target
from blocklists.formats.kind import MAX_LINE, Ahead, Reader, Unread
from blocklists.rule import Effect, NameRule, Rule

MAX_CANCELLED = 10_000
"""Rules that a list may take back; AdGuard's own lists take back a few hundred."""

_COSMETIC = re.compile(r"#@?[$%?]{0,2}#|\$@?\$|%%")
_SELECTOR = re.compile(r"#?[^\s#]")
_HEADER = re.compile(r"\[[^\]]*\]")
_COMMENT = re.compile(r"\s#")
_DOLLAR = re.compile(r"(?<!\\)\$")
_ONE_LABEL = re.compile(r"(?:\|\|)?\*?\.[^./^*|]+\^?\|?")
"""All that ends in one label, as a pattern: "*.com^"."""
_ONE_NAME = re.compile(r"\|\|([^/$|*^]+)\^")

SHAPES = (glance.shape("||", "^"), glance.shape(), *hosts.SHAPES)


class Parts(msgspec.Struct, frozen=True):
    """A rule taken apart: what it matches, what stands after "$", and whether it is an exception."""

    pattern: str
    modifiers: list[str]
    exception: bool

    @property
    def key(self) -> str:
        """What two rules have in common of which one takes back the other."""
        kept = sorted(part for part in self.modifiers if part != modifiers.CANCELS)
        return ("@@" if self.exception else "") + self.pattern.lower() + ("$" + ",".join(kept) if kept else "")


def reader(ahead: Ahead) -> Reader:
    """A reader of rules, but for those that are cancelled *ahead*."""
    cancelled = frozenset(match[1] for key in ahead.cancelled if (match := _ONE_NAME.fullmatch(key)))
    shapes = SHAPES[:1] if ahead.cancelled else SHAPES
    return Reader(said=said, rules=partial(rules, cancelled=ahead.cancelled), shapes=shapes, cancelled=cancelled)


def look_ahead(blocks: Iterable[bytes]) -> Ahead:
    """Find the rules that $badfilter takes back in *blocks* of whole lines."""
    cancelled: set[str] = set()
    word = modifiers.CANCELS.encode("ascii")
    for block in blocks:
        for line in block.split(b"\n") if word in block.lower() else ():
            if word in line.lower() and len(line) <= MAX_LINE and len(cancelled) < MAX_CANCELLED:
                rule = taken_apart(line.decode("utf-8", "replace").strip())
                cancelled.update([rule.key] if modifiers.CANCELS in rule.modifiers else [])
    return Ahead(cancelled=frozenset(cancelled))


def said(text: str) -> str:
    """What the line *text* says: "" for a comment, a directive ("!#if") and a header ("[Adblock Plus]")."""
    kept = text.strip()
    if kept.startswith("!") or _HEADER.fullmatch(kept) or (kept.startswith("#") and not is_cosmetic(kept)):
        return ""
    return kept if kept.startswith(("|", "@@", "/")) else _COMMENT.split(kept, maxsplit=1)[0].rstrip()


def is_cosmetic(text: str) -> bool:
    """Whether *text* is a rule for a page's looks: its mark opens it or follows a name, and something follows."""
    match = _COSMETIC.search(text)
    if match is None or text[max(match.start() - 1, 0)].isspace():
        return False
    return match.start() > 0 or _SELECTOR.match(text, match.end()) is not None


def rules(text: str, *, cancelled: frozenset[str]) -> Iterator[Rule | Unread]:
    """The rules of the line *text*, none if it is *cancelled*."""
    if is_cosmetic(text):
        yield Unread("a cosmetic rule")
    elif hosts.is_line(text):
        yield from hosts.rules(text)
    else:
        yield from _network_rules(taken_apart(text), cancelled)


def taken_apart(text: str) -> Parts:
    """The rule *text* in its parts. A "$" opens the modifiers, but not within a regular expression."""
    exception = text.startswith("@@")
    body = text[2:] if exception else text
    close = _end_of_expression(body)
    match = _DOLLAR.search(body, close)
    pattern, options = (body, "") if match is None else (body[: match.start()], body[match.end() :])
    return Parts(pattern=pattern, modifiers=modifiers.split(options), exception=exception)


def _end_of_expression(body: str) -> int:
    """Where the regular expression that opens *body* ends; 0 if none does."""
    if not body.startswith("/"):
        return 0
    return len(body) if len(body) > 1 and body.endswith("/") else body.rfind("/$") + 1


def _network_rules(rule: Parts, cancelled: frozenset[str]) -> Iterator[Rule | Unread]:
    if modifiers.CANCELS in rule.modifiers:
        if rule.key not in cancelled:
            yield Unread("the modifier $badfilter is not supported")
        return
    if cancelled and rule.key in cancelled:
        return
    meaning = modifiers.meaning(rule.modifiers, exception=rule.exception)
    if isinstance(meaning, Unread):
        yield meaning
    else:
        yield from _meant(_applied(_without_root(rule.pattern), meaning.effect), meaning.apart)


def _applied(pattern: str, effect: Effect) -> Rule | Unread:
    """The rule for *pattern*, unless it is an exception for a top-level domain, or another name of one label."""
    found = target.rule(pattern, effect)
    if not effect.lists and not isinstance(found, Unread):
        named = isinstance(found, NameRule) and not found.exact and not {".", ":"} & set(found.name)
        if named or _ONE_LABEL.fullmatch(pattern):
            return Unread("would take every site that ends in it off the list")
    return found


def _without_root(pattern: str) -> str:
    """*pattern* without the slash at its end, where a bare name stands before it: that is the host, as in any list."""
    name = pattern.removesuffix("/")
    found = plain.dotted(name)
    means = isinstance(found, NameRule) and (not domain.as_address(found.name) or domain.as_address(name))
    return name if means else pattern


def _meant(found: Rule | Unread, apart: tuple[str, ...]) -> Iterator[Rule | Unread]:
    """The rule *found*, and one for each name that it leaves alone."""
    if not apart or isinstance(found, Unread):
        yield found
    elif not isinstance(found, NameRule) or found.exact:
        yield Unread("the modifier $denyallow beside a pattern is not supported")
    elif not any(domain.is_within(found.name, name) for name in apart):
        yield found
        for name in apart:
            if domain.is_within(name, found.name):
                yield NameRule(name, Effect.APART)
