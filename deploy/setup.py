"""First set-up: everything that a school's folder must hold before DNS and proxy can start.

Writes both configuration files, the keys, the interception CA, the lists, policy version 1, the first clients
snapshot and the starter index. It never overwrites: a folder that has any of these is refused and left as it was.
"""

import json
import shutil
import time
from pathlib import Path

import msgspec

from blocklists import defaults, parse, sealed, snapshot
from deploy import config, invitation, listing, machine_file, policy_file, toml_file
from deploy.certificates import Authority, write_private
from reporting import seed

CA_CERTIFICATE = "ca.crt"
CA_KEY = "ca.key"
ENROLMENT = "enrolment"
FIRST_ROLES = "technician"
"""The first account looks after the filter; the DSL and the headteacher are invited to accounts of their own."""


class Made(msgspec.Struct, frozen=True):
    """What `init` made. *token* is shown once and stored nowhere."""

    folder: Path
    token: str
    fingerprint: str
    entries: int


def init(
    folder: Path, school: str, machine: str | None = None, lists: Path | None = None, roles: str = FIRST_ROLES
) -> Made:
    """Set up *folder* for *school*; *machine* is the text of schoolgate.toml, *lists* a folder of other list files.

    *roles* are those of the first account. Raises toml_file.RefusedError if the folder already holds part of a set-up,
    or if *lists* has a file that is no list.
    """
    if present := [name for name in ("schoolgate.toml", "policy.toml", "keys", "state") if (folder / name).exists()]:
        raise toml_file.RefusedError([f"{folder}: already holds {', '.join(present)}; nothing was changed"])
    _check_lists(lists)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / config.NAME).write_text(machine or machine_file.text(), encoding="utf-8")
    (folder / "policy.toml").write_text(policy_file.default_text(school), encoding="utf-8")
    settings = config.load(folder / config.NAME)
    _make_folders(settings)
    token = _make_keys(settings, roles)
    _copy_lists(settings, lists)
    authority = _make_authority(settings, school)
    policy_file.apply(policy_file.read(settings.policy), settings.files)
    write_clients(settings)
    build, _ = listing.compile_lists(settings, accepted=frozenset(defaults.list_files()))
    entries = msgspec.json.decode((build / "manifest.json").read_bytes())["entries"]
    return Made(folder=folder, token=token, fingerprint=authority.fingerprint(), entries=entries)


def write_clients(settings: config.Settings) -> None:
    """Write the clients snapshot from the configured networks."""
    now = time.time_ns()
    snapshot.write(settings.files.clients, settings.clients, version=now, written_ns=now)


def _make_folders(settings: config.Settings) -> None:
    for folder, mode in ((settings.files.state, 0o755), (settings.files.spool, 0o770), (settings.files.keys, 0o700)):
        folder.mkdir(parents=True, mode=0o700)
        snapshot.share(folder, mode)
    settings.run.mkdir(parents=True, exist_ok=True)


def _make_keys(settings: config.Settings, roles: str) -> str:
    keys = settings.files.keys
    sealed.new_key(settings.files.sealing_key)
    seed.new_keys(keys / "journal.key", keys / "journal.pub")
    token, digest = invitation.new_token()
    write_private(keys / ENROLMENT, json.dumps({"token_sha256": digest, "role": roles}).encode() + b"\n")
    return token


def _check_lists(folder: Path | None) -> None:
    known = {f"{name}.txt" for name in defaults.list_files()}
    if strange := sorted(p.name for p in folder.iterdir() if p.name not in known) if folder else []:
        raise toml_file.RefusedError(
            [f"{folder}: {', '.join(strange)} is none of the lists {', '.join(sorted(known))}"]
        )


def _copy_lists(settings: config.Settings, other: Path | None) -> None:
    folder = settings.path(settings.config.paths.lists)
    folder.mkdir(parents=True, exist_ok=True)
    for name, shipped in defaults.list_files().items():
        given = other / f"{name}.txt" if other else shipped
        target = folder / f"{name}.txt"
        if not target.exists():
            shutil.copyfile(given if given.exists() else shipped, target)


def _make_authority(settings: config.Settings, school: str) -> Authority:
    authority = Authority.new(f"{school} web filter", never=never_opened())
    authority.write(settings.files.keys / CA_CERTIFICATE, settings.files.keys / CA_KEY)
    return authority


def never_opened() -> set[str]:
    """Names that the school's certificate must not be able to sign for: helplines and essential services (G19)."""
    files = defaults.list_files()
    return {name for listed in ("always-open", "essential") for name in parse.parse_file(files[listed]).names}
