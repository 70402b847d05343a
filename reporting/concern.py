"""A concern: what somebody was let through to, in words that a theme matched (`BreachKind.CONCERN`).

Its terms are for the DSL alone (G5): whoever shows a breach to others leaves them out.
"""

from blocklists.verdict import Request, Verdict
from reporting.breach import Breach, BreachKind, record_of

LONGEST = 500
"""Characters of the words that are kept."""


def concern_of(request: Request, verdict: Verdict, *, source: str, policy: int) -> Breach | None:
    """The concern that the permitted *request* is, whose words have the theme of *verdict*; None if they have none.

    Without a path: some engines have the words there.
    """
    if verdict.blocked or not verdict.theme:
        return None
    return record_of(
        BreachKind.CONCERN,
        request,
        verdict,
        source=source,
        policy=policy,
        host=request.host,
        rule=", ".join(next((hit.evidence for hit in request.hits if hit.theme == verdict.theme), ())),
        terms=request.terms[:LONGEST],
    )
