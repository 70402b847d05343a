"""The `schoolgate` command.

Exit codes: 0 good, 1 refused (the sentence says why), 2 not understood, 130 ended by Ctrl-C. Each command imports
what it needs when it runs, so that a process started by it carries nothing of the others.
"""
# ruff: noqa: PLC0415, PLR0917 - see above; click hands over a command's options one by one

import logging
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import rich_click as click

    from deploy import toml_file
except KeyboardInterrupt:  # this takes a tenth of a second, in which somebody may think better of it
    sys.exit(130)

if TYPE_CHECKING:
    from blocklists.rulebook import Rulebook
    from deploy.config import Settings

log = logging.getLogger("schoolgate.command")

REFUSED = 1
INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended: 128 and the signal's number."""

click.rich_click.TEXT_MARKUP = "markdown"


def _config_option[F: Callable[..., Any]](command: F) -> F:
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        help="The schoolgate.toml to use; else $SCHOOLGATE_CONFIG, ./schoolgate.toml, /etc/schoolgate/schoolgate.toml.",
    )(command)


def _json_option[F: Callable[..., Any]](command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def _check_option[F: Callable[..., Any]](command: F) -> F:
    return click.option("--check", is_flag=True, help="Only say whether it would work; change and start nothing.")(
        command
    )


def _refusals[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Turn a refusal into its sentences and exit code 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except toml_file.RefusedError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            sys.exit(REFUSED)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has gone, and a complaint would go nowhere
            sys.exit(0)
        except OSError as error:
            click.echo(f"{error.filename or 'schoolgate'}: {error.strerror or error}", err=True)
            sys.exit(REFUSED)
        except ValueError as error:  # a value that a room refused; every other type is a mistake of ours and is shown
            log.debug("This is where it was refused:", exc_info=True)
            click.echo(f"schoolgate: {error}", err=True)
            sys.exit(REFUSED)

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="schoolgate")
def main() -> None:
    """Schoolgate: a school's own web filter and safeguarding monitor.

    Begin with `schoolgate demo`, a whole school on this machine's loopback, or with `schoolgate init DIR` for a real
    one.
    """


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
@_refusals
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
        f"  certificate    {made.folder}/keys/ca.crt goes onto the school's devices\n"
        f"                 SHA-256 {made.fingerprint}\n"
        f"  first account  the technician's: open the staff pages at /enrol with this one-use token, shown only now:\n"
        f"                 {made.token}\n"
        f"  DSL, head      schoolgate account invite dsl {config}\n"
        f"                 schoolgate account invite headteacher {config}\n\n"
        f"Start with: schoolgate run {config}"
    )


@main.command()
@_config_option
@_check_option
@_refusals
def run(file: Path | None, check: bool) -> None:
    """Start DNS, proxy and reporting, and keep them running until Ctrl-C. On a real gateway systemd does this."""
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
    @_config_option
    @_check_option
    @_refusals
    def command(instance: int, file: Path | None, check: bool) -> None:
        from deploy import config, rooms

        if check:
            _say_good(config.load(file))
            return
        starts = {"dns": rooms.start_dns, "worker": rooms.start_worker, "reporting": rooms.start_reporting}
        sys.exit(starts[name](instance, file))


_process("dns", "Answer DNS: one process of the resolver, several may share the port.")
_process("worker", "Answer HTTP and HTTPS: one process of the filtering proxy.")
_process("reporting", "Keep the breach log, send the alerts, serve the staff pages: one process.")


@main.group()
def policy() -> None:
    """The school's policy: who may see what, and when."""


@policy.command(name="apply")
@_config_option
@_check_option
@_json_option
@_refusals
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
        version = policy_file.apply(book, settings.files)
        setup.write_clients(settings)
    click.echo(json.dumps({"version": version}) if as_json else f"Policy version {version} is in force.")


@main.command()
@click.argument("question", metavar="HOST|URL")
@click.option("--profile", help="Who asks: a profile such as ks2.")
@click.option("--client", "address", help="Who asks: an address, such as 10.20.3.4.")
@click.option("--at", help="When, local time, such as 2027-01-11T10:00; without it, now.")
@_json_option
@_config_option
@_refusals
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
    proxy = settings.config.proxy
    found = explaining.explain(live, question, profile=profile, address=address, at=at, proxy=proxy)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
        return
    for line in explaining.in_words(found):
        click.echo(line)


