"""The `schoolgate` command.

Exit codes: 0 good, 1 refused (the sentence says why), 2 not understood, 130 ended by Ctrl-C. Each command imports
what it needs when it runs, so that a process started by it carries nothing of the others.
"""
# ruff: noqa: PLC0415, PLR0917 - see above; click hands over a command's options one by one

import sys
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import rich_click as click

    from deploy import (
        alert_commands,
        backup_commands,
        database_commands,
        lists_commands,
        options,
        phrases_commands,
        proxy_commands,
        purge_commands,
        sealed_commands,
        toml_file,
    )
except KeyboardInterrupt:  # this takes a tenth of a second, in which somebody may think better of it
    sys.exit(130)

if TYPE_CHECKING:
    from blocklists.rulebook import Rulebook
    from deploy.config import Settings

click.rich_click.TEXT_MARKUP = "markdown"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="schoolgate")
def main() -> None:
    """Schoolgate: a school's own web filter and safeguarding monitor.

    Begin with `schoolgate demo`, a whole school on this machine's loopback, or with `schoolgate init DIR` for a real
    one.
    """


main.add_command(alert_commands.group)
main.add_command(lists_commands.group)
main.add_command(phrases_commands.group)
main.add_command(sealed_commands.group)
main.add_command(proxy_commands.group)
main.add_command(backup_commands.backup)
main.add_command(backup_commands.restore)
main.add_command(purge_commands.purge)
main.add_command(purge_commands.month_keys)
main.add_command(database_commands.group)


def _say_good(settings: "Settings") -> None:
    """Say that *settings* and all that they name are good, with what is probably not meant; RefusedError if not."""
    from deploy import checks

    _say_remarks(settings, checks.check_whole(settings))
    click.echo(f"{settings.file} is good.")


