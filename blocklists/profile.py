"""A profile: what one kind of person or device may see, and how they are spoken to.

This file holds values only. Which profile somebody has is the clients snapshot's business; what follows from it is
`policy.decide`'s.
"""

import enum
from collections.abc import Iterator

import msgspec

from blocklists import entry


class Code(enum.StrEnum):
    """What a category is to a profile (POLICY.md, "Codes")."""

    LOCKED = "L"
    CLOSED = "X"
    PASS = "P"  # noqa: S105 - a lesson pass, not a password
    BREAKS = "B"
    TERM_TIME = "T"
    SCAN = "S"
    OPEN = "O"
    QUIET = "Q"
    APPROVED = "-"


CODE_WORDS = {
    Code.LOCKED: "locked; no pass reaches it",
    Code.CLOSED: "closed; only a leadership pass opens it",
    Code.PASS: "closed; a teacher's timed pass opens it",
    Code.BREAKS: "open at break, lunch and outside school hours",
    Code.TERM_TIME: "closed in school hours",
    Code.SCAN: "open and scanned",
    Code.OPEN: "open",
    Code.QUIET: "closed quietly; no page, no breach, only a counter",
    Code.APPROVED: "open only if it is on the approved list",
}
"""What each code means, in the words that a person is told."""


class Unknown(enum.StrEnum):
    """What happens to a site that nothing is known about."""

    OPEN = "open"
    SCAN = "scan"
    CLOSED = "closed"


class Unseen(enum.StrEnum):
    """What happens to a connection whose inside nobody can know.

    One to an address without a name, one on port 443 that speaks no TLS, one to another port than the web's, and one
    that names nobody and cannot be opened.
    """

    OPEN = "open"
    CLOSED = "closed"


class Watch(enum.StrEnum):
    """Whose themes are watched: a pupil's, a shared device's, the staff list only (G8), or nobody's."""

    ALL = "all"
    DEVICE = "device"
    STAFF = "staff"
    NONE = "none"


class Pages(enum.StrEnum):
    """In whose words a page speaks."""

    KS1 = "ks1"
    KS2 = "ks2"
    SECONDARY = "secondary"
    STAFF = "staff"


class Blocked(enum.StrEnum):
    """What DNS answers for a closed name: the closed address, no such name, or a name without records."""

    ADDRESS = "address"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"


class Youtube(enum.StrEnum):
    """How much of YouTube there is: its two restricted modes, or all of it."""

    STRICT = "strict"
    MODERATE = "moderate"
    OFF = "off"


class Search(enum.StrEnum):
    """Which search engines may be used: none (an adult searches), some, any that can be held to strict results, any."""

    ADULT = "adult"
    APPROVED = "approved"
    STRICT = "strict"
    ANY = "any"


STAFF_THEMES = frozenset({"illegal", "radicalisation", "bypass", "malware"})
"""All that staff are watched for (G8); sexual content about children is in the sealed lists, theme "illegal"."""


MAX_SCAN_LIMIT = 10_000
"""A hundred clear hits on one page: more than any page that should be closed would have to reach."""


