"""A request as the steps of the decision look at it: the policy, who asks, and everything that lists say of it.

Like `blocklists.policy`, whose steps ask this, it reads no clock, opens no file and logs nothing.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from blocklists import domain, entry, opened, prompts, sealed, search, suffix
from blocklists.clients import Client
from blocklists.entry import Entry
from blocklists.index import Listing
from blocklists.profile import Code, Profile, Watch
from blocklists.rulebook import NEVER_OPENED, NEVER_VISITED, Category, Permit, Permits, Role, Rulebook, Severity
from blocklists.url import Url
from blocklists.url import bare as bare_path
from blocklists.url import lower as lower_path
from blocklists.verdict import NAME_KINDS, Action, Kind, Reason, Request, Verdict


class Names(Protocol):
    """What an index is to the decision."""

    def listed(self, host: str) -> tuple[Listing, ...]:
        """Every listed name that covers *host*, the most exact first."""
        ...  # pragma: no cover - a protocol

    def listed_pages(self, host: str, path: str) -> tuple[Listing, ...]:
        """Every listed page or folder that covers the page *path* ("?query" with it) on *host*."""
        ...  # pragma: no cover - a protocol

    def lists_with_pages(self, host: str) -> tuple[str, ...]:
        """The lists that name some page of *host*."""
        ...  # pragma: no cover - a protocol


class Policy:
    """The policy in force: rulebook, permits, open index and sealed lists. Never changed, only replaced."""

    def __init__(
        self,
        rulebook: Rulebook,
        index: Names,
        permits: Permits | None = None,
        sealed_lists: sealed.Sealed | None = None,
        known: frozenset[str] = frozenset(),
    ) -> None:
        """Put the parts together, with every entry read once; without sealed lists, there are none.

        *known* are the registrable names of sites that our own scan found clean.
        """
        self.rulebook = rulebook
        self.index = index
        self.sealed = sealed_lists or sealed.NOTHING
        self.known = known
        self.zone = rulebook.zone
        self.permits = tuple((permit, _entries(permit)) for permit in (permits or Permits()).permits)
        self.rules = {name: _rules(profile) for name, profile in rulebook.profiles.items()}
        self.scanned = {name: frozenset(entry.parse_all(p.scan)) for name, p in rulebook.profiles.items()}
        self.beside = {name: entry.parse_all(p.beside_sealed) for name, p in rulebook.profiles.items()}
        self.opened = {name: opened.hosts(rulebook, profile) for name, profile in rulebook.profiles.items()}
        self.approved_columns = _approved_columns(rulebook)

    def effective(self, client: Client, at: int) -> tuple[str, tuple[int, ...]]:
        """What decides for *client*: its profile and the numbers of the permits in force for it (DESIGN.md, DNS)."""
        return client.profile, tuple(p.number for p, _ in self.permits if at < p.until and concerns(p, client))


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
    """A profile's entries, the most exact first, and an allow before a block of the same rank; a scan is an allow."""
    allowed = ((e, Action.ALLOW) for e in entry.parse_all((*profile.scan, *profile.allow)))
    blocked = ((e, Action.BLOCK) for e in entry.parse_all(profile.block))
    return tuple(sorted((*allowed, *blocked), key=lambda r: (r[0].rank, r[1] is Action.ALLOW), reverse=True))


def concerns(permit: Permit, client: Client) -> bool:
    """Whether *permit* is about *client*: an emergency block is about everybody."""
    if not permit.opens:
        return True
    return client.profile in permit.profiles or (client.number != 0 and client.number in permit.clients)


