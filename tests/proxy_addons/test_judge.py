import copy
from collections.abc import Iterator
from contextlib import closing

import mitmproxy.proxy.layers  # noqa: F401 - registers the hooks that HOOKS is found by
import msgspec
import pytest

from blocklists import url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Action, Kind, Reason, Verdict
from blocklists.rulebook import Severity
from blocklists.score import Score
from blocklists.verdict import Hit
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge, NotReadyError, Plan, gravest, plan_of
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


@pytest.fixture
def judge(school: School) -> Iterator[Judge]:
    live = Live(school.files)
    live.refresh()
    with closing(Journal.open(school.files.spool, site="oak", kind="proxy", instance=0, seed=SEED)) as journal:
        yield Judge(live, Recorder(journal), Counters())


PUPIL = Client("127.0.0.1", "ks2")
NOTHING = Score(0, "", ())


@pytest.mark.parametrize("host", ["unknown.test", "good.test", "games.test", "gambling.test"])
@pytest.mark.parametrize("profile", ["ks1", "ks2", "staff", "visitor"])
def test_a_page_in_which_nothing_is_found_stays_what_its_address_was(judge: Judge, host: str, profile: str) -> None:
    asked, verdict = judge.of_url(Client("127.0.0.1", profile), url.canonical(f"http://{host}/page"))
    if judge.stays(asked, verdict, judge.policy, NOTHING, ()):
        assert judge.of_page(asked, NOTHING)[1] == verdict
    assert judge.stays(asked, verdict, judge.policy, NOTHING, ()) or not verdict.scan


def test_a_page_is_judged_anew_where_anything_is(judge: Judge) -> None:
    asked, verdict = judge.of_url(PUPIL, url.canonical("http://unknown.test/"))
    hit = Hit("self-harm", Severity.URGENT)
    of_a_search, over = msgspec.structs.replace(asked, hits=(hit,)), msgspec.structs.replace(verdict, until=1)
    nobody, another = msgspec.structs.replace(asked, client=Client("127.0.0.1", "none")), copy.copy(judge.policy)
    assert judge.stays(asked, verdict, judge.policy, NOTHING, ())
    assert not judge.stays(asked, verdict, judge.policy, Score(100, "gambling", ()), ())
    assert not judge.stays(asked, verdict, judge.policy, NOTHING, (hit,))
    assert not judge.stays(of_a_search, verdict, judge.policy, NOTHING, ())
    assert not judge.stays(asked, over, judge.policy, NOTHING, ())
    assert not judge.stays(nobody, verdict, judge.policy, NOTHING, ())
    assert not judge.stays(asked, verdict, another, NOTHING, ())
    judge.clock_ok = False
    assert not judge.stays(asked, verdict, judge.policy, NOTHING, ())


def test_the_gravest_refusal_is_the_one_told() -> None:
    judged = [(None, ALLOW), (None, BLOCK), (None, URGENT)]
    assert gravest(judged) == (None, URGENT)
    assert gravest([(None, ALLOW)]) is None


def test_there_is_no_verdict_without_a_policy(school: School) -> None:
    with pytest.raises(NotReadyError):
        _ = Judge(Live(school.files), None, Counters()).policy
