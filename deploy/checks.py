"""What `--check` looks at beyond schoolgate.toml itself: the policy, the files that it names, what is in force.

Everything is read and nothing is changed. What the file by itself says wrongly is `config.problems`.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path

from blocklists import snapshot
from blocklists.clients import Clients
from blocklists.rulebook import Rulebook
from deploy import config, policy_file
from deploy.config import Settings
from deploy.toml_file import RefusedError


def check_profiles(settings: Settings, book: Rulebook) -> None:
    """RefusedError if a network has a profile that *book* does not know."""
    unknown = [
        f"{settings.file}: networks[{place}].profile: there is no profile {network.profile!r} in {settings.policy};"
        f" the profiles are {', '.join(book.profiles)}"
        for place, network in enumerate(settings.config.networks)
        if network.profile not in book.profiles
    ]
    if unknown:
        raise RefusedError(unknown)


def check_whole(settings: Settings) -> None:
    """RefusedError if the policy, a file that is named, or a network not in force stands in the way."""
    check_profiles(settings, policy_file.read(settings.policy))
    for look in (_unreadable, _no_certificates):
        if found := [f"{settings.file}: {problem}" for problem in look(settings)]:
            raise RefusedError(found)
    if waiting := list(not_in_force(settings)):
        raise RefusedError(waiting)


def _unreadable(settings: Settings) -> Iterator[str]:
    given = config.files_given(settings.config)
    keys = {key: settings.key_path(text) for key, text in given.items() if text}
    lists = {f"lists.{name}.file": settings.path(one.file) for name, one in settings.config.lists.items()}
    for key, path in {**keys, **lists}.items():
        yield from _file_problems(key, path)


def _file_problems(key: str, path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        yield f"{key}: there is no file {path}"
    except OSError as error:
        yield f"{key}: {path} cannot be read: {error.strerror}"


def _no_certificates(settings: Settings) -> Iterator[str]:
    """What is in the way of using files that can be read: certificates that are none, keys of another certificate."""
    given = {key: settings.key_path(text) for key, text in config.files_given(settings.config).items() if text}
    for one, other in (("proxy.ca_certificate", "proxy.ca_key"), ("reporting.tls_certificate", "reporting.tls_key")):
        if one in given and not _is_pair(given[one], given[other]):
            yield f"{other}: {given[other]} is not the key of {given[one]}; both are PEM, the key without a password"
    for key in ("proxy.upstream_ca", "reporting.mail.ca_file"):
        if key in given and not _holds_certificates(given[key]):
            yield f"{key}: {given[key]} holds no certificate (PEM)"


_NO_PASSWORD = ""
"""Without one, a key under a password would ask for it at the terminal."""


def _is_pair(certificate: Path, key: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _NO_PASSWORD)
    except ssl.SSLError:
        return False
    return True


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def not_in_force(settings: Settings) -> Iterator[str]:
    """One sentence if the networks that are answered are not those of the file."""
    try:
        in_force = snapshot.read(settings.files.clients, Clients).body.networks
    except (OSError, snapshot.SnapshotError):
        in_force = ()
    if in_force != settings.config.networks:
        yield f"{settings.file}: networks: these are not the networks in force; run schoolgate policy apply"
