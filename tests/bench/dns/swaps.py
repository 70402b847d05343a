"""What a client notices when the filter's state is replaced under load: nothing lost, nothing late, nothing old.

300 clients ask 30,000 questions a second together, most of them from mix A, a tenth for the names in `PROBES`.
Meanwhile one thing after another is replaced, and for each the answers of the second after are looked at, and when the
last answer came that was right before and is wrong now.
"""

import itertools
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
from tests.bench.dns.asker import Question, Record, address_of
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
WATCH = 0.02
"""Seconds between two looks at how long the server waited for its core."""
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


class Figures(NamedTuple):
    """What clients noticed in some part of the load: answers *bad* (lost or failed), times in us, *old* in ms.

    *away* is the longest pause of the asker itself, and *waited* how long others had the server's core: both in us.
    """

    bad: float
    half: float
    p99: float
    longest: float
    away: float
    waited: float
    old: float = 0.0


class Watched(NamedTuple):
    """Since when others had a server's core for so many seconds in all: (ns, monotonic; seconds), some a second."""

    seen: list[tuple[int, float]]

    def between(self, start: int, end: int) -> float:
        """Seconds between two moments."""
        inside = [waited for at, waited in self.seen if start <= at < end] or [0.0]
        return inside[-1] - inside[0]


def measure(stage: Stage) -> list[Row]:
    """One run with every replacement, as often as there are rounds; the worst of each figure."""
    lists = stage.lists()
    worst: dict[str, Figures] = {}
    for number in range(stage.rounds):
        for what, figures in _run(stage, lists, stage.folder / f"swaps{number}").items():
            before = worst.setdefault(what, figures)
            worst[what] = Figures(*(max(pair) for pair in zip(before, figures, strict=True)))
    say(f"\n  {RATE:,} a second from {CLIENTS} clients, {len(lists.blocked):,} names; the worst of {stage.rounds} runs")
    heads = f"{'bad':>6}{'p50 us':>8}{'p99':>8}{'most':>8}{'away':>8}{'waited':>9}{'last old answer, ms':>21}"
    say(f"  {'the second after':34}{heads}")
    rows = []
    for what, (bad, half, p99, longest, away, waited, old) in worst.items():
        say(f"  {what:34}{bad:6.0f}{half:8.0f}{p99:8.0f}{longest:8.0f}{away:8.0f}{waited:9.0f}{old:21.0f}")
        rows += [
            Row(f"swaps, {what}: lost or failed", bad, "answers"),
            Row(f"swaps, {what}: p99", p99, "us"),
            Row(f"swaps, {what}: the longest", longest, "us"),
            Row(f"swaps, {what}: last answer by what was before", old, "ms"),
        ]
    say("  away: the longest pause of the asker itself; waited: how long others had the server's core in that time")
    return rows


def _run(stage: Stage, lists: Lists, folder: Path) -> dict[str, Figures]:
    """What was noticed of each replacement."""
    school, builds = _school(folder, lists)
    asked = list(_questions(lists))
    events: list[Event] = []
    with serving(ours.worker(), stage, lists._replace(school=school)) as running:
        asker.asked_all(stage, running.port, asked, RATE, int(RATE * STEADY))
        with asker.asking(stage, running.port, asked, RATE, int(RATE * DURATION)) as one:
            thread = threading.Thread(target=lambda: events.extend(_replaced(school, builds)))
            thread.start()
            watched = Watched([])
            while one.process.poll() is None:
                watched.seen.append((time.monotonic_ns(), running.waited_seconds()))
                time.sleep(WATCH)
            thread.join()
            return _by_event(one.heard().records, events, watched)


def _by_event(records: list[Record], events: list[Event], watched: Watched) -> dict[str, Figures]:
    """What `_run` says, out of what was heard."""
    alone, log_ins = events[:-CLIENTS], events[-CLIENTS:]

    def figures(start: int, end: int, *replaced: Event) -> Figures:
        part = [record for record in records if start <= record.sent < end]
        bad = sum(record.said in {Answered.NOTHING, Answered.OTHER} for record in part)
        away = max((later.sent - one.sent for one, later in itertools.pairwise(part)), default=0) / 1000
        waited = watched.between(start, end) * 1e6
        return Figures(bad, *asker.quantiles_us(part, 0.5, 0.99, 1), away, waited, _old(records, replaced))

    found = {"(nothing)": figures(records[0].sent + NS, events[0].at)}
    found |= {event.what: figures(event.at, event.at + NS, event) for event in alone}
    found[f"{CLIENTS} log-ins, and while they last"] = figures(log_ins[0].at, log_ins[-1].at + NS, *log_ins)
    return found | {"(all of it)": figures(records[0].sent, records[-1].sent)}


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


def _old(records: Sequence[Record], events: Sequence[Event]) -> float:
    """Milliseconds from when one of *events* was in place to the last answer that did not know of it, at the most."""
    by_client = {event.client: event for event in events}
    latest = 0
    for record in records:
        event = by_client.get(record.question.client) or by_client.get(None)
        if event is None or record.question.name != event.name or not event.at <= record.came < event.at + 2 * NS:
            continue
        if record.took and record.said is not event.now:
            latest = max(latest, record.came - event.at)
    return latest / 1e6
