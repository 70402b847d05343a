"""The staff pages as a test meets them: a real server on loopback before a real database."""

import asyncio
import contextlib
import hashlib
import itertools
import re
import socket
import ssl
import time
from pathlib import Path

import argon2
import httpx
import pyotp
import uvicorn

from blocklists import compile as lists
from blocklists import defaults, snapshot
from blocklists.clients import Clients, Network
from blocklists.live import Files, Live
from blocklists.rulebook import Severity
from reporting import host_search
from reporting.accounts import Accounts, tidy
from reporting.models import AlertBreachRow, AlertRow, BreachRow, EnrolmentRow, JournalRow, VisitRow
from reporting.second_step import SecondStep
from reporting.web.app import create_app, furnished
from reporting.web.guard import pupils_network
from tests.support.databases import opened

PASSWORD = "harbour lantern biscuit"
TOKEN = "4f1c-one-use"
JOURNAL = "demo-dns-0-0011223344556677.journal"
CODES = {}
"""The recovery codes that people have left, by the pages' address and the name."""
UNUSED_TLS = ssl.create_default_context()
"""For clients of pages that are served without TLS: each would read the system's certificates anew, 28 ms of work."""
PATIENCE = 60
"""Seconds for an answer: a machine with much to do takes more than the five that a client waits by itself."""
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TOKEN_FIELD = re.compile(r'name="_csrf_token" value="([0-9a-f]+)"')


class StaffPages:
    """A running server with what a test may look at or put in."""

    def __init__(self, url, database, accounts, live, folder):
        self.url, self.database, self.accounts, self.live, self.folder = url, database, accounts, live, folder
        self._numbers = itertools.count(1)

    async def person(self, name, *roles):
        """Make an account of that name with PASSWORD."""
        token = f"token of {name}"
        await self.token(token, ",".join(roles))
        made = await self.accounts.enrol(token, name, PASSWORD)
        if made.must:
            await self.second_step(made)
        return await self.accounts.account(made.id)

    async def second_step(self, account):
        """Set up the second step of *account* as its telephone would, some time ago."""
        step = SecondStep(self.database, self.folder / "second-step.key", lambda: time.time_ns() - 3600 * 10**9)
        made = await step.begin(account.id, account.name, "")
        secret = made.secret.replace(" ", "")
        CODES[self.url, tidy(account.name)] = await step.confirm(account.id, pyotp.TOTP(secret).at(time.time() - 3600))
        return secret

    async def token(self, token, roles):
        """Let *token* make an account."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        async with self.database.writing() as session:
            session.add(EnrolmentRow(token_sha256=digest, roles=roles, created_ns=1))

    async def breach(self, **columns):
        """Put a breach into the log; returns its id."""
        number = next(self._numbers)
        at_ns = columns.get("at_ns", time.time_ns() - 1_000_000_000)
        usual = {
            "journal": JOURNAL, "offset": number, "kind": "stopped", "at_ns": at_ns, "source": "dns",
            "address": "10.20.0.7", "client": 0, "device": 0, "person": 0, "profile": "ks2", "host": "gambling.test",
            "path": "", "reason": "category", "category": "gambling", "theme": "", "severity": Severity.NOTE,
            "list": "gambling", "rule": "gambling.test", "policy": 1, "count": 1, "last_ns": at_ns, "extra": {},
        }  # fmt: skip
        async with self.database.writing() as session:
            row = BreachRow(**{**usual, **columns})
            session.add(row)
            await session.flush()
            await host_search.remember(session, [{**usual, **columns}])
            await host_search.remember_samples(session, [row.id])
            return row.id

    async def visit(self, **columns):
        """Put a visit on record."""
        usual = {
            "journal": JOURNAL, "offset": next(self._numbers), "source": "dns", "address": "10.20.0.7", "client": 0,
            "device": 0, "person": 0, "profile": "ks2", "count": 1,
        }  # fmt: skip
        async with self.database.writing() as session:
            session.add(VisitRow(**{**usual, **columns}))

    async def alert(self, *breaches, **columns):
        """Open an alert about *breaches*; returns its number."""
        number = 1000 + next(self._numbers)
        now = time.time_ns()
        usual = {
            "number": number, "opened_ns": now, "severity": Severity.URGENT, "theme": "self-harm", "audience": "dsl",
            "subject": "address:10.20.0.7", "profile": "ks2", "act_by_ns": now + 3600 * 10**9, "count": 1,
            "last_ns": now,
        }  # fmt: skip
        async with self.database.writing() as session:
            row = AlertRow(**{**usual, **columns})
            session.add(row)
            await session.flush()
            session.add_all(AlertBreachRow(alert=row.id, breach=breach) for breach in breaches)
            return row.number

    def called(self, person, *roles):
        """What *person* is called today before somebody with *roles*."""
        return self.app.state["office"].pseudonyms(roles).called(person, time.time_ns())

    def browser(self, **options):
        """A client that keeps cookies and follows nothing by itself."""
        usual = {"verify": UNUSED_TLS, "trust_env": False, "timeout": PATIENCE}
        return httpx.AsyncClient(base_url=self.url, **{**usual, **options})

    @contextlib.asynccontextmanager
    async def logged_in(self, *roles):
        """A client logged in as a new person with *roles*."""
        name = f"{roles[0]}{next(self._numbers)}"
        await self.person(name, *roles)
        async with self.browser() as browser:
            answer = await log_in(browser, name)
            assert answer.status_code == 303, answer.text
            yield browser


async def log_in(browser, name, password=PASSWORD, **more):
    """Fill in the log-in form and send it, and the code's form where it follows."""
    answer = await submit(browser, "/log-in", {"name": name, "password": password, **more})
    asked = answer.headers.get("location", "")
    if answer.status_code != 303 or not asked.startswith("/log-in/code"):
        return answer
    after = asked.partition("after=")[2]
    return await give_code(browser, name, after)


