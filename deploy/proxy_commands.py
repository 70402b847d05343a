"""`schoolgate proxy`: what the web filter's workers have seen that a technician may act on."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from deploy import options

if TYPE_CHECKING:
    from deploy.config import Settings
    from proxy_addons.distrust import Group


@click.group(name="proxy")
def group() -> None:
    """The web filter: what its workers have seen."""


@group.command(name="refusals")
@options.config
@options.as_json
@options.refusals
def proxy_refusals(file: Path | None, as_json: bool) -> None:
    """Say which apps do not take the school's certificate, and which entry would let each through unopened.

    An app that brings its own list of authorities works only if its connections are not opened. Nothing is changed:
    an entry is for a person to weigh, as the pages behind it are then neither scanned nor judged one by one.
    """
    from deploy import config

    settings = config.load(file)
    found = refusals(settings)
    if as_json:
        click.echo(json.dumps({"refusals": [_as_json(one) for one in found]}, indent=2))
        return
    for one in found:
        for line in _in_words(one, settings):
            click.echo(line)
    if not found:
        click.echo("No app has refused the school's certificate in the last 14 days.")


@group.command(name="notice")
@options.config
@click.option("--shown", "profiles", multiple=True, metavar="PROFILE", help="Its users were shown it: put on record.")
@click.option("--by", default="", metavar="NAME", help="Who answers for that; with --shown.")
@options.as_json
@options.refusals
def proxy_notice(file: Path | None, profiles: tuple[str, ...], by: str, as_json: bool) -> None:
    """Write the notice for users: whose connections are opened, what is looked at in them, what is never opened.

    It is of policy.toml and the lists as they are. No connection of a profile is opened before its users were shown
    what it says of them, and somebody has put that on record.
    Example: `schoolgate proxy notice --shown ks2 --shown staff --by "A. Okafor"`, then `schoolgate policy apply`
    """
    import msgspec

    from deploy import config, notice, policy_file, shown
    from reporting.logline import plain

    settings = config.load(file)
    book = policy_file.read(settings.policy)
    if profiles or by:
        if not profiles:
            raise click.UsageError("--by goes with --shown PROFILE")
        shown.note(settings, book, profiles, by)
        told = {"shown": profiles, "not_shown": shown.unshown(settings, book)}
        words = f"On record for {', '.join(profiles)}. schoolgate policy apply puts it in force."
        click.echo(json.dumps(told, indent=2) if as_json else words)
        return
    made = notice.of(settings, book)
    if as_json:
        click.echo(json.dumps({**msgspec.to_builtins(made), "not_shown": shown.unshown(settings, book)}, indent=2))
        return
    for line in notice.in_words(made):
        click.echo(plain(line))


def refusals(settings: "Settings") -> "list[Group]":
    """What all workers of this machine have seen; a file that cannot be read is left out."""
    import contextlib

    import msgspec

    from proxy_addons.distrust import Seen, merged

    seen = []
    for path in sorted(settings.worker_status.glob("refusals-*.json")):
        with contextlib.suppress(OSError, ValueError):
            seen.append(msgspec.json.decode(path.read_bytes(), type=Seen))
    return merged(seen)


def _as_json(one: "Group") -> dict[str, Any]:
    return {
        "app": one.app,
        "host": one.host,
        "profile": one.profile,
        "count": one.count,
        "devices": one.devices,
        "first": _time(one.first_ns),
        "last": _time(one.last_ns),
        "proposal": {"key": f"profiles.{one.profile}.allow", "add": one.host},
    }


def _in_words(one: "Group", settings: "Settings") -> tuple[str, str]:
    from reporting.logline import plain

    times = "once" if one.count == 1 else f"{one.count} times"
    devices = "1 device" if one.devices == 1 else f"{one.devices} devices"
    return (
        (
            f"{plain(one.app)} to {plain(one.host)}: {times}, {devices} with the profile {plain(one.profile)}, "
            f"last {_time(one.last_ns)}"
        ),
        (
            f'  to let it through unopened, if you trust it: add "{plain(one.host)}" to allow in '
            f"[profiles.{plain(one.profile)}] of {settings.policy}, then: schoolgate policy apply"
        ),
    )


def _time(ns: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.UTC).isoformat()
