import pytest

from blocklists import url
from blocklists.clients import Client
from blocklists.rulebook import Severity
from blocklists.verdict import Action, Hit, Kind, Reason, Request, Verdict
from reporting.breach import BreachKind
from reporting.concern import LONGEST, concern_of

ASKED = url.canonical("https://oak.test/search/words?q=words")
HITS = (Hit("bypass", Severity.NOTE, ("other",)), Hit("abuse", Severity.URGENT, ("phrase", "two")))
FOUND = Verdict(Action.ALLOW, Reason.OPEN, theme="abuse", severity=Severity.URGENT)


def request(terms: str = "words with a phrase") -> Request:
    client = Client("10.0.0.1", "ks2", 3, 4, 5)
    return Request(Kind.SEARCH, client, "oak.test", 7, url=ASKED, terms=terms, hits=HITS)


def test_a_concern_carries_its_words_and_the_phrase_and_no_address_of_the_page() -> None:
    breach = concern_of(request(), FOUND, source="proxy", policy=2)
    assert (breach.kind, breach.theme, breach.severity) == (BreachKind.CONCERN, "abuse", Severity.URGENT)
    assert (breach.terms, breach.rule, breach.host, breach.path) == (
        "words with a phrase",
        "phrase, two",
        "oak.test",
        "",
    )
    assert (breach.address, breach.client, breach.device, breach.person) == ("10.0.0.1", 3, 4, 5)
    assert (breach.at_ns, breach.source, breach.policy, breach.profile) == (7, "proxy", 2, "ks2")


def test_its_words_are_cut() -> None:
    assert len(concern_of(request("a" * 9_999), FOUND, source="proxy", policy=2).terms) == LONGEST


@pytest.mark.parametrize(
    "verdict", [Verdict(Action.ALLOW, Reason.OPEN), Verdict(Action.BLOCK, Reason.CATEGORY, theme="abuse")]
)
def test_what_has_no_theme_or_was_refused_is_no_concern(verdict: Verdict) -> None:
    assert concern_of(request(), verdict, source="proxy", policy=2) is None
