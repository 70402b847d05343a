"""What root's commands write, the services read, whatever root's umask is: users and folders are made by systemd."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.commands import COMMAND
from tests.support.installed import run_for_all

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = ("schoolgate-dns", "schoolgate-signer", "schoolgate-proxy", "schoolgate-reporting")

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("systemd-tmpfiles"), reason="only root changes users, and systemd-tmpfiles"
)


def run(*command, **options):
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def installed(root):
    """Users and folders as the how-to makes them, under *root*; the numbers of the services' users and their group."""
    run("systemd-sysusers", f"--root={root}", str(SYSTEMD / "schoolgate.sysusers"))
    run("systemd-tmpfiles", f"--root={root}", "--create", str(SYSTEMD / "schoolgate.tmpfiles"))
    rows = [line.split(":") for name in ("passwd", "group") for line in (root / "etc" / name).read_text().split()]
    numbers = {row[0]: int(row[2]) for row in rows if row[0] in (*SERVICES, "schoolgate")}
    return [numbers[name] for name in SERVICES], numbers["schoolgate"]


def commands(folder, umask):
    """Every command that changes the state, as root with *umask*."""
    for words in (
        ("policy", "apply"),
        ("account", "invite", "dsl"),
        ("sealed", "import", "-", "--list", "practice"),
    ):
        run(*COMMAND, *words, "--config", str(folder / "schoolgate.toml"), umask=umask, input="hidden.test\n")
    (folder / "games.txt").write_text("mine.test\n")
    for words in (("compile",), ("import", str(folder / "games.txt")), ("remove", "games"), ("update",)):
        ran = run_for_all([*COMMAND, "lists", *words, "--config", str(folder / "schoolgate.toml")], f"{umask:04o}")
        assert ran.returncode == 0, ran.stdout


@pytest.fixture
def root():
    """Where other users may go, as pytest's folders are not."""
    with tempfile.TemporaryDirectory(prefix="schoolgate-permissions-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs_root
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077], ids=oct)
def test_each_service_reads_the_whole_state_whatever_the_umask_of_root(root, umask):
    folder = root / "etc" / "schoolgate"
    folder.parent.mkdir()
    run(*COMMAND, "init", str(folder), umask=umask)
    users, group = installed(root)
    for _ in range(2):  # into the folders that init made, and into those that the commands made
        commands(folder, umask)
        for user in users:  # the locks alone are not: no service can hold a command up
            found = run(
                "find",
                "state",
                "sealed.loaded",
                "!",
                "-readable",
                cwd=folder,
                user=user,
                group=group,
                extra_groups=[],
                umask=umask,
            )
            assert sorted(found.split()) == ["state/lists/.lock", "state/lock"]
        shutil.rmtree(folder / "state" / "index")
        shutil.rmtree(folder / "state" / "lists")
        shutil.rmtree(folder / "state" / "invitations")


@needs_root
def test_nobody_else_reads_the_state(root):
    folder = root / "etc" / "schoolgate"
    folder.parent.mkdir()
    run(*COMMAND, "init", str(folder))
    installed(root)
    looked = subprocess.run(
        ["ls", "state"],
        cwd=folder,
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Permission denied" in looked.stderr
