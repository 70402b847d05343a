"""The settings of reporting in schoolgate.toml: where it listens, where it keeps things, whom it writes to."""

import enum
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from blocklists import endpoint

LAST_HOUR = 23
MOST_DAYS = 3650
COPIES = 2
"""Backups that must have a journal's rows before the journal goes: one may be damaged on the day that it is needed."""


class MailTls(enum.StrEnum):
    """How the way to the mail server is protected."""

    REQUIRED = "required"
    STARTTLS = "starttls"
    NONE = "none"


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server that alerts go out through."""

    host: str = "127.0.0.1"
    """the mail server's name"""
    port: int = 25
    """its port: 465 with tls = "required", 587 with "starttls", 25 on this machine"""
    sender: str = "schoolgate@localhost"
    """the address that alerts come from"""
    tls: MailTls = MailTls.NONE
    """required (TLS from the first byte), starttls (refused if the server offers none), or none (loopback only)"""
    username: str = ""
    """the name to log in with; empty for none"""
    password_file: str = ""
    """a file that holds the password and nothing else; empty for none; in the folder of keys it needs a LoadCredential
    line in reporting's unit"""
    ca_file: str = ""
    """certificates to trust besides the system's, as PEM; empty for none"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; the path of the key comes first."""
        if not self.host or not self.host.isprintable() or " " in self.host:
            yield f"reporting.mail.host: {self.host!r} is no name of a mail server; write for example mail.school.test"
        elif self.tls is MailTls.NONE and not is_loopback(self.host):
            yield f'reporting.mail.tls: {self.host} is another machine; write "required" or "starttls"'
        yield from endpoint.port_problems("reporting.mail.port", self.port)
        if self.username and not self.password_file:
            yield "reporting.mail.password_file: a username needs a password; name the file that holds it"
        if not self.sender:
            yield "reporting.mail.sender: a mail needs a sender; write for example schoolgate@school.test"
        yield from _address_problems("reporting.mail.sender", self.sender)


TECHNICIAN = "technician"
"""Whom no alert goes to, and so none of CONTACT_ROLES."""

CONTACT_ROLES = ("dsl", "headteacher", "chair", "deputy", "head_deputy", "on_call")
"""Who can be told, each by an address of their own."""


class ContactSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told. Until the DSL is confirmed, alerts about pupils go to the headteacher."""

    dsl: str = ""
    """the e-mail address of the Designated Safeguarding Lead"""
    dsl_confirmed: bool = False
    """true once the DSL has confirmed that alerts arrive"""
    headteacher: str = ""
    """the headteacher's e-mail address; alerts about staff go only here"""
    chair: str = ""
    """the e-mail address of the chair of governors, for a school where head and DSL are one person"""
    deputy: str = ""
    """the e-mail address of the DSL's deputy, who is told when the DSL does not acknowledge a grave alert in time"""
    head_deputy: str = ""
    """the e-mail address of whoever stands in for the headteacher, also for alerts about staff; they log in with the
    role head_deputy"""
    technician: str = ""
    """the e-mail address of whoever looks after this machine: told, beside the DSL, what happens to the records
    themselves (database rebuilt, disk nearly full), and never of an alert"""
    on_call: str = ""
    """the e-mail address (many phone providers turn one into a text message) of whoever is told of grave alerts about
    pupils at once outside school hours and in the holidays; empty for nobody besides the others. It is an address and
    no role: whoever has it logs in as DSL or deputy"""
    digest_at: str = "08:00"
    """when the digest of what is no hurry goes out on school days, and on the first of a week the weekly report"""
    persons: dict[str, int] = {}
    """which person numbers the people above have, as { dsl = 12 }, so that nobody is told of themselves"""

    def address(self, role: str) -> str:
        """The address of *role* as it is known now, or nothing."""
        return str(getattr(self, role)) if role in (*CONTACT_ROLES, TECHNICIAN) else ""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; the path of the key comes first."""
        for key in (*CONTACT_ROLES, TECHNICIAN):
            yield from _address_problems(f"reporting.contacts.{key}", self.address(key))
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.digest_at):
            yield f"reporting.contacts.digest_at: {self.digest_at!r} is no time of day; write for example 08:00"
        for role, number in self.persons.items():
            if role not in CONTACT_ROLES or number <= 0:
                roles = ", ".join(CONTACT_ROLES)
                yield f"reporting.contacts.persons.{role}: a role ({roles}) and a person's number belong here"


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another way than mail that alerts take: Teams, Slack, ntfy, a text message; never with more than mail says."""

    url_file: str
    """a file that holds the channel's address as apprise writes it (ntfys://..., msteams://...) and nothing else; in
    the folder of keys it needs a LoadCredential line in reporting's unit"""
    roles: tuple[str, ...] = ("dsl",)
    """whose alerts go there: dsl, deputy, headteacher, head_deputy, chair, on_call"""
    least: str = "URGENT"
    """how grave an alert must be: ILLEGAL or URGENT"""

    def problems(self, where: str) -> Iterator[str]:
        """What a technician should mend in the channel *where*, one sentence each."""
        if not self.url_file:
            yield f"{where}.url_file: name the file that holds the channel's address"
        if strange := [role for role in self.roles if role not in CONTACT_ROLES]:
            yield f"{where}.roles: {strange[0]!r} is no role; the roles are {', '.join(CONTACT_ROLES)}"
        if self.least not in {"ILLEGAL", "URGENT"}:
            yield f"{where}.least: {self.least!r} cannot stand here; write ILLEGAL or URGENT"


class OffsiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page that acknowledges one alert from anywhere, behind a log-in, and shows nothing of it."""

    url: str = ""
    """how staff reach the page from outside, for example https://ack.school.test; empty: mails lead to the staff pages
    alone"""
    listen: str = ""
    """address and port of the page, and of nothing else; empty for none"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        if self.listen:
            yield from endpoint.problems("reporting.offsite.listen", self.listen, "127.0.0.1:8602")
        if bool(self.listen) != bool(self.url):
            yield "reporting.offsite.listen: the page's address and where it listens go together; give both or neither"
        if self.url and (not _is_web_address(self.url) or _has_more_than_a_host(self.url)):
            yield f"reporting.offsite.url: {self.url!r} is no web address; write https://ack.school.test"


class BackupSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The nightly backup of the database."""

    folder: str = "database/backups"
    """the folder of the backups, which only reporting may read; a copy of it should be kept elsewhere"""
    hour: int = 2
    """the hour of the night, local time, from which the day's backup is made: 0 to 23"""
    keep: int = 14
    """how many are kept, 2 at least: a journal is removed once its rows are in two"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; the path of the key comes first."""
        if not self.folder:
            yield "reporting.backup.folder: name the folder of the backups"
        if not 0 <= self.hour <= LAST_HOUR:
            yield f"reporting.backup.hour: {self.hour} is no hour; write 0 to {LAST_HOUR}"
        if self.keep < COPIES:
            yield f"reporting.backup.keep: {self.keep} is too few; keep {COPIES} or more"


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a database on a PostgreSQL server needs besides its address; nothing of it is for a file."""

    password_file: str = ""
    """a file that holds the password and nothing else; empty for none, or for what the environment's PGPASSWORD says;
    in the folder of keys it needs a LoadCredential line in reporting's unit"""
    ca_file: str = ""
    """certificates to trust for the server, as PEM; empty for the system's. To another machine TLS is always used"""
    journal_days: int = 30
    """how many days a journal is kept once it was read to its end: the server's own backups (pg_dump) must be made more
    often, as a journal is what brings back what the last one does not have"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; the path of the key comes first."""
        if not 1 <= self.journal_days <= MOST_DAYS:
            yield f"reporting.server.journal_days: {self.journal_days} is out of range; write 1 to {MOST_DAYS}"


class ReportingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The breach log, alerts and staff pages."""

    listen: str = "127.0.0.1:8600"
    """address and port of the staff pages: the management network's, never the pupils'"""
    database: str = "database/schoolgate.db"
    """the database's file, in a folder that only reporting may read; or a PostgreSQL server's, as
    postgresql://schoolgate@db.school.test/schoolgate, without a password"""
    public_url: str = "http://127.0.0.1:8600"
    """how staff reach these pages; alerts link to it, and requests under any other name are refused"""
    tls_certificate: str = ""
    """the pages' certificate chain as PEM; empty for none, which only loopback may have; in the folder of keys it needs
    a LoadCredential line in reporting's unit"""
    tls_key: str = ""
    """its key as PEM; in the folder of keys it needs such a line too"""
    mail: MailSettings = MailSettings()
    """the mail server"""
    contacts: ContactSettings = ContactSettings()
    """who is told"""
    backup: BackupSettings = BackupSettings()
    """the nightly backup"""
    channels: dict[str, ChannelSettings] = {}
    """other ways that alerts take beside mail, by a name of the school's choice"""
    offsite: OffsiteSettings = OffsiteSettings()
    """acknowledging an alert from outside"""
    server: ServerSettings = ServerSettings()
    """what a database on a server needs besides"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; the path of the key comes first."""
        yield from endpoint.problems("reporting.listen", self.listen, "127.0.0.1:8600")
        if not self.tls_certificate and (place := endpoint.parse(self.listen)) and not is_loopback(place[0]):
            yield f"reporting.tls_certificate: {self.listen} is not loopback, so the staff pages need a certificate"
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "reporting.tls_key: a certificate and its key go together; give both or neither"
        if not self.database:
            yield "reporting.database: name the file of the database"
        if on_server(self.database):
            yield from _server_problems(self.database)
        elif self.server != ServerSettings():
            yield "reporting.server: the database is a file; it has no password and no certificate"
        if not _is_web_address(self.public_url):
            yield f"reporting.public_url: {self.public_url!r} is no web address; write https://schoolgate.school.test"
        elif _has_more_than_a_host(self.public_url):
            says = "links in mails begin with a host and a port and nothing else"
            yield f"reporting.public_url: {says}; write https://schoolgate.school.test"
        yield from self.server.problems()
        yield from self.backup.problems()
        yield from self.mail.problems()
        yield from self.contacts.problems()
        for name, channel in self.channels.items():
            yield from channel.problems(f"reporting.channels.{name}")
        yield from self.offsite.problems()
        if not self.tls_certificate and (place := endpoint.parse(self.offsite.listen)) and not is_loopback(place[0]):
            yield f"reporting.tls_certificate: {self.offsite.listen} is not loopback, so the page needs a certificate"


def is_loopback(host: str) -> bool:
    """Whether *host* (a name or an address) is this machine."""
    return host == "localhost" or endpoint.is_loopback(host.removeprefix("[").removesuffix("]"))


def on_server(database: str) -> bool:
    """Whether *database*, as it is set, is on a server: text with "://" is an address, all else the path of a file."""
    return "://" in database


def _server_problems(database: str) -> Iterator[str]:
    """What is wrong with the address *database*, which is never repeated: somebody may have put a password into it."""
    example = "write for example postgresql://schoolgate@db.school.test/schoolgate"
    try:
        parts = urlsplit(database)
        _ = parts.port
    except ValueError:
        yield f"reporting.database: that is no address of a server; {example}"
        return
    if parts.scheme not in {"postgresql", "postgresql+asyncpg"}:
        yield f"reporting.database: a file or a PostgreSQL server can be the database; {example}"
    elif parts.password is not None or "password" in parts.query:
        yield "reporting.database: a password does not belong here; name its file as reporting.server.password_file"
    elif not re.fullmatch(r"/[^/]+", parts.path) or not (parts.hostname or parts.query):
        yield f"reporting.database: the address needs a server and the name of a database; {example}"
    elif parts.query and (parts.hostname or not re.fullmatch(r"host=/[^&?,]+(&port=\d+)?", parts.query)):
        yield "reporting.database: after a ? only the folder of the server's socket may stand, as ?host=/run/postgresql"


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # read only now, and ValueError beyond 65535
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isprintable() and " " not in text


def _has_more_than_a_host(web_address: str) -> bool:
    parts = urlsplit(web_address)
    return "@" in parts.netloc or parts.path not in {"", "/"} or "?" in web_address or "#" in web_address


def _address_problems(key: str, address: str) -> Iterator[str]:
    shaped = re.fullmatch(r"[^@]+@[^@]+", address) and address.isprintable() and not set(address) & set(" ,;<>\"'\\")
    if address and not shaped:
        yield f"{key}: {address!r} is no e-mail address; write one address and nothing else"
