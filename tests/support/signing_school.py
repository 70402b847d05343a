"""A signer of a school, in the test's own loop, and a worker's leaves that ask it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from blocklists.rulebook import ListUse, Role
from proxy_addons import signer, signing
from proxy_addons.settings import ProxySettings
from proxy_addons.signing import Answer, Ask
from tests.support.proxy_school import School, rulebook


@contextlib.asynccontextmanager
async def signing_for(school: School, *, rate: float = signer.RATE) -> AsyncIterator[Path]:
    """The socket of a signer of *school*, for as long as the context lasts."""
    path = school.folder / "signer.sock"
    settings = ProxySettings(
        ca_certificate=str(school.ca), ca_key=str(school.folder / "keys" / "ca.key"), signer=str(path)
    )
    ready = asyncio.Event()
    serving = asyncio.create_task(signer.serve(settings, school.files, ready=lambda _: ready.set(), rate=rate))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if serving.done():
            serving.result()
        yield path
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def asked(path: Path, ask: Ask) -> Answer:
    """What the signer at *path* answers to *ask*."""
    reader, writer = await signing.connected(path)
    signing.send(writer, ask)
    try:
        return await signing.receive(reader, Answer)
    finally:
        writer.close()


def never_open(school: School, name: str) -> None:
    """Have the policy say that the list *name* of *school* is of what is never opened."""
    book = rulebook()
    lists = book.lists | {name: ListUse(Role.ALWAYS_OPEN)}
    school.write_policy(msgspec.structs.replace(book, lists=lists), version=2)
