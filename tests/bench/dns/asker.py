"""Runs the program asker.c, and reads the records that it writes: one for each question, lost ones too."""

import contextlib
import statistics
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.dns.ask import CLOSED_ADDRESS, NXDOMAIN, OPEN_ADDRESS, Answered
from tests.bench.dns.stage import LOAD_CORE, Stage, on

_RECORD = struct.Struct("=QQII")
_OPEN, _CLOSED = int.from_bytes(OPEN_ADDRESS), int.from_bytes(CLOSED_ADDRESS)


class Question(NamedTuple):
    """*name*, asked by the client with the number *client*, whose address is `address_of(client)`."""

    client: int
    name: str


class Record(NamedTuple):
    """What came of a question: *sent* on the monotonic clock and *took*, both in ns; 0 for no answer."""

    question: Question
    sent: int
    took: int
    said: Answered

    @property
    def came(self) -> int:
        """When the answer came, in ns on the monotonic clock."""
        return self.sent + self.took


class Heard(NamedTuple):
    """All *records* of a run, and how long the asker itself was away: turns over 1 ms, and the longest in us."""

    records: list[Record]
    delays: int
    longest_us: float


def address_of(client: int) -> str:
    """Where the client with this number asks from."""
    return f"127.1.{client // 250}.{client % 250 + 1}"


@contextlib.contextmanager
def asking(stage: Stage, port: int, asked: Sequence[Question], rate: float, count: int) -> Iterator["Asking"]:
    """*count* questions at *port* while the block runs and beyond; `Asking.heard` waits for their end."""
    questions, records = stage.folder / "asked", stage.folder / "records"
    questions.write_text("".join(f"{one.client} {one.name}\n" for one in asked), encoding="ascii")
    words = [str(port), str(rate), str(count), str(questions), str(records)]
    command = [stage.program("asker"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **on(LOAD_CORE)) as process:
        try:
            yield Asking(process, asked, records)
        finally:
            process.terminate()


class Asking(NamedTuple):
    """An asker at work."""

    process: subprocess.Popen[str]
    asked: Sequence[Question]
    file: Path

    def heard(self) -> Heard:
        """Everything that came back; RuntimeError if the asker failed."""
        said, _ = self.process.communicate()
        if self.process.returncode:
            raise RuntimeError(f"the asker ended with {self.process.returncode}")
        delays, longest = said.split()
        rows = enumerate(_RECORD.iter_unpack(self.file.read_bytes()))
        records = [
            Record(self.asked[number % len(self.asked)], sent, took, _said(took, address, code))
            for number, (sent, took, address, code) in rows
        ]
        return Heard(records, int(delays), float(longest))


def asked_all(stage: Stage, port: int, asked: Sequence[Question], rate: float, count: int) -> Heard:
    """*count* questions of *asked*, from its beginning again at its end; with *rate* 0 one at a time."""
    with asking(stage, port, asked, rate, count) as one:
        return one.heard()


def _said(took: int, address: int, code: int) -> Answered:
    if not took:
        return Answered.NOTHING
    if code == NXDOMAIN or (code == 0 and address == _CLOSED):
        return Answered.BLOCKED
    return Answered.OPEN if code == 0 and address == _OPEN else Answered.OTHER


def lost(records: Sequence[Record]) -> int:
    """How many had no answer."""
    return sum(not record.took for record in records)


def quantiles_us(records: Sequence[Record], *shares: float) -> list[float]:
    """The time of an answer in us that such *shares* of the answers did not exceed; 1 is the longest."""
    took = sorted(record.took for record in records if record.took) or [0]
    return [took[min(len(took) - 1, int(len(took) * share))] / 1000 for share in shares]


def median_us(records: Sequence[Record]) -> float:
    """The median time of an answer in us."""
    return statistics.median(record.took for record in records if record.took) / 1000
