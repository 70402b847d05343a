"""The decision order walked for one question: what the "why?" pages show.

Sealed lists take no part: reporting never has them, so what is on them is explained as what is on no list (G23). What
DNS or the proxy say whatever is decided (`schoolgate explain`) is not looked at here. This file reads no clock.
"""

import msgspec

from blocklists import domain, policy, url
from blocklists.clients import Client
from blocklists.policy import Kind, Policy, Request, Verdict
from blocklists.profile import CODE_WORDS, Code
from blocklists.rulebook import ListUse, Role
from reporting.web.rows import REASONS

ROLES = {
    Role.CATEGORY: "stands for the category {}",
    Role.APPROVED: "approved sites",
    Role.EDUCATION: "the education list",
    Role.POSITIVE: "sites that are known as harmless",
    Role.ALWAYS_OPEN: "always open",
}
"""What being on a list means."""


SEALED = "Sealed"
"""The step whose lists reporting does not have."""


class Step(msgspec.Struct, frozen=True):
    """A step of the order: what it is about, and whether it was *reached* and *answered*."""

    name: str
    says: str
    reached: bool
    answered: bool


class Listed(msgspec.Struct, frozen=True):
    """A list that names the site, by which *rule*, and what that means."""

    list: str
    rule: str
    means: str


class Walked(msgspec.Struct, frozen=True):
    """What somebody of *profile* would meet at *at_ns*, and why; *code* says what the category is to the profile."""

    question: str
    profile: str
    at_ns: int
    action: str
    why: str
    category: str
    list: str
    rule: str
    code: str
    steps: tuple[Step, ...]
    listed: tuple[Listed, ...]


def walk(shown: Policy, text: str, profile: str, at_ns: int) -> Walked | str:
    """*text* (a name or a web address) for *profile* at *at_ns*; a sentence where that makes no sense."""
    if profile not in shown.rulebook.profiles:
        return "There is no such profile. Choose one from the list."
    request = _request(text, Client(address="", profile=profile, source="explain"), at_ns)
    if request is None:
        return "That is no name and no web address. Write it like games.test or https://games.test/page."
    answers = list(policy.walk(shown, request))
    verdict = answers[-1][2]
    assert verdict, "the last step answers"
    return Walked(
        question=text,
        profile=profile,
        at_ns=at_ns,
        action=str(verdict.action),
        why=REASONS.get(verdict.reason, verdict.reason),
        category=verdict.category,
        list=verdict.list,
        rule=verdict.rule,
        code=CODE_WORDS[Code(verdict.code)] if verdict.code else "",
        steps=tuple(_steps(answers)),
        listed=tuple(_listed(shown, request.host)),
    )


def _request(text: str, client: Client, at_ns: int) -> Request | None:
    if "/" in text:
        parsed = url.canonical(text)
        return Request(kind=Kind.URL, client=client, host=parsed.host, at=at_ns, url=parsed) if parsed else None
    host = domain.canonical(text)
    return Request(kind=Kind.DNS, client=client, host=host, at=at_ns) if host else None


def _steps(answers: list[tuple[str, str, Verdict | None]]) -> list[Step]:
    """Each step of the order, those below the one that answered too: they were not asked any more."""
    reached = [Step(_title(name), says, reached=True, answered=verdict is not None) for name, says, verdict in answers]
    rest = [(one.__name__.strip("_"), (one.__doc__ or "").splitlines()[0]) for one in policy.ORDER[len(answers) :]]
    if reached[0].name == SEALED:
        reached[0] = Step(SEALED, f"{reached[0].says} They take no part in this page.", reached=False, answered=False)
    return [*reached, *(Step(_title(name), says, reached=False, answered=False) for name, says in rest)]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _listed(shown: Policy, host: str) -> list[Listed]:
    """The lists that name *host* or a name above it, as the policy uses them."""
    uses = shown.rulebook.lists
    found = ((name, one.rule) for one in shown.index.listed(host) for name in one.lists if name in uses)
    return [Listed(name, rule, _means(uses[name], shown)) for name, rule in found]


def _means(use: ListUse, shown: Policy) -> str:
    category = shown.rulebook.categories.get(use.category)
    return ROLES[use.role].format(category.title if category else use.category)
