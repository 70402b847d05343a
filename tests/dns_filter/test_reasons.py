import pytest

from blocklists.policy import Action, Reason, Verdict
from dns_filter.reasons import told
from dns_filter.reply import Note


@pytest.mark.parametrize(
    ("verdict", "note"),
    [
        (Verdict(Action.BLOCK, Reason.SEALED, category="illegal", rule="hash"), Note(16, "blocked")),
        (Verdict(Action.BLOCK, Reason.FAILURE, rule="KeyError"), Note(0, "blocked: no decision could be made")),
        (Verdict(Action.BLOCK, Reason.NOT_APPROVED), Note(15, "blocked: not approved (ks1)")),
        (Verdict(Action.BLOCK, Reason.CATEGORY, category="self_harm"), Note(15, "blocked: self harm (ks1)")),
    ],
)
def test_a_client_is_told_category_and_profile_and_nothing_secret(verdict, note):
    assert told(verdict, "ks1") == note
