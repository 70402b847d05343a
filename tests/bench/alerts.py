"""How soon somebody knows: from the blocked answer to the mail server's 250.

    python -m tests.bench.alerts [--urgent 500] [--rate 20] [--ordinary 2000]

A process writes breaches into a journal as a worker does: URGENT ones, each of another person, among ordinary ones.
This process takes them in, opens the alerts and sends the mails, with the database and the outbox that reporting has.
A third one is a mail server that answers at once. A breach's time is when it is on record, which is before its answer
is sent; the end is when the server has said 250, by the same clock. Prints a table and writes
build/bench/alerts.json.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting.alerts import Desk
from reporting.database import opened
from reporting.ingest import Ingest
from reporting.models import AlertBreachRow, BreachRow, OutboxRow
from reporting.notify import Outbox
from reporting.recorder import Recorder
from reporting.settings import ContactSettings, MailSettings
from tests.bench.report import Row, say, write
from tests.support.journals import SEED, breach, open_journal
from tests.support.smtp import smtp_sink

TICK = 0.05
CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")


def main() -> None:
    """Measure, print, write."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="schoolgate-alerts-") as folder:
        began, spent = time.monotonic(), time.process_time()
        waits, breaches = asyncio.run(_measured(Path(folder), options))
        share = (time.process_time() - spent) / (time.monotonic() - began)
    cuts = statistics.quantiles(waits, n=100)
    rows = [
        Row("URGENT breaches", len(waits), "breaches"),
        Row("ordinary breaches beside them", breaches - len(waits), "breaches"),
        Row("from blocked answer to 250, p50", cuts[49], "s"),
        Row("from blocked answer to 250, p99", cuts[98], "s", "2 s", 2 / cuts[98]),
        Row("the slowest", max(waits), "s"),
        Row("CPU of reporting meanwhile", share, "cores"),
        Row("processes that wanted a core meanwhile", os.getloadavg()[0], "processes"),
    ]
    for row in rows:
        say(f"{row.what:36} {row.value:>10,.3f} {row.unit}")
    write("alerts", rows, {}, waits)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urgent", type=int, default=500)
    parser.add_argument("--rate", type=int, default=20, help="URGENT breaches a second")
    parser.add_argument("--ordinary", type=int, default=2_000, help="ordinary breaches a second")
    return parser.parse_args()


async def _measured(folder: Path, options: argparse.Namespace) -> tuple[list[float], int]:
    """Seconds from each URGENT breach to its 250, and how many breaches there were."""
    spool = folder / "spool"
    spool.mkdir()
    start = multiprocessing.get_context("spawn")
    ours, theirs = start.Pipe()
    server = start.Process(target=_mail_server, args=(theirs,))
    server.start()
    address = await asyncio.to_thread(ours.recv)
    writer = start.Process(target=_written, args=(spool, options.urgent, options.rate, options.ordinary))
    writer.start()
    try:
        return await _told(folder, spool, address, options.urgent)
    finally:
        ours.send("end")
        for process in (writer, server):
            await asyncio.to_thread(process.join)


async def _told(folder: Path, spool: Path, address: tuple[str, int], urgent: int) -> tuple[list[float], int]:
    desk = Desk(contacts=CONTACTS, column=lambda profile: profile, write=lambda number, *_: (f"Alert {number}", "-"))
    mail = MailSettings(host=address[0], port=address[1], sender="gate@school.test")
    async with opened(folder / "database" / "school.db") as database:
        ingest, outbox = Ingest(database, spool, desk, unseal=lambda _: SEED), Outbox(database, mail, CONTACTS)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(ingest.run()), tasks.create_task(outbox.run())]
            while outbox.sent < urgent or ingest.lag:  # noqa: ASYNC110 - counts are for scrapes, nobody is told of them
                await asyncio.sleep(0.05)
            for one in running:
                one.cancel()
        sent = select(BreachRow.at_ns, OutboxRow.sent_ns).join(AlertBreachRow, AlertBreachRow.breach == BreachRow.id)
        async with database.reading() as session:
            rows = (await session.execute(sent.join(OutboxRow, OutboxRow.alert == AlertBreachRow.alert))).all()
    return [(told - at) / 1e9 for at, told in rows if told], sum(ingest.breaches.values())


def _written(spool: Path, urgent: int, rate: int, ordinary: int) -> None:
    """Write breaches at their rates; an URGENT one is synced before its time is taken, as before its answer."""
    with contextlib.closing(open_journal(spool, sealed_seed=b"sealed")) as journal:
        recorder = Recorder(journal)
        began, grave, number = time.monotonic(), 0, 0
        while grave < urgent:
            seconds = time.monotonic() - began
            while number < seconds * ordinary:
                number += 1
                address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
                recorder.first(number, breach(number, at_ns=time.time_ns(), address=address))
            while grave < min(urgent, seconds * rate):
                grave += 1
                _urgent(recorder, grave)
            recorder.sweep(2_000)
            time.sleep(TICK)
        recorder.flush()


def _urgent(recorder: Recorder, number: int) -> None:
    fields = {"severity": Severity.URGENT, "theme": "self-harm", "category": "self_harm", "person": number}
    recorder.journal.sync()
    recorder.first(
        ("urgent", number), breach(number, at_ns=time.time_ns(), address=f"10.200.0.{number & 255}", **fields)
    )


def _mail_server(pipe: Connection) -> None:
    async def serving() -> None:
        async with smtp_sink() as sink:
            pipe.send(sink.address)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(serving())


if __name__ == "__main__":
    main()
