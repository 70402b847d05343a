"""A pupil at a device with the school's certificate: Chromium, the front door, a worker, and web servers behind.

The policy, the lists and the authority, with the names that it may never sign for, are those of a school's first day.
"""

import base64
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from selenium import webdriver

from blocklists import snapshot
from blocklists.clients import Clients, Network
from blocklists.rulebook import Rulebook
from deploy import setup
from deploy.certificates import Authority
from tests.support.browser import browsing
from tests.support.commands import free_ports, until
from tests.support.front_door import Door, front_door
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver
from tests.support.sites import Sites
from tests.support.ways import ShippedSchool

HELPLINE = "www.childline.org.uk"
UNDERSCORED = "oak_wood.unknown.test"
SITES = (*HOSTS, "www.youtube.com", "restrict.youtube.com", HELPLINE)
CERTIFIED = (*SITES, "*.unknown.test")

_ASYNC = """
const given = [...arguments], done = given.pop();
(async () => { %s })().then(done, error => done("failed: " + error));
"""


class PupilsSchool(ShippedSchool):
    """A school on its first day, whose authority is made as `schoolgate init` makes it."""

    def __init__(self, folder: Path) -> None:
        """Write all of it into *folder*."""
        super().__init__(folder)
        key = folder / "keys" / "ca.key"
        for path in (self.ca, key):
            path.unlink()
        self.authority = Authority.new("Oak Lane School web filter", never=setup.never_opened())
        self.authority.write(self.ca, key)
        self.version = 2

    def become(self, profile: str) -> int:
        """Give this machine's address *profile*; returns the version of the policy that is in force with it."""
        snapshot.write(
            self.files.clients, Clients((Network("127.0.0.1/32", profile),)), version=self.version, written_ns=1
        )
        self.version += 1  # whoever has read this policy has read the clients: they come after it
        self.write_policy(snapshot.read(self.files.policy, Rulebook).body, self.version)
        return self.version


@dataclass
class Pupil:
    """A browser behind a front door; *secure* is the server behind every name.

    So are *impostor*, which shows certificates that are signed with the school's own key, *sites*, and *older*, which
    speaks HTTP/1.1 alone. At the port *nobodys* nobody listens.
    """

    school: PupilsSchool
    secure: Origin
    impostor: Origin
    sites: Sites
    older: Sites
    nobodys: int
    door: Door
    browser: webdriver.Chrome
    profile: str = "ks2"

    def forget(self) -> None:
        """Begin anew."""
        for server in (self.secure, self.impostor, self.sites, self.older):
            server.forget()

    def become(self, profile: str) -> None:
        """Be of *profile* from now on."""
        self.profile, version = profile, self.school.become(profile)
        for process in (self.door, self.door.worker):
            until(lambda process=process: process.metric("schoolgate_policy_version") == version)

    def url(self, host: str, path: str = "/", port: int = 0) -> str:
        """An https URL on the server with TLS, or on another at *port*."""
        return f"https://{host}:{port or self.secure.port}{path}"

    def reads(self, host: str, path: str = "/", port: int = 0) -> str:
        """What a person reads after opening *path* at *host* over HTTPS, be it the browser's own page."""
        self.browser.get(self.url(host, path, port))
        return self.text

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.browser.execute_script("return document.body.innerText"))

    def runs(self, script: str, *arguments: object) -> object:
        """What *script*, an async function's body, returns in the page."""
        return self.browser.execute_async_script(_ASYNC % script, *arguments)

    def issuer(self, host: str) -> str:
        """Who, as the browser has it (DevTools), issued the certificate of *host*, whose page it shows."""
        chain = self.browser.execute_cdp_cmd("Network.getCertificate", {"origin": self.url(host, "")})["tableNames"]
        return x509.load_der_x509_certificate(base64.b64decode(chain[0])).issuer.rfc4514_string()

    def refused(self, host: str) -> list[tuple[str, str]]:
        """(reason, path) of each refusal of *host* that is on record."""
        return [(str(b.reason), b.path) for b in self.school.breaches() if b.host == host]


@contextlib.contextmanager
def pupil(folder: Path) -> Iterator[Pupil]:
    """The whole of it, for as long as the context lasts; the pupil begins in Years 3 to 6."""
    school = PupilsSchool(folder)
    (nobodys,) = free_ports(1)
    with (
        Nameserver({host: ["127.0.0.1"] for host in (*SITES, UNDERSCORED)}) as dns,
        Origin(tls_context(school.servers, *CERTIFIED)) as secure,
        Origin(_impostor(school, "good.test", HELPLINE)) as impostor,
        Sites(tls_context(school.servers, *CERTIFIED)) as sites,
        Sites(tls_context(school.servers, *CERTIFIED, h2=False)) as older,
        front_door(school, school.settings(dns, nobodys, *(s.port for s in (secure, impostor, sites, older)))) as door,
        browsing(folder, f"proxy-server={door.url}", trusts=(school.ca, folder / "servers.pem")) as browser,
    ):
        browser.execute_cdp_cmd("Network.enable", {})  # or it does not say what certificates it was shown
        yield Pupil(school, secure, impostor, sites, older, nobodys, door, browser)


def _impostor(school: PupilsSchool, *names: str) -> ssl.SSLContext:
    """TLS as each of *names*, by somebody who has the key of the school's authority."""
    contexts = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for name in names}
    for name, context in contexts.items():
        leaf = school.folder / f"{name}.pem"
        leaf.write_bytes(school.authority.leaf([name]))
        context.load_cert_chain(leaf)

    def stand_in(connection: ssl.SSLObject, name: str, _: ssl.SSLContext) -> None:
        connection.context = contexts[name]

    first = contexts[names[0]]
    first.sni_callback = stand_in
    return first
