"""The files that settings name: whether each is there and is what its setting says, one sentence each.

They are loaded as the process that uses them would load them, and nothing of them is kept. A file in the folder of keys
is one that systemd hands to a process as a credential; one that no unit loads is missing there, and only there.
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from deploy.config import CREDENTIALS, Settings


def dns_problems(settings: Settings) -> Iterator[str]:
    """What keeps the DNS filter from trusting its resolvers."""
    yield from _trust_problems(settings, "dns.upstream_ca", settings.config.dns.upstream_ca)


def signer_problems(settings: Settings) -> Iterator[str]:
    """What keeps the signer from using the school's interception certificate."""
    proxy = settings.config.proxy
    yield from _pair_problems(settings, ("proxy.ca_certificate", proxy.ca_certificate), ("proxy.ca_key", proxy.ca_key))


def closed_problems(settings: Settings) -> Iterator[str]:
    """What keeps the closed address from signing its pages' links."""
    proxy = settings.config.proxy
    if proxy.portal_url:
        yield from _missing(settings, "proxy.portal_key", proxy.portal_key)


def proxy_problems(settings: Settings) -> Iterator[str]:
    """What keeps a worker from trusting servers, signing links, and using another proxy."""
    given = settings.config.proxy
    yield from closed_problems(settings)
    yield from _trust_problems(settings, "proxy.upstream_ca", given.upstream_ca)
    if not given.upstream_credentials:
        return
    key, path = "proxy.upstream_credentials", settings.key_path(given.upstream_credentials)
    yield from (missing := list(_missing(settings, key, given.upstream_credentials)))
    if not missing and b":" not in path.read_bytes():
        yield f"{key}: {path} holds no name and password; write name:password"


def pages_problems(settings: Settings) -> Iterator[str]:
    """What keeps the staff pages from using their certificate."""
    given = settings.config.reporting
    if given.tls_certificate:
        certificate = ("reporting.tls_certificate", given.tls_certificate)
        yield from _pair_problems(settings, certificate, ("reporting.tls_key", given.tls_key))


def database_problems(settings: Settings) -> Iterator[str]:
    """What keeps reporting from a database on a server."""
    server = settings.config.reporting.server
    yield from _trust_problems(settings, "reporting.server.ca_file", server.ca_file)
    yield from _password_problems(settings, "reporting.server.password_file", server.password_file)


def mail_problems(settings: Settings) -> Iterator[str]:
    """What keeps mail from being sent."""
    mail = settings.config.reporting.mail
    yield from _trust_problems(settings, "reporting.mail.ca_file", mail.ca_file)
    yield from _password_problems(settings, "reporting.mail.password_file", mail.password_file)


def _password_problems(settings: Settings, key: str, text: str) -> Iterator[str]:
    if not text:
        return
    path = settings.key_path(text)
    yield from (missing := list(_missing(settings, key, text)))
    if not missing and not path.read_bytes().strip():
        yield f"{key}: {path} holds no password"


def channel_problems(settings: Settings) -> Iterator[str]:
    """What keeps alerts from going out by other ways than mail."""
    for name, channel in settings.config.reporting.channels.items():
        key, path = f"reporting.channels.{name}.url_file", settings.key_path(channel.url_file)
        yield from (missing := list(_missing(settings, key, channel.url_file)))
        if not missing and not path.read_bytes().strip():
            yield f"{key}: {path} holds no address of a channel"


def lists_problems(settings: Settings) -> Iterator[str]:
    """What keeps a subscription from trusting the server that it names."""
    for label, one in settings.config.subscriptions.items():
        yield from _trust_problems(settings, f"subscriptions.{label}.ca_file", one.ca_file)


def _pair_problems(settings: Settings, certificate: tuple[str, str], key: tuple[str, str]) -> Iterator[str]:
    """What is wrong with a certificate and its key, each the path of its setting and the setting's text."""
    (certificate_key, certificate_text), (key_key, key_text) = certificate, key
    missing = [*_missing(settings, *certificate), *_missing(settings, *key)]
    chain, secret = settings.key_path(certificate_text), settings.key_path(key_text)
    if missing:
        yield from missing
    elif not _holds_certificates(chain):
        yield f"{certificate_key}: {chain} holds no certificate (PEM)"
    elif why := _no_key_of(chain, secret):
        yield f"{key_key}: {secret} {why}"


_NO_PASSWORD = ""
"""Without one, a key under a password would ask for it at the terminal."""


def _no_key_of(chain: Path, secret: Path) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, secret, _NO_PASSWORD)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"is not the key of {chain}"
        return "holds no key (PEM) that can be used without a password" + (f" ({error.reason})" if error.reason else "")
    return ""


def _trust_problems(settings: Settings, key: str, text: str) -> Iterator[str]:
    if not text:
        return
    yield from (missing := list(_missing(settings, key, text)))
    if not missing and not _holds_certificates(settings.key_path(text)):
        yield f"{key}: {settings.key_path(text)} holds no certificate (PEM)"


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def _missing(settings: Settings, key: str, text: str) -> Iterator[str]:
    path, source = settings.key_path(text), settings.path(text)
    for problem in unreadable(key, path):
        if path != source and os.environ.get(CREDENTIALS):
            line = f"LoadCredential={path.name}:{source}"
            yield f"{problem}; systemd hands it over with the line {line} in this process's unit"
        else:
            yield problem


def unreadable(key: str, path: Path) -> Iterator[str]:
    """Why the file at *path*, which the setting *key* names, cannot be read."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        yield f"{key}: there is no file {path}"
    except OSError as error:
        yield f"{key}: {path} cannot be read: {error.strerror}"
