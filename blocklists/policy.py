"""The decision: one pure function that every question goes through.

This file reads no clock, opens no file, logs nothing and remembers nothing: what it needs is in its two arguments.
The order in `ORDER` is the product. It is the order of DESIGN.md ("One decision"), each step is a function below, and
the first step that has an answer gives it. If deciding raises, the answer is a block.
"""

from collections.abc import Callable, Iterator

from blocklists import domain, search
from blocklists.calendar import Period
from blocklists.entry import Entry
from blocklists.profile import Code, Unknown, Unseen
from blocklists.question import Policy, Question, concerns
from blocklists.rulebook import Category, Permit, Role, Severity
from blocklists.verdict import NAME_KINDS, Action, Kind, Reason, Request, Verdict

__all__ = ["NAME_KINDS", "Action", "Kind", "Policy", "Reason", "Request", "Verdict", "decide", "illegal", "walk"]


def decide(policy: Policy, request: Request) -> Verdict:
    """The verdict on *request* under *policy*; never raises: a failure is a block with the reason FAILURE."""
    try:
        return _decide(policy, request)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the filter stays closed
        return Verdict(Action.BLOCK, Reason.FAILURE, rule=type(error).__name__)


def _decide(policy: Policy, request: Request) -> Verdict:
    question = Question(policy, request)
    for step in ORDER:
        if verdict := step(question):
            return question.themed(verdict) if request.hits else verdict
    return question.themed(question.verdict(Action.ALLOW, Reason.OPEN))


def _sealed(q: Question) -> Verdict | None:
    """Sealed illegal-content lists: for everybody, before everything."""
    host = q.request.host
    parsed = None if q.request.kind in NAME_KINDS else q.request.url
    match = q.policy.sealed.match_url(parsed) if parsed else q.policy.sealed.match_host(host)
    if match:
        return illegal(match.list, match.hash)
    if not parsed and not q.profile.certificate and q.policy.sealed.has_urls(host) and not _is_excepted(q):
        return _beside_sealed()
    return None


def _is_excepted(q: Question) -> bool:
    """Whether the school has said of the host that this profile reaches it beside sealed URLs (G24)."""
    return any(domain.is_within(q.request.host, named.host) for named in q.policy.beside[q.request.client.profile])


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


def _always_open(q: Question) -> Verdict | None:
    """Helplines and the like: for everybody, in every state."""
    for name, rule in q.on(Role.ALWAYS_OPEN):
        inspect = q.profile.certificate and q.policy.sealed.has_urls(q.request.host)
        return q.verdict(Action.ALLOW, Reason.ALWAYS_OPEN, list=name, rule=rule, inspect=inspect)
    return None


def _emergency(q: Question) -> Verdict | None:
    """One action closes a host or a URL for everybody at once."""
    return _permitted(q, opens=False, action=Action.BLOCK, reason=Reason.EMERGENCY)


def _pass(q: Question) -> Verdict | None:
    """A timed permission, never for a locked category, and never by a clock that cannot be believed."""
    if not q.request.clock_ok or q.has_code(Code.LOCKED):
        return None
    return _permitted(q, opens=True, action=Action.ALLOW, reason=Reason.PASS)


def _permitted(q: Question, *, opens: bool, action: Action, reason: Reason) -> Verdict | None:
    for permit, entries in q.policy.permits:
        if permit.opens is not opens or not _in_force(permit, q.request) or not concerns(permit, q.request.client):
            continue
        for found in entries:
            if _matches(found, q, action):
                return q.verdict(action, reason, list="", rule=str(found), until=permit.until)
    return None


def _in_force(permit: Permit, request: Request) -> bool:
    return request.at < permit.until or (not permit.opens and not request.clock_ok)


def _profile_rule(q: Question) -> Verdict | None:
    """The profile's own entries; the more exact wins, an allow wins a tie. Then its rule for search engines."""
    for found, action in q.policy.rules[q.request.client.profile]:
        if _matches(found, q, action):
            if action is Action.ALLOW and found in q.policy.scanned[q.request.client.profile]:
                return _grey(q, str(found))
            return q.verdict(action, Reason.PROFILE_RULE, list="", rule=str(found))
    return _search_engine(q)


def _search_engine(q: Question) -> Verdict | None:
    """A block of a search engine that the profile may not use, unless it is harm, which has a step of its own.

    One that can be held to strict results is closed by its pages that search, where they can be told apart: the rest
    of its site (maps, a sign-in) is no search. Where the profile has an engine of its own, the searcher is sent there,
    which is no breach.
    """
    engine, profile, asked = q.engine, q.profile, q.request
    if engine is None or search.permits(engine, asked.host, profile) or (q.category and q.category[1].harm):
        return None
    by_page = profile.certificate and search.is_held(engine, asked.host, profile)
    if by_page and (asked.path is None or not engine.searches(asked.path)):
        return None
    elsewhere = profile.certificate and search.own(search.shipped(), profile) is not None
    inspect = elsewhere and asked.kind is not Kind.DNS
    return q.verdict(Action.BLOCK, Reason.SEARCH, list="", rule=engine.name, inspect=inspect, quiet=elsewhere)


def _grey(q: Question, rule: str) -> Verdict:
    """A site that is open and scanned because the profile says so; what cannot be scanned is closed."""
    if not q.profile.certificate:
        return q.verdict(Action.BLOCK, Reason.PROFILE_RULE, list="", rule=rule)
    return _too_much(q, Reason.PROFILE_RULE) or q.verdict(
        Action.ALLOW, Reason.PROFILE_RULE, list="", rule=rule, inspect=True, scan=True, code=str(Code.SCAN)
    )