MAX_VISITS = 366
"""A year: longer than any school has a reason to know which sites somebody opened."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One profile of the policy.

    *column* names the codes of each category that hold for it. *certificate*: its devices carry the school's
    certificate, so a blocked page can be shown and a connection can be opened. *approved_only*: what is on none of the
    *approved* lists is closed. *allow* and *block* are entries (`blocklists.entry`). *blocked* is what DNS answers for
    a closed name; None stands for what suits the certificate (`blocked_answer`). *safe_search* and *youtube* hold
    engines to strict results and YouTube to a restricted mode (`blocklists.safe_search`); unwritten, they are strict.
    *search* says which search engines may be used (`blocklists.search`), *engines* which those are where only some may,
    and *search_engine* which one somebody is sent to from the others; "" closes them.
    *visits*: days for which named visits are kept; 0, which an older policy has, keeps none. *scan*: entries of sites
    that are open and scanned, whatever else is known of them. *closed_downloads* and *closed_uploads* are kinds of file
    (`blocklists.kinds`); *upload_mb* is the longest upload in megabytes, None for any; *upload_hosts* are entries that
    neither holds for. *tenants*: services let in the school's own accounts only, where the policy names them.
    *thumbnails*: search engines' small pictures are shown. *scan_sockets*: what a WebSocket says is scanned. *unseen*:
    whether what cannot be looked into is let through; an older policy closes it. *beside_sealed*: hosts that devices
    without the certificate reach though a sealed list may name pages of theirs, which nobody here can then close.
    """

    title: str
    column: str
    pages: Pages
    certificate: bool = True
    approved_only: bool = False
    approved: tuple[str, ...] = ()
    unknown: Unknown = Unknown.CLOSED
    unknown_unopened: Unknown = Unknown.CLOSED
    scan_limit: int = 100
    watch: Watch = Watch.ALL
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    blocked: Blocked | None = None
    safe_search: bool = True
    youtube: Youtube = Youtube.STRICT
    visits: int = 0
    search: Search = Search.STRICT
    engines: tuple[str, ...] = ()
    search_engine: str = ""
    scan: tuple[str, ...] = ()
    closed_downloads: tuple[str, ...] = ()
    closed_uploads: tuple[str, ...] = ()
    upload_mb: int | None = None
    upload_hosts: tuple[str, ...] = ()
    tenants: bool = True
    thumbnails: bool = True
    scan_sockets: bool = False
    unseen: Unseen = Unseen.CLOSED
    beside_sealed: tuple[str, ...] = ()

    @property
    def blocked_answer(self) -> Blocked:
        """What DNS answers for a closed name: where no page can be shown, a closed address would only be an error."""
        return self.blocked or (Blocked.ADDRESS if self.certificate else Blocked.NXDOMAIN)

    def watches(self, theme: str) -> bool:
        """Whether a breach of *theme* by this profile is more than a line in the technician's log."""
        if self.watch is Watch.STAFF:
            return theme in STAFF_THEMES
        return self.watch is not Watch.NONE

    def unopened(self) -> "Profile":
        """The profile without its certificate: a page cannot be told from its host, which is closed if the page was.

        What an entry of a page opened is not known to be open any more; nothing is scanned.
        """
        closed = [one.host for one in entry.parse_all(self.block)]
        hosts = [one.host for one in entry.parse_all(self.allow) if not one.path and one.host not in closed]
        without = {"allow": tuple(hosts), "block": tuple(dict.fromkeys(closed)), "scan": ()}
        return msgspec.structs.replace(self, certificate=False, **without)

    def problems(self, name: str) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        yield from self._entry_problems(name)
        yield from self._upload_problems(name)
        yield from self._sealed_problems(name)
        if self.scan and not self.certificate:
            yield f"profiles.{name}.scan: the devices of {name!r} carry no certificate, so nothing of theirs is scanned"
        if self.scan_limit < 1:
            yield f"profiles.{name}.scan_limit: {self.scan_limit} would close every page; choose at least 1"
        if self.scan_limit > MAX_SCAN_LIMIT:
            yield f"profiles.{name}.scan_limit: {self.scan_limit} closes no page; choose at most {MAX_SCAN_LIMIT}"
        if not 0 <= self.visits <= MAX_VISITS:
            yield f"profiles.{name}.visits: {self.visits} is no number of days; write 0 for none, or up to {MAX_VISITS}"
        if self.unknown_unopened is Unknown.SCAN:
            yield f"profiles.{name}.unknown_unopened: a page that cannot be opened cannot be scanned; open or closed"

    def _entry_problems(self, name: str) -> Iterator[str]:
        for kind, texts in (("allow", self.allow), ("block", self.block), ("scan", self.scan)):
            for place, text in enumerate(texts):
                where = f"profiles.{name}.{kind}[{place}]"
                parsed = entry.parse(text)
                if parsed is None:
                    yield f"{where}: {text!r} names no host; write bbc.co.uk or bbc.co.uk/bitesize"
                elif "." not in parsed.host and ":" not in parsed.host:
                    yield f"{where}: {text!r} names every site that ends in .{parsed.host}; name a site"
                elif parsed.path and not self.certificate:
                    yield (
                        f"{where}: {text!r} names a page, but the devices of {name!r} carry no certificate, so only"
                        " whole hosts can be told apart; name the host"
                    )

    def _sealed_problems(self, name: str) -> Iterator[str]:
        if self.beside_sealed and self.certificate:
            says = f"the devices of {name!r} carry the certificate, so each page is judged"
            yield f"profiles.{name}.beside_sealed: {says}"
        for place, text in enumerate(self.beside_sealed):
            parsed = entry.parse(text)
            if parsed is None or parsed.path or "." not in parsed.host:
                yield f"profiles.{name}.beside_sealed[{place}]: {text!r} names no host; write drive.google.com"

    def _upload_problems(self, name: str) -> Iterator[str]:
        if self.upload_mb is not None and self.upload_mb < 0:
            yield f"profiles.{name}.upload_mb: {self.upload_mb} is no size; write megabytes, or leave it out"
        for place, text in enumerate(self.upload_hosts):
            parsed = entry.parse(text)
            if parsed is None or parsed.path or "." not in parsed.host:
                yield f"profiles.{name}.upload_hosts[{place}]: {text!r} names no host; write drive.google.com"
