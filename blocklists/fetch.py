"""A file over HTTP into a folder of ours: only if it changed, within bounds, tried again where that may help.

The bytes are stored as they came, packed as the server packed them; `blocklists.archive` unpacks them. Nothing a server
says is repeated in a message but numbers, and nothing is held whole in memory.
"""

import asyncio
import contextlib
import hashlib
import http.cookiejar
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from blocklists import archive, checksum, peer
from blocklists.fetch_error import FetchError, PassingError, refuse_status, said
from blocklists.redirect import RedirectError, next_url

__all__ = ["FetchError", "Fetched", "Patience", "Wanted", "fetch"]

NAME = "schoolgate-lists"
"""What servers read of us."""
LONGEST_VALUE = 512
"""Characters of an ETag or a date that are kept to be sent back; an honest one has less than a hundred."""
LARGEST_SUMS = 1_000_000
"""Bytes of a file of checksums: about 15,000 lines."""

type Progress = Callable[[int, int | None], None]
"""Hears how many bytes came, and of how many if the server says so."""


class Wanted(msgspec.Struct, frozen=True):
    """What to fetch. *etag* and *last_modified* are those of the copy at hand; *ca_file* is trusted besides."""

    url: str
    etag: str = ""
    last_modified: str = ""
    checksum_url: str = ""
    ca_file: Path | None = None


class Fetched(msgspec.Struct, frozen=True):
    """A file that came: its digest (hexadecimal), and by what the server knows it again."""

    sha256: str
    etag: str = ""
    last_modified: str = ""


class Patience(msgspec.Struct, frozen=True):
    """How long and how much: seconds to connect, of silence, and of one try; bytes; tries; seconds between tries."""

    connect: float = 10.0
    silence: float = 30.0
    whole: float = 1800.0
    bytes: int = 1_000_000_000
    tries: int = 3
    pause: float = 2.0
    longest_pause: float = 60.0


PATIENCE = Patience()


