"""The words of a decision: what is asked, and what is answered.

Values only; what makes one out of the other is `policy.decide`.
"""

import enum

import msgspec

from blocklists.clients import Client
from blocklists.rulebook import Severity
from blocklists.url import Url


class Kind(enum.StrEnum):
    """What is asked about: a name three ways, a URL, the words of a search, the text of a page."""

    DNS = "dns"
    CONNECT = "connect"
    SNI = "sni"
    URL = "url"
    SEARCH = "search"
    PAGE = "page"


NAME_KINDS = frozenset({Kind.DNS, Kind.CONNECT, Kind.SNI})
"""Kinds that know a host and nothing of the path."""


class Action(enum.StrEnum):
    """What happens to a request."""

    ALLOW = "allow"
    BLOCK = "block"
    REWRITE = "rewrite"


class Reason(enum.StrEnum):
    """Why: the step of the order that answered."""

    SEALED = "sealed"
    ALWAYS_OPEN = "always_open"
    EMERGENCY = "emergency"
    PASS = "pass"  # noqa: S105 - a lesson pass, not a password
    PROFILE_RULE = "profile_rule"
    NOT_APPROVED = "not_approved"
    APPROVED = "approved"
    EDUCATION = "education"
    CATEGORY = "category"
    UNKNOWN = "unknown"
    OPEN = "open"
    FAILURE = "failure"


class Request(msgspec.Struct, frozen=True):
    """A question. *host* is canonical; *url* is there for the kinds url, search and page; *at* is UTC nanoseconds.

    *score* is the page's (100 is one clear hit) or None when nothing was scanned. *clock_ok* is False when the clock
    is earlier than what was written before: then the strictest schedule holds and no pass opens.
    """

    kind: Kind
    client: Client
    host: str
    at: int
    url: Url | None = None
    terms: str = ""
    score: int | None = None
    clock_ok: bool = True

    @property
    def path(self) -> str | None:
        """The path asked for, or None where only the name is known."""
        return None if self.kind in NAME_KINDS or self.url is None else self.url.path


class Verdict(msgspec.Struct, frozen=True):
    """The answer.

    *inspect*: the connection must be opened; to a name that DNS refuses there is none. *until*: UTC nanoseconds after
    which to ask again. *category* is the one that weighs most, *code* what it is to the profile, *grave* whether it is
    harm, which the education list does not open. *personal*: some list that the host is on, whichever weighs most, is
    of what is nobody's to read (G9).
    """

    action: Action
    reason: Reason
    inspect: bool = False
    category: str = ""
    theme: str = ""
    severity: Severity = Severity.NONE
    list: str = ""
    rule: str = ""
    until: int | None = None
    quiet: bool = False
    code: str = ""
    grave: bool = False
    personal: bool = False

    @property
    def blocked(self) -> bool:
        """Whether the request is refused."""
        return self.action is Action.BLOCK
