"""Whose users were shown the notice: until a profile's were, none of their connections is opened (G13).

What is recorded is what the notice said of the profile. When the policy changes that, so that more is opened or looked
at or kept, or less, they are to be shown it again. The record only grows; a person answers for each line.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from blocklists.profile import Profile
from blocklists.rulebook import Rulebook
from deploy import notice, record_file
from deploy.config import Settings
from deploy.toml_file import RefusedError

NAME = "notice.shown"
"""The record, beside schoolgate.toml."""
_DIGEST = 8
"""Bytes: nobody gains by finding another notice with the same."""


class Line(msgspec.Struct, frozen=True):
    """A line of the record, without what nobody reads again."""

    profile: str
    notice: str


def digest(profile: Profile) -> str:
    """What stands for what the notice says of *profile*."""
    said = "\n".join(notice.says(profile))
    return hashlib.blake2b(said.encode(), digest_size=_DIGEST).hexdigest()


def note(settings: Settings, book: Rulebook, profiles: Iterable[str], by: str) -> None:
    """Put on record that the users of *profiles* were shown what the notice says of them, as *by* answers for.

    RefusedError if *by* is no name, or one of *profiles* none of *book*'s; then nothing is recorded.
    """
    name, profiles = record_file.name_of("--by", by), list(profiles)
    if unknown := [one for one in profiles if one not in book.profiles]:
        there = ", ".join(book.profiles)
        raise RefusedError([f"--shown: {one!r} is no profile; there are {there}" for one in unknown])
    for one in profiles:
        what: dict[str, str | int] = {"by": name, "profile": one, "notice": digest(book.profiles[one])}
        record_file.append(settings.folder / NAME, what, mode=0o644)


def unshown(settings: Settings, book: Rulebook) -> tuple[str, ...]:
    """The profiles of *book* whose connections would be opened, and whose users were not shown its notice as it is.

    A line that cannot be read counts for nothing. OSError if the record cannot be read.
    """
    seen = set(_lines(settings))
    return tuple(name for name, one in book.profiles.items() if one.certificate and Line(name, digest(one)) not in seen)


def _lines(settings: Settings) -> Iterable[Line]:
    try:
        text = (settings.folder / NAME).read_bytes()
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield msgspec.json.decode(line, type=Line)
        except msgspec.DecodeError:
            continue


def without_them(settings: Settings, book: Rulebook) -> Rulebook:
    """*book* as it may be put in force: without the certificate for whoever was not shown the notice."""
    closed = {name: book.profiles[name].unopened() for name in unshown(settings, book)}
    return msgspec.structs.replace(book, profiles=book.profiles | closed) if closed else book