class Question:
    """A request with what several steps need, found once."""

    def __init__(self, policy: Policy, request: Request) -> None:
        """Look *request* up in *policy*; ValueError if it is no whole question, KeyError for an unknown profile."""
        _check(request)
        self.policy = policy
        self.request = request
        self.book = policy.rulebook
        self.profile = policy.rulebook.profiles[request.client.profile]
        self.listings = policy.index.listed(request.host)
        self.pages, self.opening_pages = self._page_listings()
        self.category = self._strictest_category()
        self.engine = search.shipped().of(request.host)

    def _page_listings(self) -> tuple[tuple[Listing, ...], tuple[Listing, ...]]:
        """The listings of the page asked for that can close it, and those that can open it.

        A page is closed by whatever address some server takes for it, and opened only by one that every server reads
        alike.
        """
        url = None if self.request.kind in NAME_KINDS else self.request.url
        if url is None:
            return (), ()
        exact = self.policy.index.listed_pages(url.host, url.path_and_query)
        return (*exact, *self._lax_listings(url)), exact if url.plain else ()

    def _lax_listings(self, url: Url) -> Iterator[Listing]:
        """The listings that can close the page under the other addresses that some server takes for it.

        One lookup more, and with capitals in the path three, where the host has listed pages: 3 us each.
        """
        bare = bare_path(url.path)
        paths = dict.fromkeys((url.path, bare, lower_path(bare)))
        if len(paths) > 1 and bare == url.path and not self.policy.index.lists_with_pages(url.host):
            return
        for path in paths:
            if path != url.path:
                yield from self._closing(url, path)
            if path != "/":
                yield from self._closing(url, path[:-1] if path[-1] == "/" else f"{path}/", itself=True)

    def _closing(self, url: Url, path: str, *, itself: bool = False) -> Iterator[Listing]:
        """What closes *path* on the host of *url*, with its query; *itself*: not as one that is in a listed folder.

        The folders above are those of the path as it was asked for, and it may be an exception in them.
        """
        asked = path if url.query is None else f"{path}?{url.query}"
        for listing in self.policy.index.listed_pages(url.host, asked):
            closing = tuple(filter(self._is_closing, listing.lists))
            if closing and (not itself or listing.rule.endswith((path, asked))):
                yield Listing(listing.rule, closing)

    def _is_closing(self, name: str) -> bool:
        """Whether the list *name* has a category that is not simply open: a lax reading opens nothing."""
        use = self.book.lists.get(name)
        category = self.book.categories.get(use.category) if use and use.role is Role.CATEGORY else None
        return category is not None and self.code(category) is not Code.OPEN

    def on(self, *roles: Role) -> Iterator[tuple[str, str]]:
        """(list, rule) of each listing whose list has one of *roles*, of the host first and then of the page."""
        pages = self.pages if roles == (Role.CATEGORY,) else self.opening_pages
        for listing in (*self.listings, *pages) if pages else self.listings:
            for name in listing.lists:
                use = self.book.lists.get(name)
                if use and use.role in roles:
                    yield name, listing.rule

    def opening_a_page(self, role: Role) -> Iterator[str]:
        """The lists of *role* that open some page of the name asked about, where each of its URLs will be judged."""
        if self.request.kind in NAME_KINDS and self.profile.certificate:
            for name in self.policy.index.lists_with_pages(self.request.host):
                use = self.book.lists.get(name)
                if use and use.role is role:
                    yield name

    def is_found_clean(self) -> bool:
        """Whether our own scan found the site clean (POLICY.md, "What is known")."""
        return bool(self.policy.known) and suffix.registrable(self.request.host) in self.policy.known

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
        self.personal = any(key in NEVER_VISITED for key, *_ in found)
        if any(self.on(Role.EDUCATION)):
            found = [f for f in found if f[1].harm] or found
        return found[0] if len(found) == 1 else max(found, key=lambda f: self._weight(f[1]), default=None)

    def _weight(self, category: Category) -> tuple[int, bool, Severity]:
        return _WEIGHT[self.code(category)], category.harm, category.severity(self.profile.column)

    def verdict(self, action: Action, reason: Reason, **more: object) -> Verdict:
        """A verdict with the category, and for a block the theme and severity that this profile is watched for."""
        fields: dict[str, object] = {}
        if self.category and not (action is Action.ALLOW and reason is Reason.ALWAYS_OPEN):
            key, category, name, rule = self.category
            fields = {"category": key, "list": name, "rule": rule, "code": str(self.code(category))}
            fields |= {"grave": category.harm, "personal": self.personal}
            if action is Action.BLOCK and self.profile.watches(category.theme):
                fields |= {"theme": category.theme, "severity": category.severity(self.profile.column)}
        if "inspect" not in more:
            refused_by_name = action is Action.BLOCK and self.request.kind is Kind.DNS
            fields["inspect"] = not refused_by_name and self.must_open()  # a sixth of a decision
        merged = {**fields, **more}
        return Verdict(action=action, reason=reason, **merged)  # type: ignore[arg-type]

    def themed(self, verdict: Verdict) -> Verdict:
        """*verdict* with the gravest theme of the words asked about, for which this profile is watched.

        A theme closes nothing, and what leads to a helpline has none (G12).
        """
        watched = [hit for hit in self.request.hits if self.profile.watches(hit.theme)]
        if not watched or verdict.blocked or verdict.reason is Reason.ALWAYS_OPEN:
            return verdict
        hit = max(watched, key=lambda hit: hit.severity)
        return msgspec.structs.replace(verdict, theme=hit.theme, severity=hit.severity)

    def must_open(self) -> bool:
        """Whether some URL of this host has a rule of its own, so that the name alone does not decide.

        So it is at a search engine, whose results are held to strict ones, and where prompts are typed that are read.
        """
        if not self.profile.certificate:
            return False
        if self._is_typed_into() and not self._is_nobodys_business():
            return True
        client, host = self.request.client, self.request.host
        own = (e for e, _ in self.policy.rules[client.profile])
        timed = (e for permit, entries in self.policy.permits if concerns(permit, client) for e in entries)
        has_rule = any(e.path and domain.is_within(host, e.host) for e in (*own, *timed))
        return has_rule or self.policy.sealed.has_urls(host) or self._has_closed_pages() or self._is_held()

    def _is_typed_into(self) -> bool:
        """Whether the host is a search engine that must be opened, or where prompts are typed that are read."""
        if self.engine and search.must_open(self.engine, self.profile):
            return True
        return self.profile.watch in _ALL_THEMES and prompts.shipped().has(self.request.host)

    def _is_held(self) -> bool:
        """Whether requests to the host carry a header of ours, or are for pictures that are hidden (`opened`)."""
        held = self.policy.opened[self.request.client.profile]
        return not held.isdisjoint(domain.suffixes(self.request.host)) and not self._is_nobodys_business()

    def _has_closed_pages(self) -> bool:
        """Whether a list names some page of the host whose category is more than open to this profile.

        Lists come from outside, so a page on one of them opens no connection that is nobody's business.
        """
        if self._is_nobodys_business():
            return False
        return any(map(self._is_closing, self.policy.index.lists_with_pages(self.request.host)))

    def _is_nobodys_business(self) -> bool:
        return any(self.book.lists[name].category in NEVER_OPENED for name, _ in self.on(Role.CATEGORY))


_ALL_THEMES = (Watch.ALL, Watch.DEVICE)
"""Whose connections are opened for themes alone; staff's are read where they are open for another reason (G8)."""

_WEIGHT = {code: weight for weight, code in enumerate("OSBT-QPXL")}
"""How strict a code is: of several categories the strictest decides. What T opens, B opens too, and breaks besides."""


def _check(request: Request) -> None:
    """Refuse what would be judged as something else than it is: ValueError.

    A URL's host is canonical, so whoever brings one on the same host need not be looked at again (3 us of a decision).
    """
    if request.url is not None and request.url.host == request.host:
        return
    if request.kind not in NAME_KINDS:
        raise ValueError("the URL is missing or stands on another host")
    if domain.canonical(request.host) != request.host:
        raise ValueError("the host is not in canonical form")
