"""What a verdict becomes on record."""

from blocklists import url
from blocklists.clients import Client
from blocklists.verdict import Action, Kind, Reason, Request, Verdict
from reporting.breach import LONGEST_EVIDENCE, breach_of

ASKED = url.canonical("https://bets.test/welcome?q=typed")
REQUEST = Request(Kind.PAGE, Client("10.0.0.1", "ks2"), "bets.test", 7, url=ASKED)


def test_the_evidence_is_on_record_and_has_an_end() -> None:
    refused = Verdict(Action.BLOCK, Reason.CATEGORY, category="gambling", rule="score 166 of 100")
    found = breach_of(REQUEST, refused, source="proxy", policy=1, evidence="casino +60" + "x" * 9_999)
    assert found is not None
    assert found.evidence.startswith("casino +60x")
    assert len(found.evidence) == LONGEST_EVIDENCE
