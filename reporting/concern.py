"""A concern: what somebody was let through to, in words that a theme matched (`BreachKind.CONCERN`).

Its terms are for the DSL alone (G5): whoever shows a breach to others leaves them out.
"""

from blocklists.verdict import Request, Verdict
from reporting.breach import VERSION, Breach, BreachKind

LONGEST = 500
"""Characters of the words that are kept."""


def concern_of(request: Request, verdict: Verdict, *, source: str, policy: int) -> Breach | None:
    """The concern that the permitted *request* is, whose words have the theme of *verdict*; None if they have none.

    Without a path: some engines have the words there.
    """
    if verdict.blocked or not verdict.theme:
        return None
    client = request.client
    return Breach(
        v=VERSION,
        kind=BreachKind.CONCERN,
        at_ns=request.at,
        source=source,
        address=client.address,
        client=client.number,
        device=client.device,
        person=client.person,
        profile=client.profile,
        host=request.host,
        reason=str(verdict.reason),
        theme=verdict.theme,
        severity=verdict.severity,
        rule=", ".join(next((hit.evidence for hit in request.hits if hit.theme == verdict.theme), ())),
        policy=policy,
        terms=request.terms[:LONGEST],
    )
