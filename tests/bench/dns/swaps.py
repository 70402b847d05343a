"""What a client notices when the filter's state is replaced under load: nothing lost, nothing late, nothing old.

300 clients ask 30,000 questions a second together, most of them from mix A, a tenth for the names in `PROBES`.
Meanwhile one thing after another is replaced, and for each the answers of the second after are looked at, and when the
last answer came that was right before and is wrong now.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from blocklists import compile as compiling
from blocklists import index
from blocklists.clients import Client
from blocklists.profile import Code
from blocklists.rulebook import Permit, Rulebook
from tests.bench.dns import asker, ours, questions
from tests.bench.dns.ask import Answered
from tests.bench.dns.asker import Heard, Question, Record, address_of
from tests.bench.dns.server import serving
from tests.bench.dns.stage import Lists, Stage
from tests.bench.report import Row, say
from tests.support.school import School, make_school, rulebook

RATE = 30_000
CLIENTS = 300
STEADY = 3.0
"""Seconds of load before anything is measured, and again before anything is replaced."""
APART = 2.0
"""Seconds between two replacements; the first of them is looked at, and an old answer sought in both."""
LOG_INS = 6.0
"""Seconds in which all clients log in, one after the other."""
DURATION = STEADY + 6 * APART + LOG_INS + 2
"""Seconds of load in all: every replacement, and what the snapshots take to be written."""
BLOCKED_NAMES = 50
"""Different blocked names that the clients ask for: with 300 clients that is 15,000 runs of breaches."""
PROBE_SHARE = 0.1
NS = 1_000_000_000

GONE, NEW, GAME, PLAY, SOCIAL = "gone.test", "new.test", "game.test", "play.test", "social.test"
PROBES = (GONE, NEW, GAME, PLAY, SOCIAL)
NETWORKS = {"127.0.0.0/8": "ks2"}


class Event(NamedTuple):
    """Something that was replaced *at* (ns, monotonic, once it was in place); *name* is then answered as *now* says."""

    what: str
    name: str
    now: Answered
    at: int
    client: int | None = None


def measure(stage: Stage) -> list[Row]:
    """One run with every replacement, as often as there are rounds; the worst of each figure."""
    lists = stage.lists()
    worst: dict[str, list[float]] = {}
    for number in range(stage.rounds):
        for what, figures in _run(stage, lists, stage.folder / f"swaps{number}").items():
            before = worst.setdefault(what, figures)
            worst[what] = [max(pair) for pair in zip(before, figures, strict=True)]
    say(f"\n  {RATE:,} a second from {CLIENTS} clients, {len(lists.blocked):,} names; the worst of {stage.rounds} runs")
    say(f"  {'the second after':34}{'lost':>6}{'p50 us':>8}{'p99 us':>9}{'most us':>9}{'last old answer, ms':>21}")
    rows = []
    for what, (lost, half, p99, most, old) in worst.items():
        say(f"  {what:34}{lost:6.0f}{half:8.0f}{p99:9.0f}{most:9.0f}{old:21.0f}")
        rows += [
            Row(f"swaps, {what}: lost", lost, "answers"),
            Row(f"swaps, {what}: p99", p99, "us"),
            Row(f"swaps, {what}: the longest", most, "us"),
            Row(f"swaps, {what}: last answer by what was before", old, "ms"),
        ]
    return rows


def _run(stage: Stage, lists: Lists, folder: Path) -> dict[str, list[float]]:
    """[lost, p50, p99, longest in us, last old answer in ms] by what was replaced."""
    school, builds = _school(folder, lists)
    asked = list(_questions(lists))
    events: list[Event] = []
    with serving(ours.worker(), stage, lists._replace(school=school)) as running:
        asker.asked_all(stage, running.port, asked, RATE, int(RATE * STEADY))
        with asker.asking(stage, running.port, asked, RATE, int(RATE * DURATION)) as one:
            thread = threading.Thread(target=lambda: events.extend(_replaced(school, builds)))
            thread.start()
            waited = running.waited_seconds()
            heard = one.heard()
            waited = running.waited_seconds() - waited
            thread.join()
    return _by_event(heard, events) | {"(others had the core, us in all)": [0.0, 0.0, 0.0, waited * 1e6, 0.0]}


def _by_event(heard: Heard, events: list[Event]) -> dict[str, list[float]]:
    """What `_run` says, out of what was *heard*."""
    alone, log_ins = events[:-CLIENTS], events[-CLIENTS:]
    records, began = heard.records, heard.records[0].sent
    found = {"(nothing)": [*_figures(records, began + NS, events[0].at), 0.0]}
    found |= {e.what: [*_figures(records, e.at, e.at + NS), _old(records, [e])] for e in alone}
    shared = _figures(records, log_ins[0].at, log_ins[-1].at + NS)
    found[f"{CLIENTS} log-ins, and while they last"] = [*shared, _old(records, log_ins)]
    found["(all of it)"] = [*_figures(records, 0, 1 << 63), 0.0]
    found["(asker away at most)"] = [0.0, 0.0, 0.0, heard.longest_us, 0.0]
    return found


def _questions(lists: Lists) -> Iterator[Question]:
    """The load: every question from one of the clients, by chance."""
    chance = random.Random(questions.SEED)
    closed = questions.drawn(lists.blocked, BLOCKED_NAMES)
    for name in questions.mix_a(lists.popular, closed):
        probe = chance.random() < PROBE_SHARE
        yield Question(chance.randrange(CLIENTS), chance.choice(PROBES) if probe else name)


def _school(folder: Path, lists: Lists) -> tuple[School, dict[str, Path]]:
    """A school with the blocked names and the probes, and its two indexes: the one in force and the next."""
    names = {"gambling": lists.blocked, "learning": lists.popular, "games": [GAME, PLAY, GONE], "social": [SOCIAL]}
    school = make_school(folder, book=_book(Code.CLOSED), lists=names)
    school.write_clients(NETWORKS)
    current = school.files.index / index.CURRENT
    before = current.resolve()
    school.compile({**names, "games": [GAME, PLAY, NEW]})
    builds = {"before": before, "next": current.resolve()}
    compiling.make_current(school.files.index, before)
    return school, builds


def _book(social: Code) -> Rulebook:
    """The school's rulebook with the code *social* for that category."""
    book = rulebook()
    kept = book.categories["social"]
    changed = msgspec.structs.replace(kept, codes={**kept.codes, "KS2": social})
    return msgspec.structs.replace(book, categories={**book.categories, "social": changed})


