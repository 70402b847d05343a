import msgspec
import pytest

from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Action, Kind, Reason, Verdict
from blocklists.rulebook import Severity
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge, Plan, gravest, plan_of
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.proxy_school import SEED, School

ALLOW = Verdict(Action.ALLOW, Reason.OPEN)
INSPECT = Verdict(Action.ALLOW, Reason.UNKNOWN, inspect=True)
BLOCK = Verdict(Action.BLOCK, Reason.CATEGORY, severity=Severity.NOTE)
URGENT = Verdict(Action.BLOCK, Reason.CATEGORY, severity=Severity.URGENT)


@pytest.mark.parametrize(
    ("verdicts", "agree", "named", "opens", "plan"),
    [
        ([ALLOW], True, True, True, Plan.SPLICE),
        ([ALLOW], True, True, False, Plan.SPLICE),
        ([INSPECT], True, True, True, Plan.OPEN),
        ([INSPECT], True, True, False, Plan.CLOSE),
        ([BLOCK], True, True, True, Plan.SHOW),
        ([BLOCK], True, True, False, Plan.CLOSE),
        ([ALLOW, BLOCK], False, True, True, Plan.SHOW),
        ([ALLOW, ALLOW], False, True, True, Plan.SHOW),
        ([ALLOW, ALLOW], False, True, False, Plan.CLOSE),
        ([ALLOW], True, False, True, Plan.OPEN),
        ([ALLOW], True, False, False, Plan.CLOSE),
        ([BLOCK], True, False, True, Plan.SHOW),
    ],
)
def test_the_more_closed_verdict_makes_the_plan(
    verdicts: list[Verdict], agree: bool, named: bool, opens: bool, plan: Plan
) -> None:
    assert plan_of(verdicts, agree=agree, named=named, opens=opens) is plan


@pytest.mark.parametrize(("severity", "on_disk"), [(Severity.CONCERN, False), (Severity.URGENT, True)])
async def test_the_gravest_are_on_the_disk_before_the_answer(school: School, severity: Severity, on_disk: bool) -> None:
    live = Live(school.files)
    live.refresh()
    journal = Journal.open(school.files.spool, site="oak", kind="proxy", instance=0, seed=SEED)
    judge = Judge(live, Recorder(journal), Counters())
    request, verdict = judge.of_name(Kind.SNI, Client("127.0.0.1", "ks2"), "harm.test")
    assert verdict.severity is Severity.URGENT
    await judge.record(request, msgspec.structs.replace(verdict, severity=severity))
    assert journal.dirty is not on_disk
    journal.close()


def test_the_gravest_refusal_is_the_one_told() -> None:
    judged = [(None, ALLOW), (None, BLOCK), (None, URGENT)]
    assert gravest(judged) == (None, URGENT)
    assert gravest([(None, ALLOW)]) is None
