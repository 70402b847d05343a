"""What was permitted a moment ago is permitted again, as long as nothing has changed; a refusal is judged anew."""

from collections.abc import Iterator

import msgspec
import pytest

from blocklists import snapshot
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind
from blocklists.rulebook import Permit, Permits
from proxy_addons import remembered
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge
from proxy_addons.remembered import Remembered
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.proxy_school import SEED, School, rulebook

KS2 = Client("127.0.0.1", "ks2")
NOW = 2**62
"""Nanoseconds, in the year 2116."""


@pytest.fixture
def judge(school: School) -> Iterator[Judge]:
    live = Live(school.files)
    live.refresh()
    journal = Journal.open(school.files.spool, site="oak", kind="proxy", instance=0, seed=SEED)
    yield Judge(live, Recorder(journal), Counters())
    journal.close()


def test_it_says_what_the_judge_says(judge: Judge) -> None:
    said = Remembered(judge)
    for host in ("good.test", "good.test", "gambling.test", "gambling.test", "unknown.test"):
        (asked, verdict), (judged, wanted) = said.of_name(Kind.SNI, KS2, host), judge.of_name(Kind.SNI, KS2, host)
        assert (msgspec.structs.replace(asked, at=0), verdict) == (msgspec.structs.replace(judged, at=0), wanted)


def test_a_second_question_is_not_judged_again(judge: Judge) -> None:
    said = Remembered(judge)
    assert said.of_name(Kind.SNI, KS2, "good.test")[1] is said.of_name(Kind.SNI, KS2, "good.test")[1]


def test_another_client_is_judged_for_itself(judge: Judge) -> None:
    said = Remembered(judge)
    first = said.of_name(Kind.SNI, KS2, "games.test")[1]
    assert (first.blocked, said.of_name(Kind.SNI, Client("127.0.0.4", "staff"), "games.test")[1].blocked) == (
        True,
        False,
    )


def test_a_new_policy_holds_at_once(judge: Judge, school: School) -> None:
    said = Remembered(judge)
    assert not said.of_name(Kind.SNI, KS2, "good.test")[1].blocked
    book = rulebook()
    closed = msgspec.structs.replace(book.profiles["ks2"], block=("good.test",))
    school.write_policy(msgspec.structs.replace(book, profiles=book.profiles | {"ks2": closed}), version=2)
    judge.live.refresh()
    assert said.of_name(Kind.SNI, KS2, "good.test")[1].blocked


def test_a_pass_opens_no_longer_than_it_is_for(judge: Judge, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: NOW)
    permit = Permit(1, True, ("games.test",), NOW + 1000, profiles=("ks2",))
    snapshot.write(school.files.permits, Permits((permit,)), version=2, written_ns=2)
    judge.live.refresh()
    said = Remembered(judge)
    assert not said.of_name(Kind.SNI, KS2, "games.test")[1].blocked
    monkeypatch.setattr("time.time_ns", lambda: NOW + 1000)
    assert said.of_name(Kind.SNI, KS2, "games.test")[1].blocked


def test_a_clock_that_is_wrong_is_judged_anew(judge: Judge) -> None:
    said = Remembered(judge)
    before = said.of_name(Kind.SNI, KS2, "good.test")[0]
    judge.clock_ok = False
    assert (before.clock_ok, said.of_name(Kind.SNI, KS2, "good.test")[0].clock_ok) == (True, False)


def test_it_keeps_no_more_than_its_bound(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    said = Remembered(judge)
    first = said.of_name(Kind.SNI, KS2, "good.test")[1]
    for host in ("wiki.test", "help.test"):
        said.of_name(Kind.SNI, KS2, host)
    assert said.of_name(Kind.SNI, KS2, "good.test")[1] is not first
