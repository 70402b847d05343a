"""A concern: what somebody was let through to, in whose words a theme was found (`BreachKind.CONCERN`).

Its terms are for the DSL alone (G5): whoever shows a breach to others leaves them out.
"""

from blocklists.verdict import Kind, Request, Verdict
from reporting.breach import Breach, BreachKind, record_of

LONGEST = 500
"""Characters of the words that are kept."""


def concern_of(
    request: Request, verdict: Verdict, *, source: str, policy: int, background: bool = False
) -> Breach | None:
    """The concern that the permitted *request* is, whose words have the theme of *verdict*; None if they have none.

    With a path only for a page that was read: some engines have what was typed there.
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
        path=(request.path or "") if request.kind is Kind.PAGE else "",
        rule=", ".join(next((hit.evidence for hit in request.hits if hit.theme == verdict.theme), ())),
        terms=request.terms[:LONGEST],
        background=background,
    )
