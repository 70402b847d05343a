"""What is decided on a name, whoever asks for it."""

import logging

from blocklists.policy import Reason
from dns_filter import wire
from dns_filter.asked import Asked
from tests.support.dns_client import question
from tests.support.hour import MORNING


def asked_by(hour, address: str = "127.0.0.1"):
    door = hour[0].resolver.school
    packet = bytes(question("social.test").pack())
    return Asked(packet, wire.read(packet), address, door), door.view(address, MORNING)


async def test_the_root_is_no_site_and_open(hour):
    verdict = hour[0].resolver.verdicts.on(*asked_by(hour), "")
    assert (verdict.blocked, verdict.reason) == (False, Reason.OPEN)


async def test_a_decision_that_fails_is_a_block_that_is_counted_and_said_without_the_name(hour, caplog):
    filtering = hour[0].resolver
    asked, view = asked_by(hour)
    filtering.school.policy = None
    with caplog.at_level(logging.ERROR):
        verdict = filtering.verdicts.on(asked, view, "social.test")
    assert (verdict.blocked, verdict.reason) == (True, Reason.FAILURE)
    assert filtering.figures.failures == 1
    assert "social.test" not in caplog.text
    assert "LookupError" in caplog.text
