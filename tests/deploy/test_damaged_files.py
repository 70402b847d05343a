"""A file that is damaged, missing or full meets a sentence that names it and exit code 1, never a traceback."""

import resource
import shutil
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from blocklists import index
from deploy import config, setup
from tests.support.commands import COMMAND, free_ports, schoolgate, unmeasured


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A school as init makes it, on free ports."""
    folder = tmp_path_factory.mktemp("whole") / "school"
    setup.init(folder, "Test School", shown_by="A. Okafor")
    machine = folder / config.NAME
    text = machine.read_text()
    used = ("127.0.0.1:5300", "127.0.0.1:5301", "127.0.0.1:8080", "127.0.0.1:8600", "9160", "9180", "9155")
    for old, port in zip(used, free_ports(len(used)), strict=True):
        text = text.replace(old, f"127.0.0.1:{port}" if ":" in old else str(port))
    machine.write_text(text)
    return folder


@pytest.fixture
def school(whole, tmp_path):
    """A copy of it to damage."""
    return shutil.copytree(whole, tmp_path / "school", symlinks=True)


def refused(school, *arguments):
    """What the command says when it is refused."""
    ran = schoolgate(*arguments, "--config", str(school / config.NAME))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("process", ["dns", "worker"])
def test_a_full_disk_names_the_folder_of_the_journals(school, process):
    """A limit of 16 bytes a file fails the first write of the journal, as a full disk does."""
    ran = subprocess.run(
        [*COMMAND, process, "--config", str(school / config.NAME)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=unmeasured(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY)),
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(f"{school / 'spool'}: ")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("content", [b"", b"garbage " * 7, bytes(32)], ids=["empty", "garbage", "no point"])
@pytest.mark.parametrize("process", ["dns", "worker"])
def test_a_key_of_journals_that_is_none_is_named(school, process, content):
    path = school / "keys" / "journal.pub"
    path.write_bytes(content)
    assert refused(school, process) == f"{path}: this is not the public key that `schoolgate init` made for journals"


def other_key():
    return serialization_of(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())


def locked_key():
    return serialization_of(
        ec.generate_private_key(ec.SECP256R1()), serialization.BestAvailableEncryption(b"a password")
    )


def serialization_of(key, encryption):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize("command", [("signer",), ("run", "--check")], ids=["start", "check"])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("ca.key", b"", "proxy.ca_key: {path} holds no key (PEM)"),
        ("ca.key", b"\xff" * 50, "proxy.ca_key: {path} holds no key (PEM)"),
        ("ca.key", other_key(), "proxy.ca_key: {path} is not the key of "),
        ("ca.key", locked_key(), "proxy.ca_key: {path} holds no key (PEM) that can be used without a password"),
        ("ca.crt", b"", "proxy.ca_certificate: {path} holds no certificate (PEM)"),
        ("ca.crt", b"\xff" * 50, "proxy.ca_certificate: {path} holds no certificate (PEM)"),
        ("ca.crt", None, "proxy.ca_certificate: there is no file {path}"),
    ],
    ids=["empty key", "no key", "other key", "locked key", "empty certificate", "no certificate", "missing"],
)
def test_an_authority_that_cannot_be_used_is_named_by_its_setting(school, command, name, content, says):
    path = school / "keys" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert f"{school / config.NAME}: {says.format(path=path)}" in refused(school, *command)


@pytest.mark.parametrize(("name", "folder"), [("sealed.key", "keys"), ("sealed", "state")])
def test_a_damaged_file_of_sealed_lists_is_named(school, name, folder):
    path = school / folder / name
    path.write_bytes(b"x")
    (school / "list.txt").write_text("hidden.test\n")
    assert refused(school, "sealed", "import", str(school / "list.txt"), "--list", "a").startswith(f"{path}: ")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("name", [index.MANIFEST, *index.FILES[:2]])
def test_a_damaged_index_is_named_with_what_mends_it(school, name):
    current = school / "state" / "index" / index.CURRENT
    (current / name).write_bytes(b"x")
    said = refused(school, "lists", "lookup", "games.test")
    assert said.startswith(f"{current}: ")
    assert said.endswith("run: schoolgate lists compile")
    assert "no policy and index that can be read" in refused(school, "explain", "games.test", "--profile", "ks2")
    schoolgate("lists", "compile", "--config", str(school / config.NAME))
    assert schoolgate("lists", "lookup", "games.test", "--config", str(school / config.NAME)).returncode == 0


def test_a_mistake_of_our_own_still_shows_where_it_was_made():
    """A command that meets a type of error that nobody foresaw."""
    program = "from deploy import options\n@options.refusals\ndef broken(): raise KeyError('x')\nbroken()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "Traceback" in ran.stderr
    refusing = subprocess.run(
        [sys.executable, "-c", program.replace("KeyError('x')", "ValueError('this is no number')")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refusing.returncode, refusing.stderr) == (1, "schoolgate: this is no number\n")
