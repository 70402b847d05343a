"""What faults do to the alerts: a mail server in trouble, a clock that steps, reporting killed while it sends.

Part of `python -m tests.bench.faults`. Reporting is a process of its own with all that `schoolgate reporting` has,
pages, ladder and outbox. Its clock is handed in, so that two hours take seconds; the mail server is here and speaks
SMTP. Each time, URGENT breaches of as many persons are written into a journal and the fault comes about; then all is
well again, somebody acknowledges, and once nothing waits any more, what the server has is compared with the outbox.

*alerts*: that had to be told. *never*: those of which no mail came. *twice*: mails (alerts, the ladder, digests,
reports) that came two times, by their Message-ID. *more*: those that came three times or more.
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from aiosmtpd.smtp import Envelope

from tests.bench.report import Row, say
from tests.support.telling_school import HANG, HOUR, MINUTE, TellingSchool

EACH = 4
"""Alerts of each time: as many as reporting tells of at once."""

OFTEN = 0.3
"""How likely a word of the mail server is to fail, where that is left to chance."""

SEED = 20270116


class Told(NamedTuple):
    """What became of the alerts; *never* and *more* should be 0."""

    alerts: int = 0
    never: int = 0
    twice: int = 0
    more: int = 0


async def refusing(school: TellingSchool, chance: random.Random) -> None:
    """The mail server says 5xx to a word of each mail, for up to two hours."""
    where = chance.choice(("MAIL", "RCPT", "TEXT"))
    school.server.trouble = lambda word, _: "554 not from you" if word == where else ""
    before = school.server.asked
    school.raise_alerts(EACH)
    await school.until(lambda: school.server.asked >= before + EACH)
    await school.pass_time(chance.randrange(MINUTE, 2 * HOUR))


async def greylisting(school: TellingSchool, chance: random.Random) -> None:
    """The mail server says 450 to whom it does not know, until five minutes after it was first asked."""
    first: dict[str, int] = {}

    def trouble(word: str, _envelope: Envelope) -> str:
        known = word != "RCPT" or school.clock.now() >= first.setdefault(word, school.clock.now()) + 5 * MINUTE
        return "" if known else "450 4.7.1 greylisted, try again"

    school.server.trouble = trouble
    before = school.server.asked
    school.raise_alerts(EACH)
    await school.until(lambda: school.server.asked >= before + EACH)
    await school.pass_time(chance.randrange(10 * MINUTE, 30 * MINUTE), MINUTE)


async def hanging(school: TellingSchool, chance: random.Random) -> None:
    """The mail server says nothing more from some word on: before it has the mail, when it has it, when it has kept it.

    A mail that it loses after it took all of it, it loses once: of whoever does so twice, nobody could know.
    """
    where = chance.choice(("MAIL", "RCPT", "TEXT", "KEPT"))
    lost: set[object] = set()

    def trouble(word: str, envelope: Envelope) -> str:
        if word != where or envelope.content in lost:
            return ""
        lost.update([envelope.content] if word == "TEXT" else [])
        return HANG

    school.server.trouble = trouble
    before = school.server.asked
    school.raise_alerts(EACH)
    await school.until(lambda: school.server.asked >= before + 1)
    await school.pass_time(chance.randrange(10 * MINUTE, HOUR), MINUTE)


async def down(school: TellingSchool, chance: random.Random) -> None:
    """Nobody is at the mail server's address for two hours."""
    early = chance.choice((True, False))
    if not early:
        school.raise_alerts(EACH)
    await asyncio.sleep(chance.uniform(0, 0.5))
    await school.close_server()
    if early:
        school.raise_alerts(EACH)
    await school.pass_time(2 * HOUR)
    await school.open_server()


async def clock_stepped(school: TellingSchool, chance: random.Random) -> None:
    """The clock put forward or back by an hour, twice, while a server refuses many mails at first."""
    school.server.trouble = lambda word, _: "451 later" if word == "RCPT" and chance.random() < OFTEN else ""
    for _ in range(2):
        school.raise_alerts(EACH // 2)
        await asyncio.sleep(chance.uniform(0, 0.5))
        school.clock.step(chance.choice((-HOUR, HOUR)))


async def killed_sending(school: TellingSchool, chance: random.Random) -> None:
    """Kill -9 of reporting when the server has a mail and reporting has not written that down, or thereabouts."""
    held = chance.choice((True, False))
    school.server.trouble = lambda word, _: HANG if held and word == "KEPT" else ""
    had = len(school.server.letters)
    many = chance.randint(1, EACH)
    school.raise_alerts(EACH)
    await school.until(lambda: len(school.server.letters) >= had + many)
    if not held:
        await asyncio.sleep(chance.uniform(0, 0.02))
    await school.kill()
    school.server.well.set()
    await school.start()


type Fault = Callable[[TellingSchool, random.Random], Awaitable[None]]
FAULTS: dict[str, Fault] = {
    "mail-refused": refusing,
    "mail-greylisted": greylisting,
    "mail-hangs": hanging,
    "mail-down": down,
    "mail-clock": clock_stepped,
    "mail-killed": killed_sending,
}
LONG = (20.0, 600.0)
SHORT = {"mail-hangs": (0.3, 0.3)}
"""Seconds of patience with a mail server that hangs, where minutes would be waited out."""


async def happens(name: str, folder: Path, times: int) -> Told:
    """Let the fault *name* come about so many times, one after another in one school."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    chance = random.Random(SEED)
    async with TellingSchool(folder, SHORT.get(name, LONG)) as school:
        for _ in range(times):
            await FAULTS[name](school, chance)
            await school.all_told()
        came = (letter.message["Message-ID"] for letter in school.server.letters)
        return compared(school.raised, school.mails(), came)


def compared(raised: int, mails: Mapping[str, int], came: Iterable[str]) -> Told:
    """Of so many alerts *raised*, with their *mails* (Message-ID -> alert): what *came*, as Message-IDs."""
    times = Counter(came)
    told = {alert for mail, alert in mails.items() if times[mail]}
    often = list(times.values())
    return Told(raised, raised - len(told), often.count(2), sum(count > 2 for count in often))


def table(names: list[str], times: int) -> list[Row]:
    """Let each fault of *names* come about, print what was told, and return it."""
    rows: list[Row] = []
    if names:
        say(f"{'fault':18}{'times':>6}{'alerts':>9}{'never':>7}{'twice':>8}{'more':>7}{'seconds':>16}")
    for name in names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="schoolgate-faults-") as folder:
            found = asyncio.run(happens(name, Path(folder) / name, times))
        figures = f"{found.alerts:9,}{found.never:7}{found.twice:8}{found.more:7}{time.monotonic() - began:16.1f}"
        say(f"{name:18}{times:6}{figures}")
        rows += [Row(f"{name} {what}", float(figure), "alerts") for what, figure in found._asdict().items()]
    return rows
