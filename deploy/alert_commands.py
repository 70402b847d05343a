"""`schoolgate alert`: that alerts reach somebody, tried before they must."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

import asyncio
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy import options

if TYPE_CHECKING:
    from reporting.settings import ReportingSettings


@click.group(name="alert")
def group() -> None:
    """Alerts: whether they reach the people that they must reach."""


@group.command(name="test")
@options.config
@options.refusals
def alert_test(file: Path | None) -> None:
    """Send a test alert by every way that a real one could take, to everybody who would be told.

    Due once a term, and after each change of address, mail server or channel; today's page says when it is.
    """
    from blocklists import snapshot
    from deploy import config
    from deploy.toml_file import RefusedError
    from reporting import alert_tests
    from reporting.settings import CONTACT_ROLES

    settings = config.load(file)
    contacts = settings.config.reporting.contacts
    told = [role for role in CONTACT_ROLES if contacts.address(role)]
    ways = [*told, *settings.config.reporting.channels]
    if not ways:
        raise RefusedError(["reporting.contacts: there is no address and no channel, so a test reaches nobody"])
    folder = settings.files.state / alert_tests.FOLDER
    if not folder.exists():
        folder.mkdir()
        snapshot.share(folder, 0o755)
    (folder / secrets.token_hex(16)).touch()
    click.echo(
        f"Asked for a test alert to: {', '.join(ways)}. Reporting sends it within seconds if it runs; today's page and"
        " its outbox say what became of it. Ask each of them whether it came."
    )


@group.command(name="confirm")
@click.argument("code", required=False)
@click.option("--send", is_flag=True, help="Send a new code to the DSL's address.")
@options.config
@options.refusals
def alert_confirm(code: str | None, file: Path | None, send: bool) -> None:
    """Confirm that the DSL's address is the DSL's: send a code there, then give the CODE that the DSL read to you.

    Until then alerts about pupils go to the headteacher, and named visits are not kept. Start DNS and reporting again
    afterwards.
    """
    from deploy import config, rooms
    from deploy.toml_file import RefusedError
    from reporting import confirmation

    settings = config.load(file)
    address = settings.config.reporting.contacts.dsl
    if not address:
        raise RefusedError(["reporting.contacts.dsl: there is no address to confirm"])
    if send == bool(code):
        raise RefusedError(["schoolgate alert confirm: give the code that came, or --send to send one"])
    if code:
        confirmation.finish(settings.files.state, address, code, time.time_ns())
        click.echo(f"{address} is confirmed: alerts about pupils go there once reporting and DNS were started again.")
        return
    asyncio.run(_send_code(rooms.reporting_settings(settings), settings.files.state))
    click.echo(f"A code is on its way to {address}. Ask the DSL for it, then: schoolgate alert confirm CODE")


async def _send_code(settings: "ReportingSettings", state: Path) -> None:
    from email.message import EmailMessage

    import aiosmtplib

    from deploy.toml_file import RefusedError
    from reporting import confirmation, mail

    code, letter = confirmation.new_code(), EmailMessage()
    letter["From"], letter["To"] = settings.mail.sender, settings.contacts.dsl
    letter["Subject"], body = confirmation.letter(code, "")
    letter.set_content(body)
    try:
        await mail.send(settings.mail, letter)
    except (OSError, aiosmtplib.SMTPException, mail.MailRefusedError) as error:
        raise RefusedError([f"reporting.mail: the mail server did not take it: {error}"]) from error
    confirmation.begin(state, settings.contacts.dsl, code, time.time_ns())
