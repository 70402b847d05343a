"""The decision: one pure function that every question goes through.

This file reads no clock, opens no file, logs nothing and remembers nothing: what it needs is in its two arguments.
The order in `ORDER` is the product. It is the order of DESIGN.md ("One decision"), each step is a function below, and
the first step that has an answer gives it. If deciding raises, the answer is a block.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from blocklists import domain, entry, sealed
from blocklists.calendar import Period
from blocklists.clients import Client
from blocklists.entry import Entry
from blocklists.index import Listing
from blocklists.profile import Code, Profile, Unknown
from blocklists.rulebook import Category, Permit, Permits, Role, Rulebook, Severity
from blocklists.verdict import NAME_KINDS, Action, Kind, Reason, Request, Verdict

__all__ = ["NAME_KINDS", "Action", "Kind", "Policy", "Reason", "Request", "Verdict", "decide", "illegal", "walk"]


class Names(Protocol):
    """What an index is to the decision."""

    def listed(self, host: str) -> tuple[Listing, ...]:
        """Every listed name that covers *host*, the most exact first."""
        ...  # pragma: no cover - a protocol


class Policy:
    """The policy in force: rulebook, permits, open index and sealed lists. Never changed, only replaced."""

    def __init__(
        self,
        rulebook: Rulebook,
        index: Names,
        permits: Permits | None = None,
        sealed_lists: sealed.Sealed | None = None,
    ) -> None:
        """Put the parts together, with every entry read once; without sealed lists, there are none."""
        self.rulebook = rulebook
        self.index = index
        self.sealed = sealed_lists or sealed.NOTHING
        self.zone = rulebook.zone
        self.permits = tuple((permit, _entries(permit)) for permit in (permits or Permits()).permits)
        self.rules = {name: _rules(profile) for name, profile in rulebook.profiles.items()}
        self.approved_columns = _approved_columns(rulebook)

    def effective(self, client: Client, at: int) -> tuple[str, tuple[int, ...]]:
        """What decides for *client*: its profile and the numbers of the permits in force for it (DESIGN.md, DNS)."""
        return client.profile, tuple(p.number for p, _ in self.permits if at < p.until and _concerns(p, client))


def _approved_columns(rulebook: Rulebook) -> set[str]:
    """The columns written for approved-only profiles: some category has the code "-", and no other profile is in it."""
    every = rulebook.profiles.values()
    codes = (pair for category in rulebook.categories.values() for pair in category.codes.items())
    known = {column for column, code in codes if code is Code.APPROVED}
    return known - {profile.column for profile in every if not profile.approved_only}


def _entries(permit: Permit) -> tuple[Entry, ...]:
    """The entries of *permit*; an emergency closes a page with every query, as one that is left out closes nothing."""
    texts = permit.entries if permit.opens else tuple(text.partition("?")[0] for text in permit.entries)
    return entry.parse_all(texts)


def _rules(profile: Profile) -> tuple[tuple[Entry, Action], ...]:
    """A profile's entries, the most exact first, and an allow before a block of the same rank."""
    allowed = ((e, Action.ALLOW) for e in entry.parse_all(profile.allow))
    blocked = ((e, Action.BLOCK) for e in entry.parse_all(profile.block))
    return tuple(sorted((*allowed, *blocked), key=lambda r: (r[0].rank, r[1] is Action.ALLOW), reverse=True))


def _concerns(permit: Permit, client: Client) -> bool:
    if not permit.opens:
        return True
    return client.profile in permit.profiles or (client.number != 0 and client.number in permit.clients)


