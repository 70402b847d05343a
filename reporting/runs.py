"""Which breaches join, and who pays for it: runs by client and rule, and rows that become one in a flood (G26).

A run is a breach that stands in the journal and what is counted onto it. Each client has an account of its own: rows
that it may still have this minute, and open runs, of which only its own make room for its next. Somebody else at the
address, after a log-in, joins none of them. This file reads no clock and writes nothing: seconds are monotonic and come
from the caller.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping

import msgspec

from blocklists.clients import Client, network_of
from blocklists.rulebook import Severity
from reporting.breach import Breach

WINDOW = 9.0
"""Seconds between two looks at a run: its repeats are written, or it is closed if there were none. With the time
between two sweeps that is within the 10 s that DESIGN.md allows."""

LONGEST_GRAVE = 15 * 60.0
"""Seconds after which a run that asks for an alert ends although it goes on, so that a new breach can open a new alert:
somebody may have dealt with the first, and the next may be somebody else."""

MINUTE = 60.0

ROWS = 60
"""Rows of one address in a minute (G26); more are counted in one row for each category."""

NETWORK_ROWS = 10 * ROWS
"""Rows of all addresses of one IPv6 /64 in a minute: a device gives itself as many addresses as it likes, and a
classroom may share the network, so that neither address nor network alone is a client."""

RUNS_EACH = 4 * ROWS
"""Open runs of one address, about 0.1 MB; its own oldest is closed for a new one."""

RUNS = 50_000
"""Open runs at most, about 20 MB; then even the first run of a client closes the one whose time comes next."""

ACCOUNTS = 65_536
"""Addresses and networks with an account, as many as a door maps; all others share one account until there is room."""

SAMPLES = 3
"""Names that a run tells of (G26)."""

QUESTIONS = 64
"""Questions that a run knows while it may tell of more hosts: two hosts are asked for in a few ways each."""

LONGEST_HOST = 253
"""Characters of a host name (RFC 1035, 2.3.4, in text)."""

NO_RUNS: Mapping[Hashable, "Run"] = {}
"""The open runs of an address that has none."""

type Who = tuple[int, int, int, str]
"""Whose a row is, besides its address: numbers of client, device and person, and the profile."""

NOBODY: Who = (0, 0, 0, "")


class Run:
    """A breach on record and what is counted onto it: *count* more since the last look, between two UTC times.

    *of* is the breach's offset, *hosts* the first different names and *told* how many of them are on record;
    *asked* are the questions (in whatever form who counts has them) of hosts that it knows; None when it knows enough.
    """

    __slots__ = (
        "account", "asked", "count", "due", "ends", "first_ns", "hosts", "last_ns", "name", "of", "severity", "told",
    )  # fmt: skip

    def __init__(self, name: Hashable, account: "Account", of: int, breach: Breach, now: float) -> None:
        """Begin with *breach*, which stands at the offset *of*."""
        self.name, self.account, self.of, self.severity = name, account, of, breach.severity
        self.due = now + WINDOW
        self.ends = now + LONGEST_GRAVE if is_grave(breach) else math.inf
        self.hosts: tuple[str, ...] = (breach.host,) if breach.host else ()
        self.told = len(self.hosts)
        self.asked: set[bytes] | None = set() if breach.host else None
        self.count = self.first_ns = self.last_ns = 0

    def add(self, at_ns: int) -> None:
        """Count one more at *at_ns* (UTC)."""
        if not self.count:
            self.first_ns = at_ns
        self.count += 1
        self.last_ns = at_ns

    def note(self, host: str, asked: bytes = b"") -> None:
        """Keep *host* as a sample, unless it is one, is no host name, or there are enough. A sealed hit has none.

        The question *asked* need not be noted again.
        """
        if self.asked is not None:
            self.asked.add(asked)
        if len(self.hosts) < SAMPLES and host not in self.hosts and host.isascii() and 0 < len(host) <= LONGEST_HOST:
            self.hosts += (host,)
        if len(self.hosts) == SAMPLES or (self.asked is not None and len(self.asked) > QUESTIONS):
            self.asked = None


def count_repeat(runs: Mapping[Hashable, Run], name: Hashable, at_ns: int, asked: bytes) -> bool:
    """Count one more of the open run *name* of *runs* at *at_ns* (UTC); False if its answer is to be made anew.

    So it is for a first, and for a question that was not *asked* yet while the run may tell of more hosts: its answer
    may be finished because somebody else asked. Called for each packet that repeats a breach, 100,000 times a second.
    """
    run = runs.get(name)
    if run is None or (run.asked is not None and asked not in run.asked):
        return False
    if not run.count:  # as Run.add, whose call would be a quarter of this
        run.first_ns = at_ns
    run.count += 1
    run.last_ns = at_ns
    return True


class Account:
    """What one address, or one IPv6 /64, has on record: *runs* by name, and *rows* in the minute up to *until*.

    *network* is the name of the account that an IPv6 address shares, or nothing. All *runs* are *who*'s; in an account
    of many addresses their names tell whose they are.
    """

    __slots__ = ("address", "most", "network", "rows", "runs", "until", "who")

    def __init__(self, address: str, most: int, network: str = "") -> None:
        """Start with no run; at most *most* rows a minute."""
        self.address, self.most, self.network = address, most, network
        self.runs: dict[Hashable, Run] = {}
        self.who = NOBODY
        self.rows, self.until = 0, -math.inf

    def is_full(self, now: float) -> bool:
        """Whether it has had its rows of this minute."""
        return self.rows >= self.most and now < self.until

    def count_row(self, now: float) -> None:
        """Count one row, in a new minute if the last is over."""
        if now >= self.until:
            self.rows, self.until = 0, now + MINUTE
        self.rows += 1

    def leave(self, *runs: Run) -> None:
        """Let nothing more join *runs*; what is counted on them is written when their time comes, and they are closed.

        Costs no write, so that hundreds of log-ins at the beginning of a lesson are nothing.
        """
        for run in runs:
            run.ends = -math.inf
            del self.runs[run.name]


class Runs:
    """All accounts and open runs of a process."""

    def __init__(self) -> None:
        """Start with none."""
        self._accounts: dict[str, Account] = {}
        self._strangers = Account("", NETWORK_ROWS)
        self._due: OrderedDict[Run, None] = OrderedDict()
        self._tidied = -math.inf

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, run: Run) -> bool:
        return run in self._due

    def of(self, address: str, who: Who | None = None) -> Mapping[Hashable, Run]:
        """The open runs of *address* by name, as they are from now on until it has had none for a minute.

        None if *who* is given and they are somebody else's, who was at the address before.
        """
        account = self._accounts.get(address)
        return NO_RUNS if account is None or (who is not None and who != account.who) else account.runs

    def counted(self) -> int:
        """What is counted and not yet written; for any thread."""
        return sum(run.count for run in list(self._due))

    def place(self, name: Hashable, breach: Breach, address: str, now: float) -> tuple[Account, Hashable, Breach]:
        """Where *breach* of *address*, which *name* tells from others of its client, goes: account, name, and row.

        Those are a flood's once the rows of this minute are used. What is grave has a row whatever goes on.
        """
        account = self._accounts.get(address) or self._new_account(address, now)
        if account.address != address:
            name = (address, _who(breach), name)
        elif account.who != (who := _who(breach)):
            account.leave(*account.runs.values())
            account.who = who
        if (run := account.runs.get(name)) is not None and run.severity != breach.severity:
            account.leave(run)
        if name in account.runs or is_grave(breach):
            return account, name, breach
        full = self._full(account, now)
        return (account, name, breach) if full is None else (full, flood_name(breach), _flood(breach, full))

    def in_the_way(self, account: Account) -> Run | None:
        """The run that must be closed before *account* may open another: its own oldest, if it has any."""
        if len(account.runs) < RUNS_EACH and len(self._due) < RUNS:
            return None
        return next(iter(account.runs.values()), None) or next(iter(self._due))

    def open(self, name: Hashable, account: Account, of: int, breach: Breach, now: float) -> Run:
        """Begin a run with *breach*, which is on record at *of*."""
        if not is_grave(breach):
            account.count_row(now)
            if account.network:
                self._network(account.network).count_row(now)
        run = Run(name, account, of, breach, now)
        account.runs[name] = run
        self._due[run] = None
        return run

    def close(self, run: Run) -> None:
        """Forget *run*."""
        del self._due[run]
        if run.account.runs.get(run.name) is run:
            del run.account.runs[run.name]

    def look_again(self, run: Run, now: float) -> None:
        """Put *run*, which was just looked at, behind all others; what is counted on it stays."""
        run.due = now + WINDOW
        self._due.move_to_end(run)

    def next_due(self) -> Run | None:
        """The run to look at next, if there is any."""
        return next(iter(self._due), None)

    def tidy(self, now: float) -> None:
        """Forget the accounts of whoever has no run and had no row for a minute, at most once a second."""
        if now - self._tidied < 1.0:
            return
        self._tidied = now
        idle = [key for key, account in self._accounts.items() if not account.runs and now >= account.until]
        for key in idle:
            del self._accounts[key]

    def _new_account(self, address: str, now: float) -> Account:
        """An account for *address*; that of all strangers where there is no room for another.

        An address of a network whose rows are used has none yet: it could be one of any number.
        """
        if len(self._accounts) >= ACCOUNTS:
            self.tidy(now)
        if len(self._accounts) >= ACCOUNTS:
            return self._strangers
        network = network_of(address) if ":" in address else ""
        network = network if "/" in network else ""
        if network and self._network(network).is_full(now):
            return self._network(network)
        return self._accounts.setdefault(address, Account(address, ROWS, network))

    def _network(self, name: str) -> Account:
        return self._accounts.get(name) or self._accounts.setdefault(name, Account(name, NETWORK_ROWS))

    def _full(self, account: Account, now: float) -> Account | None:
        """Whose rows of this minute are used: the address's, else its network's, else nobody's."""
        if account.is_full(now):
            return account
        return network if account.network and (network := self._network(account.network)).is_full(now) else None


def who_is(client: Client) -> Who:
    """Whose row a breach of *client* is."""
    return client.number, client.device, client.person, client.profile


def _who(breach: Breach) -> Who:
    return breach.client, breach.device, breach.person, breach.profile


def is_grave(breach: Breach) -> bool:
    """Whether *breach* asks for an alert: it always has a row of its own."""
    return breach.severity >= Severity.URGENT


def flood_name(breach: Breach) -> str:
    """The name of the flood that *breach* joins: all that is shown of its row is alike."""
    what = f"{breach.kind} {breach.reason} {breach.category} {breach.theme} {breach.severity:d}"
    return f"flood {breach.source} {what} {breach.background:d} {breach.profile}"


def _flood(breach: Breach, full: Account) -> Breach:
    """The row of a flood that begins with *breach*: no path, rule or words; nobody's where many addresses share it."""
    row = msgspec.structs.replace(breach, flood=True, path="", list="", rule="", terms="")
    if full.most == ROWS:
        return row
    return msgspec.structs.replace(row, address=full.address, client=0, device=0, person=0)