def _replaced(school: School, builds: dict[str, Path]) -> Iterator[Event]:
    """Replace one thing after another; yield what it was once it is in place."""
    time.sleep(STEADY)
    compiling.make_current(school.files.index, builds["next"])
    at = time.monotonic_ns()
    yield Event("an index swap, a name more", NEW, Answered.BLOCKED, at)
    yield Event("the same, a name fewer", GONE, Answered.OPEN, at)
    time.sleep(APART)
    school.write_policy(_book(Code.OPEN))
    yield Event("a new policy", SOCIAL, Answered.OPEN, time.monotonic_ns())
    yield from _passes(school)
    yield from _log_ins(school)


def _passes(school: School) -> Iterator[Event]:
    """A pass that is taken back, and one that is over when its time is."""
    opened = Permit(1, opens=True, entries=(GAME,), until=time.time_ns() + 3600 * NS, profiles=("ks2",))
    time.sleep(APART)
    school.write_permits(opened)
    yield Event("a pass opens", GAME, Answered.OPEN, time.monotonic_ns())
    time.sleep(APART)
    school.write_permits()
    yield Event("a pass is taken back", GAME, Answered.BLOCKED, time.monotonic_ns())
    time.sleep(APART)
    ends = time.time_ns() + int(APART * NS)
    over = time.monotonic_ns() + int(APART * NS)
    school.write_permits(msgspec.structs.replace(opened, number=2, until=ends))
    time.sleep(APART)
    yield Event("a pass ends by itself", GAME, Answered.BLOCKED, over)


def _log_ins(school: School) -> Iterator[Event]:
    """One client after the other becomes a member of staff, in a snapshot each."""
    known: list[Client] = []
    time.sleep(APART)
    for client in range(CLIENTS):
        known.append(Client(address_of(client), "staff", number=client + 1))
        school.write_clients(NETWORKS, known)
        yield Event("a log-in", PLAY, Answered.OPEN, time.monotonic_ns(), client)
        time.sleep(LOG_INS / CLIENTS)


def _figures(records: Sequence[Record], start: int, end: int) -> list[float]:
    """[lost or failed, p50, p99, longest] of what was sent from *start* to before *end*; times in us."""
    part = [record for record in records if start <= record.sent < end]
    bad = sum(record.said in {Answered.NOTHING, Answered.OTHER} for record in part)
    return [bad, *asker.quantiles_us(part, 0.5, 0.99, 1)]


def _old(records: Sequence[Record], events: Sequence[Event]) -> float:
    """Milliseconds from when one of *events* was in place to the last answer that did not know of it, at the most."""
    by_client = {event.client: event for event in events if event.client is not None}
    latest = 0
    for record in records:
        event = by_client.get(record.question.client) if by_client else events[0]
        if event is None or record.question.name != event.name or not event.at <= record.came < event.at + 2 * NS:
            continue
        if record.took and record.said is not event.now:
            latest = max(latest, record.came - event.at)
    return latest / 1e6