def _matches(found: Entry, q: Question, action: Action) -> bool:
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


def _approved_only(q: Question) -> Verdict | None:
    """Profiles that see approved sites, and no others but those whose category is open to the youngest.

    An O means that only in a column of their own that knows the code "-". Exam candidates share KS4's and unregistered
    devices the visitors', where O is for others than them.
    """
    if not q.profile.approved_only:
        return None
    for name, rule in q.on(Role.APPROVED):
        if name in q.profile.approved:
            return q.verdict(Action.ALLOW, Reason.APPROVED, list=name, rule=rule)
    for name in q.opening_a_page(Role.APPROVED):
        if name in q.profile.approved:
            return q.verdict(Action.ALLOW, Reason.APPROVED, list=name, rule="", inspect=True)
    if q.has_code(Code.OPEN) and q.profile.column in q.policy.approved_columns:
        return q.verdict(Action.ALLOW, Reason.CATEGORY)
    return q.verdict(Action.BLOCK, Reason.NOT_APPROVED, quiet=q.has_code(Code.QUIET))


def _education(q: Question) -> Verdict | None:
    """The education list outranks every category that is not harm."""
    if q.category and q.category[1].harm:
        return None
    for name, rule in q.on(Role.EDUCATION):
        return q.verdict(Action.ALLOW, Reason.EDUCATION, list=name, rule=rule)
    for name in q.opening_a_page(Role.EDUCATION):
        return q.verdict(Action.ALLOW, Reason.EDUCATION, list=name, rule="", inspect=True)
    return None


def _category(q: Question) -> Verdict | None:
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
    scan = _scanned(q, code)
    return q.verdict(Action.ALLOW, Reason.CATEGORY, inspect=q.must_open() or scan, scan=scan)


_CLOSING = frozenset({Code.LOCKED, Code.CLOSED, Code.PASS, Code.QUIET})
_TIMED = {
    Code.BREAKS: frozenset({Period.BREAK, Period.OUTSIDE}),
    Code.TERM_TIME: frozenset({Period.OUTSIDE}),
}
"""The periods in which a timed code is open."""


def _by_hours(q: Question, code: Code) -> Verdict:
    calendar, at = q.book.calendar, q.request.at
    is_open = q.request.clock_ok and calendar.period(at, q.policy.zone) in _TIMED[code]
    action = Action.ALLOW if is_open else Action.BLOCK
    return q.verdict(action, Reason.CATEGORY, until=calendar.next_change(at, q.policy.zone))


def _scanned(q: Question, code: Code) -> bool:
    return code is Code.SCAN and q.profile.certificate


def _is_approved(q: Question) -> bool:
    return any(name in q.profile.approved for name, _ in q.on(Role.APPROVED))


def _unknown(q: Question) -> Verdict | None:
    """A site that nothing is known about: the profile says open, scan or closed."""
    if any(q.on(Role.POSITIVE, Role.EDUCATION, Role.APPROVED)) or q.is_found_clean():
        return None
    for name in q.opening_a_page(Role.POSITIVE):
        return q.verdict(Action.ALLOW, Reason.OPEN, list=name, rule="", inspect=True)
    rule = q.profile.unknown if q.profile.certificate else q.profile.unknown_unopened
    if q.profile.unseen is Unseen.CLOSED and domain.as_address(q.request.host):
        return q.verdict(Action.BLOCK, Reason.UNKNOWN, rule="an address without a name")
    if rule is Unknown.CLOSED or (rule is Unknown.SCAN and not q.profile.certificate):
        return q.verdict(Action.BLOCK, Reason.UNKNOWN)
    if rule is Unknown.SCAN and (verdict := _too_much(q, Reason.UNKNOWN)):
        return verdict
    scan = rule is Unknown.SCAN
    return q.verdict(Action.ALLOW, Reason.UNKNOWN, inspect=q.must_open() or scan, scan=scan)


def _too_much(q: Question, reason: Reason) -> Verdict | None:
    """A block where the page's score reaches the profile's limit, unless what it is about is open to this profile."""
    score, limit = q.request.score, q.profile.scan_limit
    if score is None or score < limit:
        return None
    rule = f"score {score} of {limit}"
    topic = q.book.categories.get(q.request.topic)
    if topic is None:
        return q.verdict(Action.BLOCK, reason, rule=rule, inspect=True)
    if q.code(topic) is Code.OPEN:
        return None
    return q.verdict(Action.BLOCK, Reason.CATEGORY, list="", rule=rule, inspect=True, **_about(q, topic))


def _about(q: Question, topic: Category) -> dict[str, object]:
    """What is told of a page that is about *topic* by its words; a score proves nothing, so a CONCERN at most."""
    watched = q.profile.watches(topic.theme)
    severity = min(topic.severity(q.profile.column), Severity.CONCERN)
    return {
        "category": q.request.topic,
        "code": str(q.code(topic)),
        "grave": topic.harm,
        "theme": topic.theme if watched else "",
        "severity": severity if watched else Severity.NONE,
    }


ORDER: tuple[Callable[[Question], Verdict | None], ...] = (
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
    question = Question(policy, request)
    for step in ORDER:
        verdict = step(question)
        yield step.__name__.strip("_").replace("_", " "), (step.__doc__ or "").splitlines()[0], verdict
        if verdict:
            return
    yield "open", "Nothing closes it.", question.verdict(Action.ALLOW, Reason.OPEN)
