"""The demo school from its set-up to its end.

Everything is real and on loopback: the supervised processes, a nameserver, web sites, a mail server. It lives in a
folder of its own under the temporary folder and takes that with it when it ends.
"""

import asyncio
import datetime
import http.client
import logging
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tomli_w

from blocklists import defaults, new_file
from deploy import config, keep, process, sealing, setup, toml_file
from deploy.certificates import Authority
from deploy.demo import check, lock, plan, report
from deploy.demo.clients import Devices, Doors
from deploy.demo.mailbox import Mailbox
from deploy.demo.origin import Origin
from deploy.demo.staff import Staff
from deploy.supervise import Supervisor
from dns_filter.practice import WILDCARD, NameServer

log = logging.getLogger("schoolgate.demo")

HERE = "127.0.0.1"
WEB_SITES = "127.0.0.80"
CLOSED_ADDRESS = "127.0.0.81"
DNS_PORT, INNER_PORT, PROXY_PORT, WORKER_PORT, STAFF_PORT = 5300, 5301, 8080, 8190, 8600
NAMESERVER_PORT, MAIL_PORT = 5399, 2525
CLOSED_PORT, CLOSED_TLS_PORT = 8081, 8444
TRUSTED = "devices-trust.pem"
"""What the demo's devices trust: the school's CA, and the CA of the demo's internet in place of the public ones."""
STARTS_WITHIN = 60.0
"""Seconds until every process must be ready; a Pi needs about twenty."""
SETTLES_WITHIN = 20.0
"""Seconds until breaches are in the database and mail has arrived; both take about one."""


def run(*, once: bool, lists: Path | None, as_json: bool) -> int:
    """Run the demo; returns the exit code: with *once*, 0 only if every row was as the policy says."""
    process.set_up_log("demo", 0, "WARNING" if once else "INFO")
    with lock.only_one(), _folder() as folder:
        _check_ports()
        try:
            return asyncio.run(_Demo(folder, lists, once=once, as_json=as_json).run())
        except* (OSError, ValueError, http.client.HTTPException) as failed:
            raise toml_file.RefusedError(
                [f"The demo could not go on: {error}" for error in _leaves(failed)]
            ) from failed