class _Question:
    """A request with what several steps need, found once."""

    def __init__(self, policy: Policy, request: Request) -> None:
        """Look *request* up in *policy*; ValueError if it is no whole question, KeyError for an unknown profile."""
        _check(request)
        self.policy = policy
        self.request = request
        self.book = policy.rulebook
        self.profile = policy.rulebook.profiles[request.client.profile]
        self.listings = policy.index.listed(request.host)
        self.category = self._strictest_category()

    def on(self, *roles: Role) -> Iterator[tuple[str, str]]:
        """(list, rule) of each listing whose list has one of *roles*."""
        for listing in self.listings:
            for name in listing.lists:
                use = self.book.lists.get(name)
                if use and use.role in roles:
                    yield name, listing.rule

    def code(self, category: Category) -> Code:
        """The code of *category* for this profile; a missing one closes."""
        return category.codes.get(self.profile.column, Code.CLOSED)

    def has_code(self, code: Code) -> bool:
        """Whether the category that weighs most has *code* for this profile."""
        return self.category is not None and self.code(self.category[1]) is code

    def _strictest_category(self) -> tuple[str, Category, str, str] | None:
        """(key, category, list, rule) of the category that weighs most, or None for an unlisted host.

        On the education list only harm weighs, if there is any. Of equals the one with the gravest alert decides.
        """
        found = [
            (key, self.book.categories[key], name, rule)
            for name, rule in self.on(Role.CATEGORY)
            if (key := self.book.lists[name].category) in self.book.categories
        ]
        if any(self.on(Role.EDUCATION)):
            found = [f for f in found if f[1].harm] or found
        return max(found, key=lambda f: self._weight(f[1]), default=None)

    def _weight(self, category: Category) -> tuple[int, bool, Severity]:
        return _WEIGHT[self.code(category)], category.harm, category.severity(self.profile.column)

    def verdict(self, action: Action, reason: Reason, **more: object) -> Verdict:
        """A verdict with the category, and for a block the theme and severity that this profile is watched for."""
        fields: dict[str, object] = {}
        if self.category and not (action is Action.ALLOW and reason is Reason.ALWAYS_OPEN):
            key, category, name, rule = self.category
            fields = {"category": key, "list": name, "rule": rule, "code": str(self.code(category))}
            if action is Action.BLOCK and self.profile.watches(category.theme):
                fields |= {"theme": category.theme, "severity": category.severity(self.profile.column)}
        merged = {"inspect": self.must_open(), **fields, **more}
        return Verdict(action=action, reason=reason, **merged)  # type: ignore[arg-type]

    def must_open(self) -> bool:
        """Whether some URL of this host has a rule of its own, so that the name alone does not decide."""
        if not self.profile.certificate:
            return False
        client, host = self.request.client, self.request.host
        own = (e for e, _ in self.policy.rules[client.profile])
        timed = (e for permit, entries in self.policy.permits if _concerns(permit, client) for e in entries)
        has_rule = any(e.path and domain.is_within(host, e.host) for e in (*own, *timed))
        return has_rule or self.policy.sealed.has_urls(host)


_WEIGHT = {code: weight for weight, code in enumerate("OSBT-QPXL")}
"""How strict a code is: of several categories the strictest decides. What T opens, B opens too, and breaks besides."""


def _check(request: Request) -> None:
    """Refuse what would be judged as something else than it is: ValueError."""
    if domain.canonical(request.host) != request.host:
        raise ValueError("the host is not in canonical form")
    if request.kind not in NAME_KINDS and (request.url is None or request.url.host != request.host):
        raise ValueError("the URL is missing or stands on another host")


def decide(policy: Policy, request: Request) -> Verdict:
    """The verdict on *request* under *policy*; never raises: a failure is a block with the reason FAILURE."""
    try:
        return _decide(policy, request)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the filter stays closed
        return Verdict(Action.BLOCK, Reason.FAILURE, rule=type(error).__name__)


def _decide(policy: Policy, request: Request) -> Verdict:
    question = _Question(policy, request)
    for step in ORDER:
        if verdict := step(question):
            return verdict
    return question.verdict(Action.ALLOW, Reason.OPEN)


def _sealed(q: _Question) -> Verdict | None:
    """Sealed illegal-content lists: for everybody, before everything."""
    host = q.request.host
    parsed = None if q.request.kind in NAME_KINDS else q.request.url
    match = q.policy.sealed.match_url(parsed) if parsed else q.policy.sealed.match_host(host)
    if match:
        return illegal(match.list, match.hash)
    if not parsed and not q.profile.certificate and q.policy.sealed.has_urls(host):
        return _beside_sealed()
    return None


