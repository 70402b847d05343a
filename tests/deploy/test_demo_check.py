"""The demo's own check: what must make `schoolgate demo --exit` fail."""

from email.message import EmailMessage

import pytest

from deploy.demo import check, plan
from deploy.demo.clients import Outcome
from deploy.demo.plan import Question


def met(way, target, *, profile="ks2", is_open=False):
    return Outcome(Question(profile, way, target, is_open, ""), is_open, "", "", 0.0)


def breach(source, host, path="", *, address="127.0.0.1"):
    return {"address": address, "source": source, "host": host, "path": path}


def problems(outcomes=(), breaches=(), *, severities=("ILLEGAL", "URGENT"), texts=("calm", "calm"), asked=()):
    alerts = [{"severity": severity} for severity in severities]
    mail = []
    for text in texts:
        message = EmailMessage()
        message.set_content(text)
        mail.append(message)
    return list(check.problems(check.Seen(list(outcomes), list(breaches), alerts, mail, list(asked))))


CLOSED = [met("dns", "gambling.test"), met("web", "https://gambling.test/"), met("web", f"https://{plan.SEALED_PAGE}")]
RECORDED = [breach("dns", "gambling.test"), breach("proxy", "gambling.test", "/"), breach("proxy", None, None)]


def test_every_closed_row_with_its_breach_is_no_problem():
    opened = met("web", "https://positive.test/", is_open=True)
    assert not problems([*CLOSED, opened], reversed(RECORDED))


@pytest.mark.parametrize("place", range(len(CLOSED)))
def test_a_closed_row_without_a_breach_is_named(place):
    recorded = RECORDED[:place] + RECORDED[place + 1 :]
    question = CLOSED[place].question
    assert problems(CLOSED, recorded) == [f"breaches: the database has none for ks2 {question.way} {question.target}"]


def test_at_the_closed_address_nothing_is_recorded():
    assert not problems([*CLOSED, met("closed", "https://gambling.test/")], RECORDED)


def test_a_database_without_breaches_is_a_problem_for_each_closed_row():
    assert len(problems(CLOSED)) == len(CLOSED)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (breach("dns", "positive.test"), "127.0.0.1 dns positive.test"),
        (breach("dns", "gambling.test"), "127.0.0.1 dns gambling.test"),
        (breach("proxy", "gambling.test", "/", address="127.0.4.1"), "127.0.4.1 proxy gambling.test/"),
        (breach("proxy", None, None), "127.0.0.1 proxy a sealed entry"),
    ],
)
def test_a_breach_that_no_row_explains_is_named(extra, words):
    assert problems(CLOSED, [*RECORDED, extra]) == [f"breaches: no row explains 1 of {words}"]


def test_a_breach_of_an_open_row_is_one_that_no_row_explains():
    opened = Outcome(Question("ks2", "dns", "gambling.test", True, ""), True, "", "", 0.0)
    assert problems([opened], RECORDED[:1]) == ["breaches: no row explains 1 of 127.0.0.1 dns gambling.test"]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"severities": ("URGENT",)}, "alerts: expected one ILLEGAL and one URGENT, the database has ['URGENT']"),
        ({"texts": ("calm",)}, "mail: expected 2 messages to the DSL, 1 arrived"),
        ({"texts": ("calm", "127.0.4.1")}, "mail: a message names '127.0.4.1', which it must not"),
        ({"asked": ("GET gambling.test /",)}, "web sites: a closed page was asked for at the site: gambling.test"),
        (
            {"asked": ("GET pictures.test /albums/closed.html",)},
            "web sites: a closed page was asked for at the site: pictures.test /albums/closed.html",
        ),
    ],
)
def test_alerts_mail_and_web_sites_are_looked_at_too(seen, words):
    assert problems(**seen) == [words]


def test_a_row_that_is_not_as_the_policy_says_is_named():
    opened = Outcome(Question("ks2", "dns", "gambling.test", False, "C"), True, "", "", 0.0)
    assert problems([opened]) == ["ks2 dns gambling.test: open, but the policy says closed (C)"]
