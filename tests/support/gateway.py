"""A school's folder on loopback as `schoolgate init` makes it, with free ports, for tests of whole processes."""

import contextlib
import http.client
import os
import sqlite3
import ssl
import struct
from pathlib import Path

import tomli_w

from deploy import config, setup
from deploy.demo import plan, school
from tests.support.commands import free_ports

WEB_SITES = f"127.0.0.9{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[-1]}"
"""Of this process with tests alone: others have theirs, and the demo school, which may run beside them, 127.0.0.80."""
CLOSED_ADDRESS = "127.0.0.81"


class Gateway:
    """The folder *made* by init, its ports, and what a test asks of it."""

    def __init__(self, folder: Path, *, names=(), mail_port=9, dns_instances=1):
        """Listed names in *names* are added to the gambling list, which KS2 finds closed."""
        self.dns, self.inner, self.proxy, self.pages, self.upstream, self.worker, *rest = free_ports(14)
        self.closed, self.closed_tls, metrics, *_ = rest
        lists = folder / "lists"
        lists.mkdir(parents=True)
        (lists / "gambling.txt").write_text("gambling.test\n" + "".join(f"{name}\n" for name in names))
        self.websites = folder / "websites"
        school.folder_ca(folder)
        self.folder = folder / "school"
        machine = self._machine(mail_port, metrics, dns_instances)
        self.made = setup.init(self.folder, "Test School", machine, lists, shown_by="A. Okafor")
        self.file = self.folder / config.NAME
        self.settings = config.load(self.file)
        self.certificate = self.folder / "keys" / "ca.crt"

    def _machine(self, mail_port, metrics, dns_instances):
        at = "127.0.0.1:{}".format
        return tomli_w.dumps(
            {
                "loopback_school": True,
                "networks": plan.NETWORKS,
                "dns": {
                    "listen": [at(self.dns)],
                    "inner": at(self.inner),
                    "upstream": [at(self.upstream)],
                    "closed_address_v4": CLOSED_ADDRESS,
                    "private_zones": ["test"],
                },
                "peek": {"listen": [at(self.proxy)]},
                "proxy": {
                    "listen": [at(self.worker)],
                    "inner_dns": at(self.inner),
                    "upstream_ca": str(self.websites / "ca.crt"),
                    "reachable_private": [f"{WEB_SITES}/32"],
                },
                "closed": {
                    "listen": [f"{CLOSED_ADDRESS}:{self.closed}"],
                    "listen_tls": [f"{CLOSED_ADDRESS}:{self.closed_tls}"],
                },
                "reporting": {
                    "listen": at(self.pages),
                    "public_url": f"http://127.0.0.1:{self.pages}",
                    "mail": {"port": mail_port},
                    "contacts": {"dsl": "dsl@school.test", "dsl_confirmed": True, "headteacher": "head@school.test"},
                },
                "metrics": {
                    "dns": metrics,
                    "worker": metrics + 1,
                    "reporting": metrics + 2,
                    "closed": metrics + 3,
                    "peek": metrics + 4,
                },
                "run": {"dns": dns_instances},
            }
        )

    def blocked_page(self, host, source="127.0.0.1", path="/"):
        """Ask for a page through the proxy; its status."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.proxy, context=trust, source_address=(source, 0), timeout=20
        )
        try:
            connection.set_tunnel(host, 443)
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def breaches(self):
        """(source, host, count) of every breach in the database, read from outside while nobody writes."""
        path = self.folder / self.settings.config.reporting.database
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute("select source, host, count from breaches").fetchall()


def question(name, number=1):
    """A DNS question for the A record of *name*, with EDNS."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    opt = b"\x00" + struct.pack(">HHIH", 41, 1232, 0, 0)
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 1) + labels + b"\x00" + struct.pack(">HH", 1, 1) + opt
