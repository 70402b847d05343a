import json

import pytest

from blocklists.policy import Action, Reason, Verdict
from dns_filter.reasons import Words

MALWARE, POLICY = 1, 5
HARM = Verdict(Action.BLOCK, Reason.CATEGORY, category="self_harm", code="L")
SEALED = Verdict(Action.BLOCK, Reason.SEALED, category="illegal", list="secret", rule="hash", theme="illegal")


@pytest.mark.parametrize(
    ("verdict", "code", "why", "sub"),
    [
        (SEALED, 16, "blocked", None),
        (Verdict(Action.BLOCK, Reason.FAILURE, rule="KeyError"), 0, "blocked: no decision could be made", None),
        (Verdict(Action.BLOCK, Reason.NOT_APPROVED), 15, "blocked: not approved (ks1)", POLICY),
        (
            Verdict(Action.BLOCK, Reason.NOT_APPROVED, category="adverts", code="Q"),
            15,
            "blocked: adverts (ks1)",
            POLICY,
        ),
        (Verdict(Action.BLOCK, Reason.UNKNOWN), 15, "blocked: unknown (ks1)", POLICY),
        (Verdict(Action.BLOCK, Reason.EMERGENCY), 15, "blocked: emergency (ks1)", POLICY),
        (HARM, 15, "blocked: self harm (ks1)", POLICY),
        (Verdict(Action.BLOCK, Reason.CATEGORY, category="malware", code="L"), 15, "blocked: malware (ks1)", MALWARE),
        (Verdict(Action.BLOCK, Reason.CATEGORY, category="adverts", code="Q"), 17, "blocked: adverts (ks1)", None),
    ],
)
def test_a_client_is_told_category_and_profile_by_the_code_whose_meaning_it_is(
    verdict: Verdict, code: int, why: str, sub: int | None
):
    note = Words().told(verdict, "ks1")
    said = json.loads(note.text)
    assert (note.code, said["j"], said.get("s")) == (code, why, sub)


def test_who_filters_and_whom_to_ask_is_said_of_every_block_alike():
    words = Words("Hill School", ("mailto:help@school.test",))
    for verdict in (SEALED, HARM):
        said = json.loads(words.told(verdict, "ks1").text)
        assert (said["o"], said["c"]) == ("Hill School", ["mailto:help@school.test"])


def test_of_a_sealed_host_no_more_is_said_than_that_it_is_closed():
    text = Words().told(SEALED, "ks1").text
    assert not [secret for secret in ("secret", "hash", "illegal", "ks1") if secret in text]
