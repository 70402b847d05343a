"""A small policy with something for every step, an index as a dict, and who asks: what deciding is tested on."""

import datetime
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

import msgspec

from blocklists import domain, sealed, url
from blocklists.calendar import Calendar, Span, Window
from blocklists.clients import Client
from blocklists.index import Listing
from blocklists.policy import Action, Kind, Policy, Request, Verdict, decide
from blocklists.profile import Code, Pages, Profile, Unknown, Watch
from blocklists.rulebook import Category, ListUse, Permit, Permits, Role, Rulebook

ALLOW, BLOCK = Action.ALLOW, Action.BLOCK
SITE = "site.test"
PAGE = "https://site.test/a/page"
KEY = bytes(range(32))
NUMBER = 7


def at(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/London"))
    return int(moment.timestamp()) * 10**9


LESSON, BREAK, LUNCH = at("2026-03-02T09:00:00"), at("2026-03-02T10:30:00"), at("2026-03-02T12:30:00")
EVENING, WEEKEND, HOLIDAY = at("2026-03-02T18:00:00"), at("2026-03-07T11:00:00"), at("2026-04-08T11:00:00")
LATER = LESSON + 3600 * 10**9

CALENDAR = Calendar(
    school_day=(Window(datetime.time(8, 30), datetime.time(15, 30)),),
    breaks=(Window(datetime.time(10, 30), datetime.time(10, 45)), Window(datetime.time(12), datetime.time(13))),
    terms=(
        Span(datetime.date(2026, 1, 5), datetime.date(2026, 3, 27)),
        Span(datetime.date(2026, 4, 13), datetime.date(2026, 7, 17)),
    ),
)

PROFILES = {
    "ks2": Profile("KS2", "ks2", Pages.KS2, unknown=Unknown.SCAN, scan_limit=60),
    "ks1": Profile("KS1", "ks1", Pages.KS1, approved_only=True, approved=("approved",), watch=Watch.DEVICE),
    "byod": Profile("BYOD", "ks2", Pages.SECONDARY, certificate=False),
    "staff": Profile("Staff", "staff", Pages.STAFF, unknown=Unknown.OPEN, watch=Watch.STAFF),
    "visitor": Profile(
        "Visitor", "visitor", Pages.STAFF, certificate=False, unknown_unopened=Unknown.OPEN, watch=Watch.NONE
    ),
}


def category(code: Code, **more: object) -> Category:
    codes = {"ks1": code, "ks2": code, "staff": code, "visitor": code}
    return msgspec.structs.replace(Category(code.name, "closed", codes, alert="NOTE"), **more)


NAMES = {code: "dash" if code is Code.APPROVED else code.name.lower() for code in Code}
CATEGORIES = {NAMES[code]: category(code) for code in Code} | {
    "self_harm": category(Code.LOCKED, harm=True, theme="self-harm", alert="URGENT"),
    "extremism": category(Code.CLOSED, harm=True, theme="radicalisation", alert="CONCERN", alerts={"staff": "URGENT"}),
    "harm_open": category(Code.OPEN, harm=True, theme="grooming", alert="CONCERN"),
}
LISTS = {name: ListUse(Role.CATEGORY, name) for name in CATEGORIES} | {
    role.value: ListUse(role) for role in Role if role is not Role.CATEGORY
}
BOOK = Rulebook("Testbury School", "Europe/London", CALENDAR, PROFILES, CATEGORIES, LISTS)


class PlainNames:
    """An index as a dict of sets: what the compiled one must answer like (test_index)."""

    def __init__(self, listed: Mapping[str, Iterable[str]]) -> None:
        self.by_host = {host: tuple(sorted(lists)) for host, lists in listed.items() if lists}

    def listed(self, host: str) -> tuple[Listing, ...]:
        return tuple(Listing(s, self.by_host[s]) for s in domain.suffixes(host) if s in self.by_host)

    def listed_pages(self, host: str, path: str) -> tuple[Listing, ...]:
        return tuple(
            Listing(rule, lists)
            for suffix in domain.suffixes(host)
            for rule, lists in self.by_host.items()
            if rule in {suffix + path, suffix + path.partition("?")[0]}
            or (rule.endswith("/") and (suffix + path).startswith(rule))
        )

    def lists_with_pages(self, host: str) -> tuple[str, ...]:
        return tuple(
            name
            for rule, lists in self.by_host.items()
            if "/" in rule and domain.is_within(host, rule.partition("/")[0])
            for name in lists
        )


def school(
    listed: Mapping[str, Iterable[str]] | None = None,
    *permits: Permit,
    seal: Iterable[str] = (),
    profiles: Mapping[str, dict[str, object]] | None = None,
) -> Policy:
    changed = {name: msgspec.structs.replace(PROFILES[name], **more) for name, more in (profiles or {}).items()}
    lists = sealed.SealedLists({"watch": sealed.seal([line.encode() for line in seal], KEY)[0]})
    book = msgspec.structs.replace(BOOK, profiles=PROFILES | changed)
    return Policy(book, PlainNames(listed or {}), Permits(permits), sealed.Sealed(lists, KEY))


def ask(
    rules: Policy,
    target: str = SITE,
    profile: str = "ks2",
    kind: Kind | None = None,
    when: int = LESSON,
    **more: object,
) -> Verdict:
    parsed = url.canonical(target) if "/" in target else None
    kind = kind or (Kind.URL if parsed else Kind.DNS)
    client = Client("10.0.0.1", profile, number=NUMBER)
    host = parsed.host if parsed else target
    return decide(rules, Request(kind, client, host, when, url=parsed, **more))


def opening(*entries: str, until: int = LATER, **more: object) -> Permit:
    return Permit(**({"number": 1, "opens": True, "entries": entries, "until": until, "profiles": ("ks2",)} | more))


def closing(*entries: str, until: int = LATER) -> Permit:
    return Permit(2, opens=False, entries=entries, until=until)


DAY = {"lesson": LESSON, "break": BREAK, "lunch": LUNCH, "evening": EVENING, "weekend": WEEKEND, "holiday": HOLIDAY}