@main.group()
def lists() -> None:
    """The lists of names: build the index from them, look a name up."""


@lists.command(name="compile")
@click.option(
    "--accept", "accepted", multiple=True, metavar="LIST", help="Accept this list although it is empty or shrunk."
)
@_config_option
@_json_option
@_refusals
def lists_compile(accepted: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Read every list and build a new index; running processes take it up within a second.

    A list that came out empty, or with less than half of its names, is refused and the index in force stays: a failed
    download looks like that. Example: `schoolgate lists compile --accept gambling`
    """
    import json

    from deploy import config, listing

    settings = config.load(file)
    build, parsed = listing.compile_lists(settings, frozenset(accepted))
    rows = [
        {"list": name, "names": len(one.names), "skipped": one.skipped_count, "lines": one.lines}
        for name, one in parsed.items()
    ]
    if as_json:
        click.echo(json.dumps({"build": build.name, "lists": rows}, indent=2))
        return
    for name, one in parsed.items():
        click.echo(f"{name:24}{len(one.names):>9} names{one.skipped_count:>8} lines skipped")
        for skipped in one.skipped[:5]:
            click.echo(f"    line {skipped.line}: {skipped.reason}")
    click.echo(f"Index {build.name} is in force.")


@lists.command(name="lookup")
@click.argument("name", metavar="HOST")
@_config_option
@_json_option
@_refusals
def lists_lookup(name: str, file: Path | None, as_json: bool) -> None:
    """Say which lists name HOST or a parent of it. Sealed lists are never looked up."""
    import json

    from blocklists import domain, index, url
    from deploy import config

    settings = config.load(file)
    parsed = url.canonical(name) if "/" in name else None
    host = parsed.host if parsed else domain.canonical(name)
    if host is None:
        raise toml_file.RefusedError([f"{name!r} is not the name of a host"])
    current = settings.files.index / index.CURRENT
    try:
        found = index.Index(current).listed(host)
    except index.DamagedIndexError as error:
        raise toml_file.RefusedError([f"{current}: {error}; run: schoolgate lists compile"]) from None
    if as_json:
        click.echo(json.dumps([{"rule": one.rule, "lists": list(one.lists)} for one in found], indent=2))
    elif not found:
        click.echo(f"{host} is on no list.")
    for one in () if as_json else found:
        click.echo(f"{one.rule:40}{', '.join(one.lists)}")


@main.group(name="sealed")
def sealed_lists() -> None:
    """Lists of illegal content, kept so that nobody can read them."""


@sealed_lists.command(name="import")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--list", "name", required=True, help="The list's name, such as iwf.")
@click.option("--accept", is_flag=True, help="Accept it although it has less than half of the entries in force.")
@_config_option
@_refusals
def sealed_import(source: Iterable[bytes], name: str, accept: bool, file: Path | None) -> None:
    """Seal a list of hosts and URLs, one a line; its plain text is never written. Replaces a list of that name.

    Example: `schoolgate sealed import - --list iwf < list.csv`
    """
    from deploy import config, listing

    if not name.replace("-", "").replace("_", "").isalnum():
        raise toml_file.RefusedError([f"--list: {name!r} must be letters, digits, - and _"])
    entries, skipped = listing.seal_list(config.load(file), name, iter(source), accept=accept)
    click.echo(f"{name}: {entries} entries sealed, {skipped} lines skipped because they name no host.")


@main.group()
def account() -> None:
    """Accounts of the staff pages."""


@account.command(name="invite")
@click.argument("roles", nargs=-1, required=True, metavar="ROLE...")
@_config_option
@_json_option
@_refusals
def account_invite(roles: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Invite somebody to an account with one or more roles: technician, dsl, headteacher, chair.

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
@_json_option
@_refusals
def demo(once: bool, folder: Path | None, as_json: bool) -> None:
    """Run a whole school on this machine's loopback: nameserver, web sites, mail, clients of every age."""
    from deploy.demo import school

    if as_json and not once:
        raise click.UsageError("--json goes with --exit")
    sys.exit(school.run(once=once, lists=folder, as_json=as_json))


if __name__ == "__main__":
    main()
