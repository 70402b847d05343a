"""A school installed as on a gateway, in a folder in place of `/`: systemd's own programs make its users and folders.

The users are numbers that only this folder's passwd knows. Each unit's command runs as its user, with the credentials,
umask and capabilities that the unit says; the folder is all that there is, and goes with the test.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import sealing
from tests.support.commands import COMMAND, wait_until_ready
from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
PROGRAMS = ("systemd-sysusers", "systemd-tmpfiles", "setpriv", "unshare", "mount")
"""What this needs, besides being root."""
HANDOVER = "/run/schoolgate-handover/"
SEALED_HOST = "sealed.test"
"""The one entry of the school's sealed list."""

SEEN_BY_ALL = r"""
stage=$1; shift
place=0
for hidden in $HIDDEN; do
    place=$((place + 1)); mkdir -p "$stage/$place"; mount --rbind "$hidden" "$stage/$place"
done
for cover in $COVERS; do mount -t tmpfs -o mode=755 none "$cover"; done
place=0
for hidden in $HIDDEN; do
    place=$((place + 1)); mkdir -p "$hidden"; mount --rbind "$stage/$place" "$hidden"
done
umask "$UMASK"
exec "$@"
"""
"""In a mount namespace of its own: what lies below a folder that only root may enter is shown to all in its place."""


class Installed:
    """A school below *root*, as docs/how-to/install-on-a-gateway.md lays it out; *gateway* has its ports."""

    def __init__(self, root: Path):
        root.chmod(0o755)
        self.root = root
        (root / "etc").mkdir()
        subprocess.run(["systemd-sysusers", f"--root={root}", SYSTEMD / "schoolgate.sysusers"], check=True)
        self.gateway = Gateway(root / "etc")
        sealing.seal_list(self.gateway.settings, "practice", iter([SEALED_HOST.encode()]))
        self.folder = self.gateway.folder = self.gateway.folder.rename(root / "etc" / "schoolgate")
        self.gateway.certificate = self.folder / "keys" / "ca.crt"
        made = ["systemd-tmpfiles", f"--root={root}", "--create", SYSTEMD / "schoolgate.tmpfiles"]
        subprocess.run(made, check=True)

    def numbers(self, database):
        """The numbers that *database* ("passwd" or "group") of this root gives to names."""
        rows = (line.split(":") for line in (self.root / "etc" / database).read_text().splitlines())
        return {row[0]: int(row[2]) for row in rows}

    def as_user_of(self, unit, *command):
        """*command* as the user and group of *unit*, without a capability."""
        user, group = self.numbers("passwd")[_said(unit, "User")], self.numbers("group")[_said(unit, "Group")]
        return [
            *("setpriv", f"--reuid={user}", f"--regid={group}", self._groups_of(unit), "--no-new-privs"),
            *("--inh-caps=-all", "--bounding-set=-all", *command),
        ]

    def _groups_of(self, unit):
        """The groups besides, in which systemd puts a unit's user: those that name it as a member."""
        rows = (line.split(":") for line in (self.root / "etc" / "group").read_text().splitlines())
        named = [row[2] for row in rows if _said(unit, "User") in row[3].split(",")]
        return f"--groups={','.join(named)}" if named else "--clear-groups"

    @contextlib.contextmanager
    def running(self, unit):
        """The main process of *unit*, from the moment that it says it is ready; ended as systemd ends it."""
        name = unit.name.replace("@", "@0")
        inside = self.root / "run" / name
        inside.mkdir(parents=True)
        address = inside / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, (inside / "log").open("ab") as log:
            listener.bind(str(address))
            address.chmod(0o666)
            environment = {
                **environment_of(_said(unit, "UMask")),
                "NOTIFY_SOCKET": str(address),
                "CREDENTIALS_DIRECTORY": str(self._credentials(unit, inside)),
            }
            command = seen_by_all(inside / "stage", *self.as_user_of(unit, *self._command(unit)))
            with subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd="/") as process:
                try:
                    wait_until_ready(listener, process, 60)
                    yield process
                finally:
                    process.send_signal(signal.SIGTERM)
                    process.wait(60)
        shutil.rmtree(inside)

    def ended(self, unit):
        """What became of *unit*, one that does its work and ends: its exit code, and what it printed."""
        return run_for_all(self.as_user_of(unit, *self._command(unit)), _said(unit, "UMask"))

    def by_root(self, *words):
        """What became of a command that root gave."""
        return run_for_all([*COMMAND, *words, "--config", str(self.folder / "schoolgate.toml")], "0077")

    def _command(self, unit):
        """ExecStart for instance 0, with this checkout in place of /opt/schoolgate."""
        line = _said(unit, "ExecStart").replace("%i", "0").replace("/etc/schoolgate", str(self.folder))
        return shlex.split(line.replace("/opt/schoolgate/.venv/bin", str(Path(sys.executable).parent)))

    def _source(self, path):
        """Where this root has the file at *path*; the key of the front door is made by its unit's command."""
        if path.startswith(HANDOVER):
            made = Path(path.replace("/run", str(self.root / "run"), 1))
            if not made.exists():
                made.parent.mkdir(parents=True)
                line = _said(SYSTEMD / "schoolgate-handover.service", "ExecStart")
                subprocess.run(shlex.split(line.replace(path, str(made))), check=True)
            return made
        return path.replace("/etc/schoolgate", str(self.folder))

    def _credentials(self, unit, inside):
        """The files that *unit* loads, for its user's eyes only, as systemd gives them."""
        given, user = inside / "credentials", self.numbers("passwd")[_said(unit, "User")]
        given.mkdir()
        for line in _all_said(unit, "LoadCredential"):
            name, source = line.split(":")
            copy = Path(shutil.copy(self._source(source), given / name))
            copy.chmod(0o400)
            os.chown(copy, user, -1)
        given.chmod(0o500)
        os.chown(given, user, -1)
        return given


def seen_by_all(stage, *command):
    """*command* where every user sees what it needs of Python and this checkout; *stage* is an empty folder."""
    return ["unshare", "--mount", "--propagation=private", "sh", "-euc", SEEN_BY_ALL, "sh", stage, *command]


def run_for_all(command, umask):
    """Run *command* to its end by `seen_by_all`."""
    with tempfile.TemporaryDirectory() as stage:
        return subprocess.run(
            seen_by_all(stage, *command),
            env=environment_of(umask),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            cwd=ROOT,
            check=False,
        )


def environment_of(umask):
    """The environment for a command of `seen_by_all`."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "UMASK": umask, **_hidden()}


def _all_said(unit, key):
    return [line.removeprefix(f"{key}=") for line in unit.read_text().splitlines() if line.startswith(f"{key}=")]


def _said(unit, key):
    (value,) = _all_said(unit, key)
    return value


def _hidden():
    """What must be seen by all and is not (Python, the checkout), and the folders that hide it."""
    found = {}
    for needed in {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}:
        closed = [folder for folder in needed.parents if not folder.stat().st_mode & 0o001]
        if closed:
            found[str(needed)] = str(closed[-1])
    return {"HIDDEN": " ".join(found), "COVERS": " ".join(sorted(set(found.values())))}
