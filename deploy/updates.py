"""`schoolgate lists update`: every subscription is fetched, several at once, and what has changed is put in force.

One that fails is told and leaves the others and its own last good copy alone. What is done here may end at any moment:
see `deploy.store`.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from blocklists import archive, fetch, stored
from blocklists.stored import Copy, DamagedMetaError, Meta
from deploy import contents, copies, judgement, store
from deploy.config import Settings
from deploy.copies import Arrival, Outcome, State
from deploy.judgement import Ratios
from deploy.list_settings import SubscriptionSettings
from deploy.progress import Bars

log = logging.getLogger("schoolgate.command")

AT_ONCE = 4
"""Lists under way at one time: a school's line is filled by fewer, and an author's server is asked by one."""

ONLY = "list"
"""What a list is called that came as itself, not in an archive."""

type ListFor = Callable[[str, str], str | None]
"""Which list a category feeds, by the taxonomy's name and the category's."""


class StoppedError(Exception):
    """The command was ended while a list was being unpacked or read."""


class Update:
    """One run of the command; *lists* are those of policy.toml."""

    def __init__(self, settings: Settings, lists: Iterable[str], list_for: ListFor, bars: Bars, *, force: bool) -> None:
        """Nothing has been fetched yet; with *force* everything is, whether it changed or not."""
        self.settings, self.lists, self.list_for, self.bars, self.force = settings, set(lists), list_for, bars, force
        self._stop = threading.Event()

    async def run(self, labels: Iterable[str]) -> list[Outcome]:
        """Fetch the subscriptions *labels*; what became of each, in this order."""
        places = asyncio.Semaphore(AT_ONCE)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._in_turn(label, places)) for label in labels]
        except asyncio.CancelledError:
            self._stop.set()  # a thread that reads a list cannot be cancelled, and would be waited for
            raise
        return [task.result() for task in running]

    async def _in_turn(self, label: str, places: asyncio.Semaphore) -> Outcome:
        async with places:
            outcome = await self._one(label, self.settings.config.subscriptions[label])
            self.bars.ended(label, outcome.state)
            return outcome

    async def _one(self, label: str, subscription: SubscriptionSettings) -> Outcome:
        outcome = await self._tried(label, subscription)
        with contextlib.suppress(OSError):
            if outcome.state is State.FAILED:
                self._note_failure(label, subscription, outcome.why)
            store.tidy(self.settings.files, label)  # not after a cancellation: a thread may still be at work there
        return outcome

    async def _tried(self, label: str, subscription: SubscriptionSettings) -> Outcome:
        """What became of *label*, whatever its server, its content or a mistake of ours raises: the others go on."""
        try:
            return await self._fetched(label, subscription)
        except StoppedError:
            raise
        except (fetch.FetchError, archive.BadArchiveError, contents.NothingError, OSError) as error:
            return Outcome(label, State.FAILED, copies.sentence(error, self.settings.files.lists))
        except Exception as error:  # its words may quote what came from outside
            log.debug("This is where %s failed:", label, exc_info=True)
            return Outcome(label, State.FAILED, f"it could not be taken ({type(error).__name__})")

    async def _fetched(self, label: str, subscription: SubscriptionSettings) -> Outcome:
        meta = store.known(self.settings.files, label)
        meta = replace(meta, since_ns=meta.since_ns or time.time_ns())
        if subscription.list and subscription.list not in self.lists:
            raise contents.NothingError(f"feeds the list {subscription.list!r}, which policy.toml does not have")
        newest = meta.newest if meta.asked == subscription.asked and not self.force else None
        content = store.new_folder(self.settings.files, meta.label)
        download = content.with_name(f".{content.name}")
        found = await fetch.fetch(self._wanted(subscription, newest), download, self._came(meta.label))
        if newest and (found is None or found.sha256 == newest.sha256):
            return self._unchanged(meta, newest, found)
        assert found, "only what is at hand can be the newest"
        return await asyncio.to_thread(self._take, meta, subscription, content, found)

    def _wanted(self, subscription: SubscriptionSettings, newest: Copy | None) -> fetch.Wanted:
        return fetch.Wanted(
            url=subscription.url,
            etag=newest.etag if newest else "",
            last_modified=newest.last_modified if newest else "",
            checksum_url=subscription.checksum_url,
            ca_file=self.settings.path(subscription.ca_file) if subscription.ca_file else None,
        )

    def _came(self, label: str) -> fetch.Progress:
        return lambda done, of: self.bars.fetching(label, done, of)

    def _unchanged(self, meta: Meta, newest: Copy, found: fetch.Fetched | None) -> Outcome:
        """Note that *newest* is still what the author publishes; it may be the one that is held back."""
        if found:
            newest = replace(newest, etag=found.etag, last_modified=found.last_modified)
        if meta.held:
            store.note(self.settings.files, replace(meta, held=newest, problem=""))
            return Outcome(meta.label, State.HELD, meta.why_held, newest)
        now = time.time_ns()
        store.note(self.settings.files, replace(meta, current=newest, problem="", checked_ns=now))
        return Outcome(meta.label, State.UNCHANGED, "", newest)

    def _take(self, meta: Meta, subscription: SubscriptionSettings, content: Path, found: fetch.Fetched) -> Outcome:
        """Unpack and read what came, and put it in force or hold it back; this runs in a thread."""
        download = content.with_name(f".{content.name}")
        unpacked = archive.unpack(download, content, ONLY, step=self._ask)
        download.unlink()
        copy = Copy(
            stamp=content.name,
            origin=subscription.url,
            fetched_ns=time.time_ns(),
            sha256=found.sha256,
            etag=found.etag,
            last_modified=found.last_modified,
            links=unpacked.links,
        )
        meta = replace(meta, asked=subscription.asked, list=subscription.list)
        arrival = Arrival(meta, copy, content, self._contents(subscription, content, unpacked.files))
        ratios = Ratios(subscription.shrinks_to, subscription.grows_to)
        return copies.take(self.settings.files, arrival, ratios, self._step(meta.label))

    def _contents(
        self, subscription: SubscriptionSettings, content: Path, files: tuple[PurePosixPath, ...]
    ) -> contents.Contents:
        if subscription.list:
            return contents.of_one_list(files, subscription.list, subscription.format, subscription.member)
        if len(files) == 1 and judgement.is_page(content / files[0]):
            raise contents.NothingError("is a web page (HTML) and no archive")
        below = tuple(contents.below(files, subscription.member))
        return contents.of_categories(below, partial(self.list_for, subscription.taxonomy), self.lists)

    def _step(self, label: str) -> Callable[[int], None]:
        def step(lines: int) -> None:
            self._ask()
            self.bars.reading(label, lines)

        return step

    def _ask(self) -> None:
        """End the thread that asks, if the command was ended."""
        if self._stop.is_set():
            raise StoppedError

    def _note_failure(self, label: str, subscription: SubscriptionSettings, why: str) -> None:
        """Leave the last good copy as it is, and say why there is no newer one; on a full disk nothing can be said.

        Nor where its meta.json is damaged: a new one would name no copy, and what no file names is removed.
        """
        with contextlib.suppress(OSError, DamagedMetaError):
            meta = stored.read(self.settings.files.lists / label)
            store.note(
                self.settings.files,
                replace(
                    meta,
                    asked=meta.asked or subscription.asked,
                    list=meta.list or subscription.list,
                    since_ns=meta.since_ns or time.time_ns(),
                    problem=why,
                ),
            )


def update(
    settings: Settings,
    labels: Iterable[str],
    lists: Iterable[str],
    list_for: ListFor,
    bars: Bars,
    *,
    force: bool = False,
) -> list[Outcome]:
    """Fetch the subscriptions *labels*, for the *lists* of policy.toml; with *force* those too that did not change.

    RefusedError if another command is changing the lists. Nothing is compiled.
    """
    with store.changing(settings.files):
        return asyncio.run(Update(settings, lists, list_for, bars, force=force).run(labels))
