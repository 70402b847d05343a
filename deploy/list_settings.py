"""Where lists come from, as schoolgate.toml says it: `[lists.NAME]` for a file, `[subscriptions.LABEL]` for a URL."""

import math
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from blocklists import stored
from blocklists.parse import Format


class ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a list comes from, if not from its own file in the folder of lists."""

    file: str
    """the list's file, relative to the folder of schoolgate.toml"""
    format: Format = Format.AUTO
    """its format; auto recognises it"""


class SubscriptionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list that is fetched; several may feed one list."""

    url: str
    """where it is fetched from, by http or https: a list, or a gzip, tar, tar.gz or zip of lists"""
    list: str = ""
    """the list of policy.toml that it feeds; empty only with a taxonomy"""
    format: Format = Format.AUTO
    """its format; auto recognises it"""
    member: str = ""
    """the file or folder inside the archive to use; empty: all of them"""
    taxonomy: str = ""
    """for an archive with a folder for each category of its author: whose names those are, such as ut1"""
    checksum_url: str = ""
    """where its md5, sha256 or sha512 sum is published; empty: none is compared"""
    ca_file: str = ""
    """certificates to trust besides the system's, as PEM; empty for none"""
    shrinks_to: float = 0.5
    """a new copy with fewer than this part of the rules in force is held back until it is accepted"""
    grows_to: float = 3.0
    """a new copy with more than this many times the rules in force is held back too, from 1000 rules up"""

    def problems(self, label: str) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        where = f"subscriptions.{label}"
        if not stored.LABEL.fullmatch(label):
            yield f"{where}: a label is letters, digits, - and _, 64 at most, as a folder is called by it"
        yield from _url_problems(f"{where}.url", self.url)
        if self.checksum_url:
            yield from _url_problems(f"{where}.checksum_url", self.checksum_url)
        if bool(self.list) == bool(self.taxonomy):
            yield f"{where}.list: name either the list that it feeds or, for an archive of categories, its taxonomy"
        if not 0 <= self.shrinks_to <= 1:
            yield f"{where}.shrinks_to: {self.shrinks_to} must be between 0 and 1"
        if not (self.grows_to >= 1 and math.isfinite(self.grows_to)):
            yield f"{where}.grows_to: {self.grows_to} must be 1 or more"

    @property
    def asked(self) -> str:
        """All that a copy depends on: one that was fetched for something else is no copy of this."""
        return f"{self.url}\n{self.list}\n{self.format}\n{self.member}\n{self.taxonomy}"


def _url_problems(where: str, text: str) -> Iterator[str]:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not text.isprintable() or " " in text:
        yield f"{where}: {text!r} is no web address; write for example https://lists.example.org/gambling.txt"
    elif parts.username is not None or parts.password is not None:
        yield f"{where}: a password in an address would be shown with it; ask the author for another way"
