"""Building an index in a process of its own: `in_child` asks, this file run as a program answers.

What a list does to memory, and what a library does on a hostile pattern, ends with the child. The job comes as JSON on
standard input; each line on standard output is a step of progress, or the error that ended it.
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from blocklists import compile as compiler
from blocklists.gather import Progress, Source


class Job(msgspec.Struct, frozen=True):
    """What to build: *sources* by list name, into *folder*, said to be built at *built_ns* (UTC nanoseconds)."""

    sources: dict[str, tuple[Source, ...]]
    folder: Path
    built_ns: int


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line from the child: progress, or with *message* the error that ended it.

    *number* is the errno where it was an OSError, and *file* what it was about.
    """

    step: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    number: int = 0
    file: str = ""


def in_child(sources: Mapping[str, tuple[Source, ...]], folder: Path, built_ns: int, progress: Progress) -> None:
    """Build an index of *sources* in *folder* in a child process; raises as `compile.build` does.

    A child that ends without a word (killed for its memory, say) is an OSError.
    """
    job = msgspec.json.encode(Job(dict(sources), folder, built_ns), enc_hook=str)
    command = [sys.executable, "-m", "blocklists.child"]
    with subprocess.Popen(  # noqa: S603 - our own program, and no word of the command is another's
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
    ) as child:
        assert child.stdin
        assert child.stdout
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(job)
                child.stdin.close()
            for line in child.stdout:
                hear(msgspec.json.decode(line, type=Said), progress)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        why = f"for want of memory, or after {MOST_SECONDS} s of work"
        raise OSError(0, f"building the index ended with {child.returncode}, {why}", str(folder))


def _environment() -> dict[str, str]:
    """Ours, with the folder that this package is in, wherever the child looks for it."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}


def hear(said: Said, progress: Progress) -> None:
    """Pass a step on to *progress*, and raise what the child ended with."""
    if said.number:
        raise OSError(said.number, said.message, said.file)
    if said.message:
        raise ValueError(said.message)
    progress(said.step, said.done, said.total)


MOST_SECONDS = 900
"""Of processor time for one build: five million names take 30 here, and ten times that on the smallest gateway."""
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG (prctl(2)): whoever asked is gone, and nobody would take what is built."""


def main() -> None:
    """Do the job on standard input."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends us
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job, dec_hook=lambda kind, value: kind(value))
    try:
        compiler.build(job.sources, job.folder, job.built_ns, lambda *step: _say(Said(*step)))
    except OSError as error:
        _say(Said(message=error.strerror or str(error), number=error.errno or 5, file=str(error.filename or "")))
    except ValueError as error:
        _say(Said(message=str(error)))


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
