"""The staff pages as one application: routes, who may come in, and the guard around all of it."""

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from litestar import Litestar
from litestar.datastructures import State
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp

from blocklists.live import Live
from reporting.accounts import Accounts
from reporting.database import Database
from reporting.keyring import Keyring
from reporting.month_keys import FOLDER, MonthKeys
from reporting.names import Names
from reporting.people import People
from reporting.places import SECOND_STEP
from reporting.second_step import SecondStep
from reporting.web import (
    access,
    account,
    alerts,
    api,
    closing,
    errors,
    export,
    health,
    incidents,
    log,
    longer_looks,
    oversight,
    people,
    pictures,
    proposals,
    second_step,
    today,
    tokens,
    triage,
    views,
    why,
)
from reporting.web.attempts import Attempts
from reporting.web.away import create_away
from reporting.web.forms import FormRequest
from reporting.web.guard import Guard
from reporting.web.machine import Machine
from reporting.web.office import Office
from reporting.web.render import PUPILS_NETWORK, error_page
from reporting.web.sessions import Sessions

MOST_BODY = 65_536
"""Bytes of a form: the longest password that we take, percent-encoded, fits many times over."""


def create_app(office: Office, *, hosts: Collection[str], refuses: Callable[[str], bool]) -> ASGIApp:
    """The staff pages of *office* as an ASGI application without a lifespan.

    *hosts*: the exact Host values that are answered. *refuses*: whether an address is in a pupils' network.
    """
    return Guard(_pages(office), hosts=hosts, refuses=refuses, error_page=_refusal)


def create_waiting(*, hosts: Collection[str], refuses: Callable[[str], bool]) -> ASGIApp:
    """What answers in the place of the staff pages until the database's server can be reached for the first time."""
    return create_away(hosts=hosts, refuses=refuses, refusal=_refusal)


def furnished(
    *,
    live: Live,
    database: Database,
    accounts: Accounts,
    sessions: Path,
    secure: bool,
    notices: tuple[str, ...] = (),
    now_ns: Callable[[], int] = time.time_ns,
    pseudonym_key: bytes = b"",
    machine: Machine | None = None,
    persons: Mapping[str, int] = MappingProxyType({}),
) -> Office:
    """What pages need of the school, with tries to log in that are counted for these pages alone.

    *sessions*: a folder of ours, made if need be. *secure*: the pages are served over TLS. *notices*: sentences that
    stay on today's page. *pseudonym_key*: what people's pseudonyms are made with. *machine*: what the health page looks
    at. *persons*: the numbers that people with a role have in the log.
    """
    return Office(
        live=live,
        database=database,
        accounts=accounts,
        sessions=Sessions(sessions, lambda: now_ns() / 1e9),
        attempts=Attempts(time.monotonic),
        second_step=SecondStep(database, sessions.parent / SECOND_STEP, now_ns),
        people=People(database, accounts, now_ns),
        keyring=Keyring(database, accounts.hasher, now_ns),
        names=Names(database, MonthKeys(sessions.parent / FOLDER), now_ns),
        secure=secure,
        notices=notices,
        now_ns=now_ns,
        pseudonym_key=pseudonym_key,
        machine=machine or Machine(),
        persons=persons,
    )


def _refusal(status: int) -> bytes:
    """The page for somebody whom the guard does not let in."""
    return (error_page(403, *PUPILS_NETWORK) if status == 403 else error_page(status)).encode()


def _pages(office: Office) -> Litestar:
    """The application within the guard."""
    return Litestar(
        route_handlers=[
            pictures.stylesheet,
            pictures.icon,
            today.today,
            log.breaches,
            log.newest,
            export.as_csv,
            export.as_json,
            why.entry,
            why.explain,
            why.mark,
            why.propose,
            views.keep,
            views.forget,
            proposals.listed,
            proposals.withdraw,
            proposals.settle,
            health.health,
            tokens.listed,
            tokens.make,
            tokens.revoke,
            api.ROUTER,
            pictures.script,
            pictures.writing_script,
            alerts.alert_list,
            alerts.alert,
            alerts.acknowledged,
            access.enrolment,
            access.enrol,
            access.log_in_form,
            access.log_in,
            access.log_out,
            *second_step.PAGES,
            *account.PAGES,
            *people.PAGES,
            *triage.PAGES,
            *closing.PAGES,
            *incidents.PAGES,
            *oversight.PAGES,
            *longer_looks.PAGES,
        ],
        state=State({"office": office, "watch": health.Watch(office)}),
        middleware=[DefineMiddleware(access.WhoAsks, office=office)],
        guards=[access.logged_in],
        exception_handlers=errors.handlers(office),
        csrf_config=office.csrf,
        request_class=FormRequest,
        request_max_body_size=MOST_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
