"""What follows "$" in an Adblock rule: each modifier is applied, or the rule is refused by the modifier's name.

Leaving one out would change what the rule means: "only for this device" would become "for everybody".
"""

import re

import msgspec

from blocklists.formats import plain
from blocklists.formats.kind import Unread
from blocklists.rule import Effect, NameRule

_COMMA = re.compile(r"(?<!\\),")
_NOTHING = re.compile(r"_+|all")
"""AdGuard's padding, and uBlock's and AdGuard's word for what the rule says without it."""

CANCELS = "badfilter"
APPLIED = frozenset({"important", "denyallow", "dnsrewrite", CANCELS})
"""Modifiers that are applied, as far as they can be."""

BLOCKING_REWRITES = frozenset({
    "nxdomain", "nxdomain;;", "refused", "refused;;", "servfail", "servfail;;", "noerror", "noerror;;",
    "0.0.0.0", "::", "noerror;a;0.0.0.0", "noerror;aaaa;::",  # noqa: S104 - values in lists
})  # fmt: skip
"""Values of $dnsrewrite that leave nothing to open."""

REFUSED = frozenset({
    # AdGuard Home and AdGuard DNS: who asks, and for what
    "client", "ctag", "dnstype",
    # browsers: the page that asks
    "app", "domain", "from", "ipaddress", "method", "party", "strict1p", "strict3p", "third-party", "3p", "first-party",
    "1p", "to", "top",
    # browsers: what is asked for
    "beacon", "css", "data", "doc", "document", "font", "frame", "image", "inline-font", "inline-script", "main_frame",
    "match-case", "media", "network", "object", "object-subrequest", "other", "ping", "popunder", "popup", "script",
    "stylesheet", "subdocument", "webrtc", "websocket", "xhr", "xmlhttprequest", "header",
    # browsers: what is done with it
    "cname", "content", "cookie", "csp", "ehide", "elemhide", "empty", "extension", "generichide", "genericblock",
    "ghide", "hls", "inline", "jsinject", "jsonprune", "mp4", "permissions", "redirect", "redirect-rule",
    "referrerpolicy", "removeheader", "removeparam", "queryprune", "replace", "rewrite", "reason", "shide",
    "specifichide", "stealth", "uritransform", "urlblock", "urlskip", "urltransform", "xmlprune",
})  # fmt: skip
"""Modifiers that are known and not applied: each is named in the reason."""


class Meaning(msgspec.Struct, frozen=True):
    """What the modifiers of a rule make of it: its *effect*, and the names *apart* that it leaves alone."""

    effect: Effect
    apart: tuple[str, ...] = ()


def split(text: str) -> list[str]:
    """The modifiers of *text*: their names in lower case, their values as they are written."""
    parts = (part.strip().partition("=") for part in _COMMA.split(text))
    return [name.lower() + sign + value for name, sign, value in parts if name]


def meaning(parts: list[str], *, exception: bool) -> Meaning | Unread:
    """What the modifiers *parts* make of a rule, or why it is refused."""
    values = dict(part.partition("=")[::2] for part in parts)
    for name, value in values.items():
        if not _is_applied(name, value, exception=exception):
            return _refusal(name)
    important, apart = "important" in values, _names(values.get("denyallow", ""))
    if important and apart:
        return Unread("the modifier $denyallow beside $important is not supported")
    if exception:
        return Meaning(Effect.ALLOWED_IMPORTANT if important else Effect.ALLOWED)
    return Meaning(Effect.IMPORTANT if important else Effect.LISTED, apart)


def _is_applied(name: str, value: str, *, exception: bool) -> bool:
    match name:
        case "important":
            return True
        case "denyallow":
            return not exception and bool(_names(value))
        case "dnsrewrite":
            return not exception and value.lower() in BLOCKING_REWRITES
    return _NOTHING.fullmatch(name) is not None


def _names(value: str) -> tuple[str, ...]:
    """The names in *value*, or none at all if one of them is no name."""
    found = [plain.name(part) for part in value.split("|")]
    names = tuple(one.name for one in found if isinstance(one, NameRule))
    return names if len(names) == len(found) else ()


def _refusal(name: str) -> Unread:
    bare = name.removeprefix("~")
    known = bare in REFUSED or bare in APPLIED
    return Unread(f"the modifier ${bare} is not supported" if known else "a modifier that is not known")