def _leaves(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="schoolgate-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_ports() -> None:
    """Say which port is taken before anything is started."""
    for kind, port, address in (
        (socket.SOCK_DGRAM, DNS_PORT, HERE),
        (socket.SOCK_DGRAM, INNER_PORT, HERE),
        (socket.SOCK_DGRAM, NAMESERVER_PORT, HERE),
        (socket.SOCK_STREAM, PROXY_PORT, HERE),
        (socket.SOCK_STREAM, CLOSED_PORT, CLOSED_ADDRESS),
        (socket.SOCK_STREAM, CLOSED_TLS_PORT, CLOSED_ADDRESS),
        (socket.SOCK_STREAM, STAFF_PORT, HERE),
        (socket.SOCK_STREAM, MAIL_PORT, HERE),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            try:
                probe.bind((address, port))
            except OSError:
                message = f"{address} port {port} is in use by another program; the demo needs it. Nothing was changed."
                raise toml_file.RefusedError([message]) from None


class _Demo:
    def __init__(self, folder: Path, lists: Path | None, *, once: bool, as_json: bool) -> None:
        self.folder, self.lists, self.once, self.as_json = folder, lists, once, as_json
        self.mailbox = Mailbox()
        self.staff = Staff(f"http://{HERE}:{STAFF_PORT}")
        self.password = secrets.token_urlsafe(12)
        self.exit_code = 0

    async def run(self) -> int:
        web_sites = folder_ca(self.folder)
        origin = Origin(WEB_SITES, web_sites)
        folder, machine = self.folder / "school", self._machine(origin)
        made = setup.init(
            folder, "Demo Primary School", machine, self.lists, roles="technician,dsl", shown_by="the demo"
        )
        settings = config.load(made.folder / config.NAME)
        sealing.seal_list(settings, "practice", iter([plan.SEALED_PAGE.encode()]))
        own = (settings.files.keys / setup.CA_CERTIFICATE).read_bytes()
        (self.folder / TRUSTED).write_bytes(own + (web_sites.parent / "ca.crt").read_bytes())
        supervisor = Supervisor(keep.specs(settings), settings.file, settings.run)
        with suppress(asyncio.CancelledError):
            async with (
                self.mailbox.listening(HERE, MAIL_PORT),
                NameServer({WILDCARD: [WEB_SITES]}, (HERE, NAMESERVER_PORT)),
                asyncio.TaskGroup() as tasks,
            ):
                serving = tasks.create_task(origin.run())
                keeping = tasks.create_task(self._live(supervisor, origin, settings, made.token))
                keep.end_on_signals(keeping.cancel, signal.SIGHUP)  # a closed terminal must not leave it running
                await asyncio.wait([keeping])
                serving.cancel()
                await keeping
        return self.exit_code

    async def _live(self, supervisor: Supervisor, origin: Origin, settings: config.Settings, token: str) -> None:
        ready = asyncio.Event()
        keeping = asyncio.create_task(supervisor.run(ready.set))
        try:
            await self._until_ready(ready, keeping)
            await asyncio.to_thread(self.staff.enrol, token, "demo", self.password)
            await asyncio.to_thread(self.staff.log_in, "demo", self.password)
            if self.once:
                await self._ask_everything(origin)
            elif report.welcome(settings, origin, self.folder / TRUSTED, self.password, self.staff.codes):
                self.mailbox.show = report.mail
                await keeping
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def _until_ready(self, ready: asyncio.Event, keeping: "asyncio.Task[None]") -> None:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([waiting, keeping], timeout=STARTS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if keeping.done():
            keeping.result()
        if not ready.is_set():
            raise TimeoutError(f"the processes were not ready within {STARTS_WITHIN:.0f} s; the log above says why")

    async def _ask_everything(self, origin: Origin) -> None:
        trusted = self.folder / TRUSTED
        doors = Doors((HERE, DNS_PORT), (HERE, PROXY_PORT), (CLOSED_ADDRESS, CLOSED_TLS_PORT))
        devices = Devices(doors, trusted, WEB_SITES, origin.https_port)
        asked = plan.questions(datetime.datetime.now(datetime.UTC))
        outcomes = [await devices.put(question) for question in asked]
        alerts = await self._settled(lambda: asyncio.to_thread(self.staff.read, "/alerts"), "alerts", 2)
        await self._mail(2)
        breaches = await self._breaches(sum(not one.is_open for one in outcomes if one.question.way in check.SOURCES))
        mail = [message for _, message in self.mailbox.messages]
        problems = list(check.problems(check.Seen(outcomes, breaches, alerts, mail, origin.asked)))
        report.outcome(outcomes, breaches, self.mailbox.messages, problems, as_json=self.as_json)
        self.exit_code = 1 if problems else 0

    async def _breaches(self, wanted: int) -> list[dict[str, Any]]:
        return await self._settled(lambda: asyncio.to_thread(self.staff.read, "/breaches"), "entries", wanted)

    async def _settled(self, read: Any, key: str, wanted: int) -> list[dict[str, Any]]:
        """What *read* gives under *key* once it has *wanted* rows, or what there is when the time is up."""
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN
        while True:
            rows: list[dict[str, Any]] = (await read())[key]
            if len(rows) >= wanted or asyncio.get_running_loop().time() > deadline:
                return rows
            await asyncio.sleep(0.1)

    async def _mail(self, wanted: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_WITHIN):
                await self.mailbox.has(wanted)

    def _machine(self, origin: Origin) -> str:
        """The demo's schoolgate.toml."""
        at = f"{HERE}:{{}}".format
        return tomli_w.dumps(
            {
                "site": "demo",
                "loopback_school": True,
                "log_level": "WARNING",
                "networks": plan.NETWORKS,
                "dns": {
                    "listen": [at(DNS_PORT)],
                    "inner": at(INNER_PORT),
                    "upstream": [at(NAMESERVER_PORT)],
                    "closed_address_v4": CLOSED_ADDRESS,
                    "private_zones": ["test"],
                },
                "peek": {"listen": [at(PROXY_PORT)]},
                "proxy": {
                    "listen": [at(WORKER_PORT)],
                    "inner_dns": at(INNER_PORT),
                    "upstream_ca": str(self.folder / "websites" / "ca.crt"),
                    "reachable_private": [f"{WEB_SITES}/32"],
                    "ports": [origin.http_port, origin.https_port],
                    "adult": "Mrs Example",
                },
                "closed": {
                    "listen": [f"{CLOSED_ADDRESS}:{CLOSED_PORT}"],
                    "listen_tls": [f"{CLOSED_ADDRESS}:{CLOSED_TLS_PORT}"],
                },
                "reporting": {
                    "listen": at(STAFF_PORT),
                    "public_url": self.staff.base,
                    "mail": {"host": HERE, "port": MAIL_PORT, "sender": "schoolgate@demo.test"},
                    "contacts": {"dsl": "dsl@demo.test", "dsl_confirmed": True, "headteacher": "head@demo.test"},
                },
            }
        )


def folder_ca(folder: Path) -> Path:
    """Certificates of the demo's web sites, by a CA that is not the school's; returns the PEM file to serve with."""
    web_sites = folder / "websites"
    web_sites.mkdir()
    authority = Authority.new("Demo internet")
    authority.write(web_sites / "ca.crt", web_sites / "ca.key")
    hosts = [f"{name}.test" for name in (*defaults.list_files(), "pictures")]
    chain = web_sites / "chain.pem"
    new_file.write_new(chain, authority.leaf(hosts))
    return chain
