"""What a line of a list says: a name, a page or a pattern, and what being matched by it does.

Values only. `blocklists.formats` reads them from text, `blocklists.compile` puts them into an index. A rule never
reaches beyond its own list: an exception takes a name off the list that it stands in, and off no other.
"""

import enum

import msgspec


class Effect(enum.IntEnum):
    """What a rule does to what it matches. At one name the highest wins (`outranks` says what holds below it)."""

    APART = 0
    """off the list as far as the rule above goes (AdGuard's $denyallow)"""
    LISTED = 1
    """on the list: what nearly every line says"""
    EXCEPTED = 2
    """off the list where the more exact name wins (RPZ's PASSTHRU, unbound's transparent, dnsmasq's server=/x/#)"""
    ALLOWED = 3
    """off the list whatever is listed below it (Adblock's @@)"""
    IMPORTANT = 4
    """on the list whatever is allowed below it (Adblock's $important)"""
    ALLOWED_IMPORTANT = 5
    """off the list before everything (Adblock's @@ with $important)"""

    @property
    def lists(self) -> bool:
        """Whether what it matches is on the list."""
        return self in {Effect.LISTED, Effect.IMPORTANT}

    @property
    def precedence(self) -> int:
        """A rule on a more exact name holds against one above it of the same precedence, or of a lower one."""
        return max(0, self - Effect.EXCEPTED)


class NameRule(msgspec.Struct, frozen=True):
    """A canonical *name* and everything under it; *exact*: the name alone."""

    name: str
    effect: Effect = Effect.LISTED
    exact: bool = False


class PageRule(msgspec.Struct, frozen=True):
    """Pages of a canonical *host* and of every name under it.

    *path* is as `url.canonical` gives it, from "/" on, with "?query" where the rule names one. Without *folder* it is
    the page of exactly that path: with every query if it names none. With *folder* it is also everything under it, and
    with *begins* every address that begins like it, in the middle of a segment too.
    """

    host: str
    path: str
    folder: bool = False
    effect: Effect = Effect.LISTED
    begins: bool = False


class Subject(enum.StrEnum):
    """What a pattern is held against: a host's name, or "host/path?query" of a canonical URL."""

    HOST = "host"
    URL = "url"


class PatternRule(msgspec.Struct, frozen=True):
    """A regular expression, in ASCII and without regard to case; found anywhere in its subject unless it is anchored.

    Only hyperscan ever runs it, never Python's own `re`: it comes from outside. *host* is the name that it is bound to,
    with all under it, if the list says one: connections to it must be opened to tell.
    """

    pattern: str
    subject: Subject
    effect: Effect = Effect.LISTED
    host: str = ""


type Rule = NameRule | PageRule | PatternRule