async def give_code(browser, name, after="/"):
    """Send a recovery code of *name*: the telephone's work once in half a minute, and tests log in more often."""
    code = CODES[str(browser.base_url).rstrip("/"), tidy(name)].pop()
    return await submit(browser, "/log-in/code", {"code": code, "after": after})


async def submit(browser, path, fields, page=None):
    """Send *fields* to *path* with the token of the form on *page* (or on *path* itself)."""
    form = await browser.get(page or path)
    token = TOKEN_FIELD.search(form.text)
    assert token, form.text
    return await browser.post(path, data={**fields, "_csrf_token": token[1]})


def school(folder):
    """Policy, clients and index of a small school in *folder*, read and in force."""
    files = Files(state=folder / "state", keys=folder / "keys", spool=folder / "spool")
    for made in (files.state, files.keys, files.spool):
        made.mkdir()
    networks = Clients(networks=(Network("10.20.0.0/16", "ks2"), Network("10.30.0.0/16", "staff")))
    snapshot.write(files.policy, defaults.rulebook("Harbour Primary"), version=3, written_ns=1)
    snapshot.write(files.clients, networks, version=1, written_ns=1)
    helplines = lists.Source(defaults.list_files()["always-open"])
    lists.compile_lists({"always-open": (helplines,)}, files.index, built_ns=1)
    live = Live(files)
    live.refresh()
    assert live.ready
    return live


@contextlib.asynccontextmanager
async def running(folder: Path, where=None, **options):
    """The pages, served from *folder* until the block ends; *options* go to `furnished` and `create_app`.

    *where*: the database, if it is not a file of *folder*.
    """
    live = school(folder)
    async with opened(where or folder / "schoolgate.db") as database:
        accounts = Accounts(database, hasher=QUICK)
        async with database.writing() as session:
            await session.merge(
                JournalRow(name=JOURNAL, site="demo", kind="dns", instance=0, started_ns=1, sealed_seed=b"")
            )
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `reporting.service` does
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            guarded = {name: options.pop(name) for name in ("hosts", "refuses") if name in options}
            usual = {"sessions": folder / "sessions", "secure": False}
            office = furnished(**{"live": live, "database": database, "accounts": accounts, **usual, **options})
            app = create_app(office, **{"hosts": (host,), "refuses": pupils_network(live), **guarded})
            async with served(app, listener):
                made = StaffPages(f"http://{host}", database, accounts, live, folder)
                made.app = app.inner
                yield made


@contextlib.asynccontextmanager
async def served(app, listener):
    """A uvicorn server for *app* on *listener*."""
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(10):
                while not server.started:
                    assert not serving.done()
                    await asyncio.sleep(0.01)
            yield server
        finally:
            server.should_exit = True
