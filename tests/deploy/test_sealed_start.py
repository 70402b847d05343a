"""No process decides without the sealed lists that were once loaded."""

import shutil

import pytest

from blocklists import sealed_marker
from blocklists.sealed_marker import Loaded
from deploy import config, setup
from tests.support.commands import schoolgate
from tests.support.sealed_lists import seal


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return setup.init(tmp_path_factory.mktemp("whole") / "school", "Test School", shown_by="A. Okafor").folder


@pytest.fixture
def settings(whole, tmp_path):
    """A school of its own to seal lists in."""
    return config.load(shutil.copytree(whole, tmp_path / "school", symlinks=True) / config.NAME)


@pytest.mark.parametrize("command", [("dns",), ("worker",), ("run", "--check"), ("reporting", "--check")], ids=" ".join)
@pytest.mark.parametrize("loss", ["lists", "one list", "key", "another key", "state elsewhere"])
def test_no_start_without_the_sealed_lists_that_were_loaded(settings, command, loss):
    seal(settings, "one.test", name="one")
    sealed_marker.write(settings.files, {"one": Loaded(1), **({"two": Loaded(1)} if loss == "one list" else {})}, 1)
    if loss == "lists":
        settings.files.sealed.unlink()
    elif loss == "key":
        settings.files.sealing_key.unlink()
    elif loss == "another key":
        settings.files.sealing_key.write_bytes(bytes(32))
    elif loss == "state elsewhere":
        shutil.copytree(settings.files.state, settings.folder / "other", symlinks=True)
        (settings.folder / "other" / "sealed").unlink()
        settings.file.write_text(settings.file.read_text().replace('state = "state"', 'state = "other"'))
    ran = schoolgate(*command, "--config", str(settings.file))
    assert ran.returncode == 1
    assert "schoolgate sealed import FILE --list NAME" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
