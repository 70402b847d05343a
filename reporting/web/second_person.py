"""The second person beside whoever looks at what is about staff (G11): never whoever it is about."""

from reporting.accounts import Account, tidy
from reporting.models import AlertRow
from reporting.names import ReasonError
from reporting.pattern import person_of
from reporting.permissions import SAFEGUARDING
from reporting.web.access import address_of, wait_words
from reporting.web.office import Asked, Office, office_of
from reporting.web.second_step import refused

NOT_A_SECOND = "The second person must be somebody else of safeguarding, with their own password and code."

STAND_INS = {"head_deputy": "headteacher"}
"""Contacts whose account has another role's name."""


def is_about(account: Account, row: AlertRow, office: Office) -> bool:
    """Whether *row* may be about *account* itself, as far as the numbers of people with a role are known (G7)."""
    person = person_of(row.subject)
    same = {STAND_INS.get(role, role) for role, number in office.persons.items() if number == person}
    return not same.isdisjoint(account.roles)


async def second_person(request: Asked, me: Account, row: AlertRow, form: dict[str, str]) -> str:
    """The name of the second person of *form*, whose password and code are right; ReasonError otherwise."""
    office, name_given = office_of(request), tidy(form.get("second", ""))
    if wait := office.attempts.wait(address_of(request), name_given):
        raise ReasonError(wait_words(wait))
    office.attempts.failed(address_of(request), name_given)
    other = await office.accounts.verify(name_given, form.get("second_password", ""))
    if other is None or other.id == me.id or other.roles.isdisjoint(SAFEGUARDING) or is_about(other, row, office):
        raise ReasonError(NOT_A_SECOND)
    if await refused(request, other, form.get("second_code", "")):
        raise ReasonError(NOT_A_SECOND)
    office.attempts.succeeded(address_of(request), name_given)
    return other.name
