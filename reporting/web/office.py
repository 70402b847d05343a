"""What the pages work with, given once when the application is made; and what any page may ask about who is looking."""

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State

from blocklists.live import Live
from blocklists.rulebook import Rulebook
from reporting.accounts import Account, Accounts
from reporting.database import Database
from reporting.keyring import Keyring
from reporting.names import Names
from reporting.people import People
from reporting.permissions import SAFEGUARDING, Action, may
from reporting.second_step import SecondStep
from reporting.web.attempts import Attempts
from reporting.web.machine import Machine
from reporting.web.pseudonyms import Pseudonyms
from reporting.web.sessions import Sessions

Asked = Request[Account | None, object, State]
"""A request as the pages get it, its user None before log-in; a plain alias, since Litestar looks for the class."""

STAFF_COLUMN = "staff"
"""The codes' column of every profile that belongs to staff (POLICY.md)."""

NO_POLICY_ZONE = ZoneInfo("Europe/London")
"""The zone while no policy has been read."""

_OF_CASES = b"schoolgate pseudonyms of cases 1"
"""What the key to pseudonyms is derived for where alerts, incidents and looks are read."""

_FORMS = b"schoolgate forms 1"
"""What the key to forms is derived for, so that it is no other key."""


class Office(msgspec.Struct, frozen=True):
    """The staff pages' surroundings. *secure*: the pages are served over TLS. *notices* stay on today's page.

    *persons*: the numbers that people with a role have in the log (`reporting.contacts.persons`).
    """

    live: Live
    database: Database
    accounts: Accounts
    sessions: Sessions
    attempts: Attempts
    second_step: SecondStep
    people: People
    keyring: Keyring
    names: Names
    secure: bool
    notices: tuple[str, ...] = ()
    now_ns: Callable[[], int] = time.time_ns
    pseudonym_key: bytes = b""
    machine: Machine = Machine()
    persons: Mapping[str, int] = MappingProxyType({})

    def pseudonyms(self, roles: Collection[str] = SAFEGUARDING) -> Pseudonyms:
        """What people are called before somebody with *roles*: the same on each page, in each file and in the API.

        Whoever reads alerts or looks has other words than whoever reads the log alone, or a word that is heard, or an
        incident that is left lying, would lead a technician to the person's entries and device (G5).
        """
        of_cases = may(roles, Action.ALERTS_READ) or may(roles, Action.LOOKS_READ)
        key = hmac.digest(self.pseudonym_key, _OF_CASES, "sha256") if of_cases else self.pseudonym_key
        return Pseudonyms(key, self.zone, self.now_ns)

    @property
    def rulebook(self) -> Rulebook | None:
        """The policy's rulebook, or None while there is none."""
        return self.live.policy.rulebook if self.live.policy else None

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone."""
        return self.rulebook.zone if self.rulebook else NO_POLICY_ZONE

    @property
    def school(self) -> str:
        """The school's name, or nothing."""
        return self.rulebook.school if self.rulebook else ""

    @property
    def session_cookie(self) -> str:
        """The name of the session's cookie; with TLS the prefix keeps any other host from setting it (RFC 6265bis)."""
        return "__Host-schoolgate" if self.secure else "schoolgate"

    @property
    def csrf_cookie(self) -> str:
        """The name of the cookie that a form's hidden token must agree with."""
        return "__Host-schoolgate-form" if self.secure else "schoolgate-form"

    @property
    def csrf(self) -> CSRFConfig:
        """How an application knows its own forms: by a key of the school's, so that those open at a restart still work.

        Without one a restart makes them stale, and the page that says so heals them.
        """
        kept = hmac.digest(self.pseudonym_key, _FORMS, "sha256").hex() if self.pseudonym_key else ""
        return CSRFConfig(
            secret=kept or secrets.token_hex(32),
            cookie_name=self.csrf_cookie,
            cookie_secure=self.secure,
            cookie_httponly=True,
            cookie_samesite="strict",
        )


def office_of(request: Asked) -> Office:
    """The office that the application was made with."""
    office = request.app.state["office"]
    assert isinstance(office, Office)
    return office


def sees_alerts(account: Account | None) -> bool:
    """Whether *account* has a role that alerts are routed to."""
    return account is not None and may(account.roles, Action.ALERTS_READ)
