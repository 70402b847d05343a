"""Who may do what on the staff pages and in the API: one table of actions and roles, from which both are made.

A page says which action it is, and whoever has no role that may do it never reaches it; what a role may do with a
*particular* alert or entry is `reporting.web.viewer`'s to say. Whoever has several roles may do what any of them may.
This file knows no page, no clock and no database.
"""

import enum
from collections.abc import Collection, Mapping

TECHNICIAN, DSL, DEPUTY, HEADTEACHER = "technician", "dsl", "deputy", "headteacher"
HEAD_DEPUTY, CHAIR, GOVERNOR, AUDITOR = "head_deputy", "chair", "governor", "auditor"

ROLES = (TECHNICIAN, DSL, DEPUTY, HEADTEACHER, HEAD_DEPUTY, CHAIR, GOVERNOR, AUDITOR)
"""Every role, in the order in which a page names them; *deputy* is the deputy DSL, *head_deputy* the headteacher's."""

SAFEGUARDING = frozenset({DSL, DEPUTY, HEADTEACHER, HEAD_DEPUTY, CHAIR})
"""Roles that alerts are routed to (G7): their log-in always has a second step."""


class Action(enum.StrEnum):
    """Something that a person may do, as the table, the pages' marks and the API name it."""

    TODAY = "today.read"
    OWN_ACCOUNT = "account.own"
    BREACHES_READ = "breaches.read"
    BREACHES_EXPORT = "breaches.export"
    BREACHES_EXPLAIN = "breaches.explain"
    CHANGES_PROPOSE = "changes.propose"
    HEALTH_READ = "health.read"
    TOKENS_MANAGE = "tokens.manage"
    ALERTS_READ = "alerts.read"
    ALERTS_TRIAGE = "alerts.triage"
    NAMES_REVEAL = "names.reveal"
    NAMES_WRITE = "names.write"
    INCIDENTS_READ = "incidents.read"
    INCIDENTS_WRITE = "incidents.write"
    INCIDENTS_EXPORT = "incidents.export"
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_MANAGE = "accounts.manage"
    LOOKS_READ = "looks.read"
    LOOKS_ASK = "looks.ask"
    LOOKS_GRANT = "looks.grant"
    OVERSIGHT_READ = "oversight.read"


_EVERYBODY = frozenset(ROLES)
_OF_THE_LOG = frozenset({TECHNICIAN, *SAFEGUARDING})
_OF_NAMES = SAFEGUARDING - {CHAIR}

MAY: Mapping[Action, frozenset[str]] = {
    Action.TODAY: _EVERYBODY,
    Action.OWN_ACCOUNT: _EVERYBODY,
    Action.BREACHES_READ: _OF_THE_LOG,
    Action.BREACHES_EXPORT: _OF_THE_LOG,
    Action.BREACHES_EXPLAIN: _OF_THE_LOG,
    Action.CHANGES_PROPOSE: frozenset({TECHNICIAN, *_OF_NAMES}),
    Action.HEALTH_READ: frozenset({TECHNICIAN, *_OF_NAMES, AUDITOR}),
    Action.TOKENS_MANAGE: _OF_THE_LOG,
    Action.ALERTS_READ: SAFEGUARDING,
    Action.ALERTS_TRIAGE: SAFEGUARDING,
    Action.NAMES_REVEAL: _OF_NAMES,
    Action.NAMES_WRITE: _OF_NAMES,
    Action.INCIDENTS_READ: SAFEGUARDING,
    Action.INCIDENTS_WRITE: SAFEGUARDING,
    Action.INCIDENTS_EXPORT: SAFEGUARDING,
    Action.ACCOUNTS_READ: frozenset({TECHNICIAN, DSL, HEADTEACHER, CHAIR, AUDITOR}),
    Action.ACCOUNTS_MANAGE: frozenset({TECHNICIAN, DSL, HEADTEACHER, CHAIR}),
    Action.LOOKS_READ: frozenset({HEADTEACHER, HEAD_DEPUTY, CHAIR, AUDITOR}),
    Action.LOOKS_ASK: SAFEGUARDING,
    Action.LOOKS_GRANT: SAFEGUARDING,
    Action.OVERSIGHT_READ: frozenset({HEADTEACHER, HEAD_DEPUTY, CHAIR, GOVERNOR, AUDITOR}),
}
"""The table. A governor and an auditor see no entry, no alert and no person; a deputy sees to no account."""

GIVES: Mapping[str, frozenset[str]] = {
    TECHNICIAN: frozenset({TECHNICIAN, GOVERNOR, AUDITOR}),
    DSL: frozenset({DSL, DEPUTY}),
    HEADTEACHER: frozenset({TECHNICIAN, DSL, DEPUTY, HEADTEACHER, HEAD_DEPUTY, GOVERNOR, AUDITOR}),
    CHAIR: frozenset({HEADTEACHER, HEAD_DEPUTY, CHAIR, GOVERNOR, AUDITOR}),
}
"""Which roles somebody may give, take away, and see to the accounts of.

Nobody reaches what they may not read by way of an account that they make: a technician makes no DSL here, a DSL no
headteacher, a headteacher no chair. The first of each comes from `schoolgate account invite`, at the machine itself.
"""


def may(roles: Collection[str], action: Action) -> bool:
    """Whether somebody with *roles* may do *action*."""
    return not MAY[action].isdisjoint(roles)


def gives(roles: Collection[str]) -> frozenset[str]:
    """The roles that somebody with *roles* may give and take away."""
    return frozenset().union(*(GIVES.get(role, frozenset()) for role in roles))


def needs_second_step(roles: Collection[str]) -> bool:
    """Whether a log-in with *roles* needs a code besides the password."""
    return not SAFEGUARDING.isdisjoint(roles)
