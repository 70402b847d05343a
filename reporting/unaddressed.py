"""Where alerts go for want of the right address, as sentences for today's page (`reporting.alerts.route`, G15)."""

from reporting.alerts import one_person
from reporting.settings import ContactSettings


def notices(contacts: ContactSettings) -> tuple[str, ...]:
    """What stays red on today's page: where alerts go for want of the right address (`reporting.alerts.route`, G15)."""
    return tuple(sentence for sentence in (_about_pupils(contacts), _about_staff(contacts)) if sentence)


def _about_pupils(contacts: ContactSettings) -> str:
    if contacts.dsl and contacts.dsl_confirmed:
        return ""
    head = bool(contacts.headteacher)
    if contacts.dsl and head:
        return "The DSL's address is not confirmed yet, so alerts about pupils go to the headteacher."
    if contacts.dsl:
        return (
            "The DSL's address is not confirmed yet and no address of the headteacher is known, "
            "so alerts about pupils go to the DSL all the same."
        )
    if head:
        return "No address of the DSL is known, so alerts about pupils go to the headteacher."
    return "No address of the DSL or the headteacher is known, so mail about pupils reaches nobody."


def _about_staff(contacts: ContactSettings) -> str:
    if not contacts.headteacher:
        return "No address of the headteacher is known, so mail about staff reaches nobody."
    if one_person(contacts) and not contacts.chair:
        return "DSL and headteacher have one address and the chair's is not known, so alerts about staff go there too."
    return ""
