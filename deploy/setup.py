"""First set-up: everything that a school's folder must hold before DNS and proxy can start.

Writes both configuration files, the keys, the interception CA, the lists, policy version 1, the first clients
snapshot and the starter index. It never overwrites: a folder that has any of these is refused and left as it was. When
a step fails, what the steps before it made is taken away again, so that the next `init` finds what this one found.
"""

import contextlib
import json
import os
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from blocklists import compile as compiler
from blocklists import defaults, new_file, parse, sealed, snapshot
from deploy import config, invitation, listing, machine_file, policy_file, shown, toml_file
from deploy.certificates import Authority
from reporting import seed

CA_CERTIFICATE = "ca.crt"
CA_KEY = "ca.key"
ENROLMENT = "enrolment"
PORTAL_KEY = "portal.key"
FIRST_ROLES = "technician"
"""The first account looks after the filter; the DSL and the headteacher are invited to accounts of their own."""


class Made(msgspec.Struct, frozen=True):
    """What `init` made. *token* is shown once and stored nowhere."""

    folder: Path
    token: str
    fingerprint: str
    entries: int


def init(
    folder: Path,
    school: str,
    machine: str | None = None,
    lists: Path | None = None,
    *,
    roles: str = FIRST_ROLES,
    shown_by: str = "",
) -> Made:
    """Set up *folder* for *school*; *machine* is the text of schoolgate.toml, *lists* a folder of other list files.

    *roles* are those of the first account. *shown_by* answers for it that everybody was shown the notice, if somebody
    does: without, no connection is opened (`deploy.shown`). Raises toml_file.RefusedError, before anything is written,
    if the folder already holds part of a set-up, if *school* is no plain text, or if *lists* has a file that is no
    list.
    """
    text = machine or machine_file.text()
    path = folder.resolve() / config.NAME
    settings = config.Settings(path, toml_file.parse(text, config.Config, str(path)))
    if found := [*config.problems(settings), *_name_problems(school), *_list_problems(lists), *_in_the_way(settings)]:
        raise toml_file.RefusedError([f"{folder}: {problem}; nothing was changed" for problem in found])
    with contextlib.ExitStack() as undo:
        made = _make(settings, folder, undo, school=school, text=text, lists=lists, roles=roles, shown_by=shown_by)
        undo.pop_all()
    return made


def _make(
    settings: config.Settings,
    folder: Path,
    undo: contextlib.ExitStack,
    *,
    school: str,
    text: str,
    lists: Path | None,
    roles: str,
    shown_by: str,
) -> Made:
    """Make everything, and leave with *undo* how each file and folder outside another new one is taken away."""
    _make_folder(folder, undo)
    _write_text(settings.file, text, undo)  # the first file, and a new one: of two at once, the second changes nothing
    _write_text(settings.policy, policy_file.default_text(school), undo)
    _make_folders(settings, undo)
    token = _make_keys(settings, roles)
    _copy_lists(settings, lists, undo)
    authority = _make_authority(settings, school)
    book = policy_file.read(settings.policy)
    if shown_by:
        shown.note(settings, book, book.profiles, shown_by)
    policy_file.apply(book, settings)
    write_clients(settings)
    built = listing.compile_lists(settings, accepted=frozenset(defaults.list_files()), builder=compiler.build)
    return Made(folder=folder, token=token, fingerprint=authority.fingerprint(), entries=built.index.manifest.entries)


def _name_problems(school: str) -> Iterator[str]:
    if any(unicodedata.category(c) in _NO_TEXT for c in school):
        yield f"--school: {school!r} has a line break, a control character or half of a character in it"


_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, surrogates and line and paragraph separators: no name has them, TOML and
certificates cannot carry them all, and a terminal obeys some."""


def _in_the_way(settings: config.Settings) -> Iterator[str]:
    """What stands where this set-up would write; a symlink that leads nowhere too, as it would be written through."""
    paths = settings.config.paths
    new = (config.NAME, paths.policy, paths.keys, paths.state, paths.spool)
    files = [f"{paths.lists}/{name}.txt" for name in defaults.list_files()]
    folders = (paths.lists, paths.run)
    found = [
        *(name for name in new if os.path.lexists(settings.folder / name)),
        *(name for name in files if _is_other(settings.folder / name, Path.is_file)),
        *(name for name in folders if _is_other(settings.folder / name, Path.is_dir)),
    ]
    if found:
        yield f"already holds {', '.join(found)}"


def _is_other(path: Path, wanted: Callable[[Path], bool]) -> bool:
    return os.path.lexists(path) and not wanted(path)


def _make_folder(folder: Path, undo: contextlib.ExitStack) -> None:
    """Make *folder* and the parents that it lacks."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir()
        undo.callback(_remove_empty, one)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody put something in, which is not ours to take away
        folder.rmdir()


def _write_text(path: Path, text: str, undo: contextlib.ExitStack) -> None:
    new_file.write_new(path, text.encode(), mode=0o644)
    undo.callback(path.unlink, missing_ok=True)


def write_clients(settings: config.Settings) -> None:
    """Write the clients snapshot from the configured networks."""
    now = time.time_ns()
    snapshot.write(settings.files.clients, settings.clients, version=now, written_ns=now)


def _make_folders(settings: config.Settings, undo: contextlib.ExitStack) -> None:
    for folder, mode in ((settings.files.state, 0o755), (settings.files.spool, 0o770), (settings.files.keys, 0o700)):
        _make_folder(folder.parent, undo)
        folder.mkdir(mode=0o700)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        snapshot.share(folder, mode)
    _make_folder(settings.run, undo)


def _make_keys(settings: config.Settings, roles: str) -> str:
    keys = settings.files.keys
    sealed.new_key(settings.files.sealing_key)
    seed.new_keys(keys / "journal.key", keys / "journal.pub")
    new_file.write_new(keys / PORTAL_KEY, secrets.token_bytes(32))
    token, digest = invitation.new_token()
    new_file.write_new(keys / ENROLMENT, json.dumps({"token_sha256": digest, "role": roles}).encode() + b"\n")
    return token


def _list_problems(folder: Path | None) -> Iterator[str]:
    known = {f"{name}.txt" for name in defaults.list_files()}
    if strange := sorted(p.name for p in folder.iterdir() if p.name not in known) if folder else []:
        yield f"--lists: {folder}: {', '.join(strange)} is none of the lists {', '.join(sorted(known))}"


def _copy_lists(settings: config.Settings, other: Path | None, undo: contextlib.ExitStack) -> None:
    folder = settings.path(settings.config.paths.lists)
    _make_folder(folder, undo)
    for name, shipped in defaults.list_files().items():
        given = other / f"{name}.txt" if other else shipped
        target = folder / f"{name}.txt"
        if not target.exists():
            undo.callback(target.unlink, missing_ok=True)
            shutil.copyfile(given if given.exists() else shipped, target)


def _make_authority(settings: config.Settings, school: str) -> Authority:
    authority = Authority.new(f"{school} web filter", never=never_opened())
    authority.write(settings.files.keys / CA_CERTIFICATE, settings.files.keys / CA_KEY)
    return authority


def never_opened() -> set[str]:
    """Names that the school's certificate must not be able to sign for: helplines and essential services (G19)."""
    files = defaults.list_files()
    return {name for listed in ("always-open", "essential") for name in parse.parse_file(files[listed]).names}