def _say_remarks(settings: "Settings", book: "Rulebook") -> None:
    from deploy import remarks

    for remark in remarks.of(settings, book):
        click.echo(remark, err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--school", default="Our School", show_default=True, help="The school's name on pages.")
@options.refusals
def init(folder: Path, school: str) -> None:
    """Set up FOLDER: configuration, policy, keys, interception CA, lists and index. Overwrites nothing."""
    import shlex

    from deploy import setup

    made = setup.init(folder, school)
    config = f"--config {shlex.quote(str(made.folder / 'schoolgate.toml'))}"
    click.echo(
        f"{made.folder} is set up: policy version 1 is in force, the index has {made.entries} names.\n\n"
        f"  networks       nobody is answered until {made.folder}/schoolgate.toml says who is where\n"
        f"  policy         {made.folder}/policy.toml, then:\n"
        f"                 schoolgate policy apply {config}\n"
        f"  notice         no connection is opened before its users were shown what is looked at in them:\n"
        f"                 schoolgate proxy notice {config}\n"
        f"                 then the same with --shown PROFILE --by NAME, and schoolgate policy apply {config}\n"
        f"  certificate    {made.folder}/keys/ca.crt goes onto the school's devices\n"
        f"                 SHA-256 {made.fingerprint}\n"
        f"  first account  the technician's: open the staff pages at /enrol with this one-use token, shown only now:\n"
        f"                 {made.token}\n"
        f"  DSL, head      schoolgate account invite dsl {config}\n"
        f"                 schoolgate account invite headteacher {config}\n"
        f"  deputies       schoolgate account invite deputy, and head_deputy; or by DSL and head on the page People\n"
        f"  out of hours   who hears of an urgent alert at night and in the holidays? Decide it with the DSL, and\n"
        f"                 into reporting.contacts.on_call or reporting.channels: that is an address, and whoever has\n"
        f"                 it acknowledges by an account of their own, dsl or deputy. Then: schoolgate alert test\n\n"
        f"Start with: schoolgate run {config}"
    )


@main.command()
@options.config
@options.check
@options.refusals
def run(file: Path | None, check: bool) -> None:
    """Start DNS, signer, proxy and reporting, and keep them running until Ctrl-C. On a gateway systemd does this."""
    from deploy import config, keep

    settings = config.load(file)
    if check:
        _say_good(settings)
        return
    sys.exit(keep.run(settings))


def _process(name: str, words: str) -> None:
    """Add the command that runs the process *name*."""

    @main.command(name=name, help=words)
    @click.option("--instance", type=click.IntRange(0, 63), default=0, show_default=True, help="This process's number.")
    @options.config
    @options.check
    @options.refusals
    def command(instance: int, file: Path | None, check: bool) -> None:
        from deploy import config, rooms

        if check:
            settings = config.load(file)
            if name == "doh":
                rooms.refuse_without_doh(settings)
            if name == "closed":
                rooms.refuse_without_closed(settings)
            _say_good(settings)
            return
        starts = {
            "dns": rooms.start_dns,
            "doh": rooms.start_doh,
            "signer": rooms.start_signer,
            "peek": rooms.start_peek,
            "worker": rooms.start_worker,
            "closed": rooms.start_closed,
            "reporting": rooms.start_reporting,
        }
        sys.exit(starts[name](instance, file))


_process("dns", "Answer DNS: one process of the resolver, several may share the port.")
_process("doh", "Ask a resolver over HTTPS for the DNS filter: one process, where the configuration names one.")
_process("signer", "Make certificates for the workers: one process, the only one that has the interception key.")
_process("peek", "Take the connections of clients: one front door of the web filter, several may share the port.")
_process("worker", "Answer HTTP and HTTPS: one process of the filtering proxy, behind the front door.")
_process("closed", "Show the page of names that DNS refused, at the closed address: one process.")
_process("reporting", "Keep the breach log, send the alerts, serve the staff pages: one process.")


@main.group()
def policy() -> None:
    """The school's policy: who may see what, and when."""


@policy.command(name="apply")
@options.config
@options.check
@options.as_json
@options.refusals
def policy_apply(file: Path | None, check: bool, as_json: bool) -> None:
    """Check policy.toml and put it in force as the next version; every running process takes it up within a second.

    A policy with a mistake is refused, and the one in force stays. It also puts the networks of schoolgate.toml in
    force. A calendar that has run out, or does so within 30 days, is told on standard error, and so is what is allowed
    but probably not meant.
    Example: `schoolgate policy apply --check`
    """
    import contextlib
    import json
    import time

    from deploy import checks, config, policy_file, setup, state_lock

    settings = config.load(file)
    with contextlib.nullcontext() if check else state_lock.held(settings.files):
        settings = config.load(file)  # again: while this command waited, the file may have become another
        try:
            book = policy_file.read(settings.policy)
            checks.check_profiles(settings, book)
        except toml_file.RefusedError as error:
            if not check:
                policy_file.note_refusal(error.problems, settings.files)
            raise
        if sentence := book.calendar.running_out(time.time_ns(), book.zone):
            click.echo(f"{settings.policy}: {sentence}", err=True)
        _say_remarks(settings, book)
        if check:
            click.echo(json.dumps({"good": True}) if as_json else f"{settings.policy} is good; nothing was changed.")
            return
        version = policy_file.apply(book, settings)
        setup.write_clients(settings)
    click.echo(json.dumps({"version": version}) if as_json else f"Policy version {version} is in force.")


@main.command()
@click.argument("question", metavar="HOST|URL")
@click.option("--profile", help="Who asks: a profile such as ks2.")
@click.option("--client", "address", help="Who asks: an address, such as 10.20.3.4.")
@click.option("--at", help="When, local time, such as 2027-01-11T10:00; without it, now.")
@options.as_json
@options.config
@options.refusals
def explain(
    question: str, profile: str | None, address: str | None, at: str | None, as_json: bool, file: Path | None
) -> None:
    """Say what somebody would meet at HOST or URL, and why: the decision's steps, down to the rule that answers.

    Example: `schoolgate explain roblox.com --profile ks2 --at 2027-01-11T10:00`
    """
    import json

    from blocklists.live import Live
    from deploy import config
    from deploy import explain as explaining

    if (profile is None) == (address is None):
        raise click.UsageError("say who asks: either --profile or --client")
    settings = config.load(file)
    live = Live(settings.files)
    live.refresh()
    proxy, dns = settings.config.proxy, settings.config.dns
    found = explaining.explain(live, question, profile=profile, address=address, at=at, proxy=proxy, dns=dns)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
        return
    for line in explaining.in_words(found):
        click.echo(line)


@main.group()
def account() -> None:
    """Accounts of the staff pages."""


@account.command(name="invite")
@click.argument("roles", nargs=-1, required=True, metavar="ROLE...")
@options.config
@options.as_json
@options.refusals
def account_invite(roles: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Invite somebody to an account with one or more roles.

    They are technician, dsl, deputy (the DSL's), headteacher, head_deputy, chair, governor and auditor.

    Prints a token that works once, within 14 days, at /enrol of the staff pages; the person chooses the password there.
    Example: `schoolgate account invite dsl`
    """
    import json

    from deploy import config, invitation

    settings = config.load(file)
    token = invitation.invite(settings.files, roles)
    page = f"{settings.config.reporting.public_url}/enrol"
    if as_json:
        click.echo(json.dumps({"token": token, "roles": list(roles), "page": page}))
        return
    click.echo(f"An account with the role {' and '.join(roles)} can be made once, within {invitation.DAYS} days:")
    click.echo(f"  {page}\n  token: {token}")


@main.command()
@click.option(
    "--exit",
    "once",
    is_flag=True,
    help="Ask as each client, print what happened, end: 0 if all is right.",
)
@click.option(
    "--lists",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="List files to use in place of the starter lists of the same names.",
)
@options.as_json
@options.refusals
def demo(once: bool, folder: Path | None, as_json: bool) -> None:
    """Run a whole school on this machine's loopback: nameserver, web sites, mail, clients of every age."""
    from deploy.demo import school

    if as_json and not once:
        raise click.UsageError("--json goes with --exit")
    sys.exit(school.run(once=once, lists=folder, as_json=as_json))


if __name__ == "__main__":
    main()
