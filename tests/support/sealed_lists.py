"""Sealed lists of a school in a folder: sealed, asked about, and looked for in everything that is kept."""

import json
import subprocess

from deploy import sealed_record, sealing
from tests.support.commands import COMMAND

TWO = sealed_record.Two("A. Example", "B. Example")
BY_TWO = ("--by", TWO.by, "--with", TWO.other)


def seal(settings, *entries, name="practice", **options):
    """Put a list of *entries* in force."""
    return sealing.seal_list(settings, name, [entry.encode() for entry in entries], **options)


def run(settings, *words, text=None):
    """What `schoolgate sealed ...` does with *text* on its standard input: (exit code, output, complaints)."""
    command = [*COMMAND, "sealed", *words, "--config", str(settings.file)]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def record(settings):
    """The lines of the record."""
    return [json.loads(line) for line in settings.files.sealed_record.read_text().splitlines()]


def everything(folder):
    """The bytes of every file under *folder*."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