def _beside_sealed() -> Verdict:
    """The host of a sealed URL where nothing can be opened (G24): nobody asked for the URL, so nobody is accused."""
    return Verdict(Action.BLOCK, Reason.SEALED, category="illegal")


def illegal(listed: str, digest: str) -> Verdict:
    """The verdict on what the sealed list *listed* names by *digest*; both empty where only DNS knows which it was."""
    return Verdict(
        Action.BLOCK,
        Reason.SEALED,
        inspect=False,
        category="illegal",
        theme="illegal",
        severity=Severity.ILLEGAL,
        list=listed,
        rule=digest,
    )


def _always_open(q: _Question) -> Verdict | None:
    """Helplines and the like: for everybody, in every state."""
    for name, rule in q.on(Role.ALWAYS_OPEN):
        inspect = q.profile.certificate and q.policy.sealed.has_urls(q.request.host)
        return q.verdict(Action.ALLOW, Reason.ALWAYS_OPEN, list=name, rule=rule, inspect=inspect)
    return None


def _emergency(q: _Question) -> Verdict | None:
    """One action closes a host or a URL for everybody at once."""
    return _permitted(q, opens=False, action=Action.BLOCK, reason=Reason.EMERGENCY)


def _pass(q: _Question) -> Verdict | None:
    """A timed permission, never for a locked category, and never by a clock that cannot be believed."""
    if not q.request.clock_ok or q.has_code(Code.LOCKED):
        return None
    return _permitted(q, opens=True, action=Action.ALLOW, reason=Reason.PASS)


def _permitted(q: _Question, *, opens: bool, action: Action, reason: Reason) -> Verdict | None:
    for permit, entries in q.policy.permits:
        if permit.opens is not opens or not _in_force(permit, q.request) or not _concerns(permit, q.request.client):
            continue
        for found in entries:
            if _matches(found, q, action):
                return q.verdict(action, reason, list="", rule=str(found), until=permit.until)
    return None


def _in_force(permit: Permit, request: Request) -> bool:
    return request.at < permit.until or (not permit.opens and not request.clock_ok)


def _profile_rule(q: _Question) -> Verdict | None:
    """The profile's own entries; the more exact wins, an allow wins a tie."""
    for found, action in q.policy.rules[q.request.client.profile]:
        if _matches(found, q, action):
            return q.verdict(action, Reason.PROFILE_RULE, list="", rule=str(found))
    return None


def _matches(found: Entry, q: _Question, action: Action) -> bool:
    """Whether *found* covers the question.

    A page's entry lets the name through where the connection will be opened (the URL is judged then), and closes the
    name where it cannot be; a block of one page never closes a whole name that can be opened. A page is closed by
    whatever address some server takes for it, and opened only by one that every server reads alike.
    """
    if not domain.is_within(q.request.host, found.host):
        return False
    if not found.path:
        return True
    if q.request.path is not None:
        if action is Action.BLOCK:
            return found.may_cover(q.request.path)
        return found.covers_path(q.request.path) and q.request.url is not None and q.request.url.plain
    return q.profile.certificate if action is Action.ALLOW else not q.profile.certificate


def _approved_only(q: _Question) -> Verdict | None:
    """Profiles that see approved sites, and no others but those whose category is open to the youngest.

    An O means that only in a column of their own that knows the code "-". Exam candidates share KS4's and unregistered
    devices the visitors', where O is for others than them.
    """
    if not q.profile.approved_only:
        return None
    for name, rule in q.on(Role.APPROVED):
        if name in q.profile.approved:
            return q.verdict(Action.ALLOW, Reason.APPROVED, list=name, rule=rule)
    if q.has_code(Code.OPEN) and q.profile.column in q.policy.approved_columns:
        return q.verdict(Action.ALLOW, Reason.CATEGORY)
    return q.verdict(Action.BLOCK, Reason.NOT_APPROVED, quiet=q.has_code(Code.QUIET))


