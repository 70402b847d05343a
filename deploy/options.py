"""What the commands have in common: options of one meaning, and a refusal as sentences and exit code 1."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import rich_click as click

from deploy import toml_file
from reporting.logline import plain

log = logging.getLogger("schoolgate.command")

REFUSED = 1
INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended: 128 and the signal's number."""


LONGEST = 1_000
"""Characters of a sentence: it may end with a line for an administrator, which is of no use when it is cut."""


def config[F: Callable[..., Any]](command: F) -> F:
    """Add --config."""
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        help="The schoolgate.toml to use; else $SCHOOLGATE_CONFIG, ./schoolgate.toml, /etc/schoolgate/schoolgate.toml.",
    )(command)


def as_json[F: Callable[..., Any]](command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def check[F: Callable[..., Any]](command: F) -> F:
    """Add --check."""
    return click.option("--check", is_flag=True, help="Only say whether it would work; change and start nothing.")(
        command
    )


def sentences(error: toml_file.RefusedError | OSError | ValueError) -> list[str]:
    """What *error* says to a person, a line each."""
    match error:
        case toml_file.RefusedError():
            return error.problems
        case OSError():
            # a file's name may come from an archive, and be any that no disk takes
            return [f"{plain(str(error.filename or 'schoolgate'))}: {plain(error.strerror or str(error), LONGEST)}"]
        case _:
            return [f"schoolgate: {plain(str(error), LONGEST)}"]


def refusals[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Turn a refusal into its sentences and exit code 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has gone, and a complaint would go nowhere
            sys.exit(0)
        except (toml_file.RefusedError, OSError, ValueError) as error:  # other types are mistakes of ours and are shown
            log.debug("This is where it was refused:", exc_info=True)
            for problem in sentences(error):
                click.echo(problem, err=True)
            sys.exit(REFUSED)

    return guarded