async def fetch(
    wanted: Wanted,
    target: Path,
    progress: Progress = lambda _done, _of: None,
    patience: Patience = PATIENCE,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Fetched | None:
    """Write what *wanted* names to *target*; None if the copy at hand is still the newest.

    FetchError says why it cannot be had, OSError that it cannot be written; *target* may then hold a part of it.
    """
    async with httpx.AsyncClient(
        verify=_trust(wanted.ca_file),
        timeout=httpx.Timeout(patience.silence, connect=patience.connect),
        headers={"User-Agent": NAME, "Accept-Encoding": "gzip"},
        cookies=_NoCookies(),
        follow_redirects=False,
    ) as client:
        for tried in range(1, patience.tries + 1):
            try:
                return await _in_time(_once(client, wanted, target, progress, patience), patience.whole)
            except PassingError as error:
                if tried == patience.tries or (error.wait or 0) > patience.longest_pause:
                    raise FetchError(f"{error} ({_counted(tried)})") from error
                await wait(_pause(tried, patience) if error.wait is None else error.wait)
    raise AssertionError  # pragma: no cover - the last try returns or raises


class _NoCookies(http.cookiejar.CookieJar):
    """Keeps nothing that a server sets: a list needs no session, and what cannot be sent would end the next try."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them all."""


async def _in_time(trying: Awaitable[Fetched | None], seconds: float) -> Fetched | None:
    try:
        async with asyncio.timeout(seconds):
            return await trying
    except TimeoutError:
        raise FetchError(f"it was not there whole after {seconds:g} s") from None


def _pause(tried: int, patience: Patience) -> float:
    """Seconds until the next try: anything up to a bound that doubles, so that many gateways do not come at once."""
    return random.uniform(0, min(patience.longest_pause, patience.pause * 2**tried))  # noqa: S311 - no secret


def _counted(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError:
            raise FetchError(f"{ca_file} holds no certificate (PEM)") from None
        except OSError as error:
            raise FetchError(f"{ca_file}: {error.strerror}") from None
    return context


async def _once(
    client: httpx.AsyncClient, wanted: Wanted, target: Path, progress: Progress, patience: Patience
) -> Fetched | None:
    known = {"If-None-Match": wanted.etag, "If-Modified-Since": wanted.last_modified}
    asked = {name: value for name, value in known.items() if value}
    async with _answer(client, wanted.url, asked) as response:
        if response.status_code == HTTPStatus.NOT_MODIFIED and asked:
            return None
        refuse_status(response)
        packed = _packed(response)
        sha256 = await _save(response, target, progress, patience.bytes)
        found = Fetched(sha256, _kept(response, "etag"), _kept(response, "last-modified"))
    if wanted.checksum_url:
        await _verify(client, wanted, target, packed=packed)
    return found


@contextlib.asynccontextmanager
async def _answer(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """The answer to a question for *url*, after redirects; one from the outside leads nowhere inside."""
    seen: list[str] = [url]
    held_to: dict[str, Any] = {}
    while True:
        with said():
            request = client.build_request("GET", seen[-1], headers=headers, extensions=held_to)
            response = await client.send(request, stream=True)
        try:
            if not response.has_redirect_location:
                with said():
                    yield response
                return
            if len(seen) == 1 and not peer.is_inside(response.extensions["network_stream"]):
                held_to = {"trace": peer.refuse_inside}
            seen.append(next_url(seen, response.headers["location"]))
        except RedirectError as error:
            raise FetchError(str(error)) from None
        finally:
            await response.aclose()


def _packed(response: httpx.Response) -> bool:
    """Whether the server packed the file for the way; FetchError if in a way that was not offered."""
    encodings = {word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")}
    if not encodings <= {"", "identity", "gzip", "x-gzip"}:
        raise FetchError("the server packs the file in a way that was not asked for")
    return bool(encodings & {"gzip", "x-gzip"})


async def _save(response: httpx.Response, target: Path, progress: Progress, most: int) -> str:
    """Write the body to *target* as it comes; returns its digest."""
    length = response.headers.get("content-length", "")
    expected, come, digest = int(length[:15]) if length.isascii() and length.isdigit() else None, 0, hashlib.sha256()
    with target.open("wb") as file:
        if (expected or 0) > most:
            raise FetchError(f"the file is larger than {most:,} bytes")
        async for piece in response.aiter_raw():
            come += len(piece)
            if come > most:
                raise FetchError(f"the file is larger than {most:,} bytes")
            file.write(piece)
            digest.update(piece)
            progress(come, expected)
    return digest.hexdigest()


def _kept(response: httpx.Response, name: str) -> str:
    value: str = response.headers.get(name, "")
    return value if len(value) <= LONGEST_VALUE and value.isascii() and value.isprintable() else ""


async def _verify(client: httpx.AsyncClient, wanted: Wanted, path: Path, *, packed: bool) -> None:
    """Compare the file at *path* with its published sum; a file *packed* for the way may have been summed before."""
    try:
        text = await _small(client, wanted.checksum_url)
        expected = checksum.published(text, PurePosixPath(urlsplit(wanted.url).path).name)
    except FetchError as error:
        raise type(error)(f"the checksum could not be had: {error}") from error
    except checksum.ChecksumError as error:
        raise FetchError(str(error)) from error
    sums = await asyncio.to_thread(_sums, path, expected.algorithm, packed=packed)
    if expected.digits not in sums:
        says = f"its {expected.algorithm} sum is not the published one: it was damaged, or is just being replaced"
        raise PassingError(says)


async def _small(client: httpx.AsyncClient, url: str) -> str:
    """The text of a small file."""
    content = b""
    async with _answer(client, url, {"Accept-Encoding": "identity"}) as response:
        refuse_status(response)
        async for piece in response.aiter_raw():
            content += piece
            if len(content) > LARGEST_SUMS:
                raise FetchError(f"it is larger than {LARGEST_SUMS:,} bytes")
    return content.decode("utf-8", "replace")


def _sums(path: Path, algorithm: str, *, packed: bool) -> set[str]:
    with path.open("rb") as file:
        sums = {hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()}
    if packed:
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with contextlib.suppress(archive.BadArchiveError):  # which is said when it is unpacked
            for piece in archive.gunzipped(path):
                digest.update(piece)
            sums.add(digest.hexdigest())
    return sums