def _education(q: _Question) -> Verdict | None:
    """The education list outranks every category that is not harm."""
    if q.category and q.category[1].harm:
        return None
    for name, rule in q.on(Role.EDUCATION):
        return q.verdict(Action.ALLOW, Reason.EDUCATION, list=name, rule=rule)
    return None


def _category(q: _Question) -> Verdict | None:
    """The category's code, by the school's hours."""
    if q.category is None:
        return None
    code = q.code(q.category[1])
    if code in _TIMED:
        return _by_hours(q, code)
    if code in _CLOSING or (code is Code.APPROVED and not _is_approved(q)):
        return q.verdict(Action.BLOCK, Reason.CATEGORY, quiet=code is Code.QUIET)
    if code is Code.SCAN and (verdict := _too_much(q, Reason.CATEGORY)):
        return verdict
    return q.verdict(Action.ALLOW, Reason.CATEGORY, inspect=q.must_open() or _scanned(q, code))


_CLOSING = frozenset({Code.LOCKED, Code.CLOSED, Code.PASS, Code.QUIET})
_TIMED = {
    Code.BREAKS: frozenset({Period.BREAK, Period.OUTSIDE}),
    Code.TERM_TIME: frozenset({Period.OUTSIDE}),
}
"""The periods in which a timed code is open."""


def _by_hours(q: _Question, code: Code) -> Verdict:
    calendar, at = q.book.calendar, q.request.at
    is_open = q.request.clock_ok and calendar.period(at, q.policy.zone) in _TIMED[code]
    action = Action.ALLOW if is_open else Action.BLOCK
    return q.verdict(action, Reason.CATEGORY, until=calendar.next_change(at, q.policy.zone))


def _scanned(q: _Question, code: Code) -> bool:
    return code is Code.SCAN and q.profile.certificate


def _is_approved(q: _Question) -> bool:
    return any(name in q.profile.approved for name, _ in q.on(Role.APPROVED))


def _unknown(q: _Question) -> Verdict | None:
    """A site that nothing is known about: the profile says open, scan or closed."""
    if any(q.on(Role.POSITIVE, Role.EDUCATION, Role.APPROVED)):
        return None
    rule = q.profile.unknown if q.profile.certificate else q.profile.unknown_unopened
    if rule is Unknown.CLOSED or (rule is Unknown.SCAN and not q.profile.certificate):
        return q.verdict(Action.BLOCK, Reason.UNKNOWN)
    if rule is Unknown.SCAN and (verdict := _too_much(q, Reason.UNKNOWN)):
        return verdict
    return q.verdict(Action.ALLOW, Reason.UNKNOWN, inspect=q.must_open() or rule is Unknown.SCAN)


def _too_much(q: _Question, reason: Reason) -> Verdict | None:
    """A block where the page's score reaches the profile's limit."""
    score, limit = q.request.score, q.profile.scan_limit
    if score is None or score < limit:
        return None
    return q.verdict(Action.BLOCK, reason, rule=f"score {score} of {limit}", inspect=True)


ORDER: tuple[Callable[[_Question], Verdict | None], ...] = (
    _sealed,
    _always_open,
    _emergency,
    _pass,
    _profile_rule,
    _approved_only,
    _education,
    _category,
    _unknown,
)
"""The steps, highest first; after the last the site is open."""


def walk(policy: Policy, request: Request) -> Iterator[tuple[str, str, Verdict | None]]:
    """(name, what it says, its answer) of each step down to the one that decides: what `explain` shows.

    Raises whatever a step raises: this is for a person who asks why.
    """
    question = _Question(policy, request)
    for step in ORDER:
        verdict = step(question)
        yield step.__name__.strip("_").replace("_", " "), (step.__doc__ or "").splitlines()[0], verdict
        if verdict:
            return
    yield "open", "Nothing closes it.", question.verdict(Action.ALLOW, Reason.OPEN)
