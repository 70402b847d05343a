"""A database's server whose packets vanish from one moment to the next: run in a network namespace of its own.

Prints, as JSON, what both sides made of it.
"""

import asyncio
import json
import subprocess
import sys
import time

from sqlalchemy import select

from reporting import database_server, reach
from reporting.database import Database, as_url, opened
from reporting.models import AccountRow
from reporting.reach import AwayError
from tests.support import postgres

HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
CUT = (
    "add table ip cut",
    "add chain ip cut in { type filter hook input priority 0; }",
    "add rule ip cut in tcp dport 5432 drop",
    "add rule ip cut in tcp sport 5432 drop",
)


def hurry() -> None:
    """Let what takes half a minute take two seconds."""
    database_server._ALIVE = tuple((option, 2_000 if value > 1_000 else 1) for option, value in database_server._ALIVE)
    for name, value in database_server._ALIVE_THERE.items():
        database_server._ALIVE_THERE[name] = "2000" if int(value) > 1_000 else "1"
    reach.FIRST, reach.LONGEST = 0.1, 0.5
    database_server.CONNECT = 1.0


def nft(*lines: str) -> None:
    for line in lines:
        subprocess.run(["nft", *line.split(" ")], check=True)


async def add(database: Database, name: str) -> None:
    async with database.writing() as session:
        session.add(AccountRow(name=name, roles="dsl", password_hash="x", created_ns=1))


async def waits(database: Database, name: str) -> float:
    """Seconds until writing says that the server is away."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(100):
            await add(database, name)
    except AwayError:
        return time.monotonic() - begun
    raise AssertionError("nothing was cut")


async def main() -> None:
    hurry()
    with postgres.running("fsync=off", "listen_addresses=127.0.0.1") as own:
        name = as_url(own.new()).database
        async with opened(f"{database_server.DRIVER}://schoolgate@127.0.0.1/{name}") as database, asyncio.timeout(150):
            await add(database, "before")
            held = own.say(HELD)
            nft(*CUT)
            noticed = await waits(database, "meanwhile")
            at_once = await waits(database, "meanwhile")
            while own.say(HELD) != "0":  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.1)
            nft("delete table ip cut")
            while True:
                try:
                    await add(database, "after")
                    break
                except AwayError:
                    await asyncio.sleep(0.1)
            async with database.reading() as session:
                names = list(await session.scalars(select(AccountRow.name).order_by(AccountRow.id)))
            told = {"held": held, "noticed": noticed, "at_once": at_once, "names": names, "lost": database.reach.times}
            sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
