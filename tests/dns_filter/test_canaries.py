import pytest

from blocklists import domain
from blocklists.verdict import Action, Reason, Verdict
from dns_filter import canaries

MASK = "mask.icloud.com"


@pytest.mark.parametrize(
    "reason", [Reason.UNKNOWN, Reason.OPEN, Reason.CATEGORY, Reason.EDUCATION, Reason.NOT_APPROVED]
)
@pytest.mark.parametrize("action", [Action.ALLOW, Action.BLOCK])
def test_a_canary_is_closed_quietly_whatever_lists_say(reason: Reason, action: Action):
    found = canaries.judged(MASK, Verdict(action, reason))
    assert (found.blocked, found.quiet, found.category) == (True, True, "bypass")


@pytest.mark.parametrize("reason", [Reason.SEALED, Reason.EMERGENCY, Reason.PASS, Reason.PROFILE_RULE, Reason.FAILURE])
def test_what_somebody_decided_about_a_canary_holds(reason: Reason):
    verdict = Verdict(Action.ALLOW, reason)
    assert canaries.judged(MASK, verdict) is verdict


def test_other_names_are_nothing_to_it():
    verdict = Verdict(Action.ALLOW, Reason.OPEN)
    assert canaries.judged("www.icloud.com", verdict) is verdict


def test_the_names_are_canonical():
    assert all(domain.canonical(name) == name for name in canaries.NAMES)


@pytest.mark.parametrize("name", ["_dns.resolver.arpa", "_dns.dns.school.test", "_853._dns.dns.school.test"])
def test_the_search_for_encrypted_resolvers_is_a_canary_whose_name_exists(name: str):
    found = canaries.judged(name, Verdict(Action.ALLOW, Reason.OPEN))
    assert (found.blocked, found.quiet, canaries.is_discovery(name)) == (True, True, True)


@pytest.mark.parametrize(
    "name",
    [*sorted(canaries.NAMES), "dns.school.test", "_dnssd.school.test", "_853.school.test", "_x._dns.school.test"],
)
def test_only_the_label_dns_is_the_search_for_encrypted_resolvers(name: str):
    assert not canaries.is_discovery(name)
