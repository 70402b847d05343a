import os
import subprocess
import sys

import pytest

from blocklists.new_file import write_new
from tests.support.commands import unmeasured


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_new_file_has_its_mode_whatever_the_umask(tmp_path, mode):
    before = os.umask(0o077)
    try:
        write_new(tmp_path / "key", b"secret", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == mode


def test_nothing_is_written_over_or_through(tmp_path):
    (tmp_path / "here").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("here", "link"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"new")
    assert (tmp_path / "here").read_bytes() == b"old"
    assert not (tmp_path / "elsewhere").exists()


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from blocklists.new_file import write_new
resource.setrlimit(resource.RLIMIT_FSIZE, (3, resource.RLIM_INFINITY))
write_new(Path(sys.argv[1]), b"secret")
"""


def test_a_full_disk_is_said_with_the_name_of_the_file_and_leaves_no_half(tmp_path):
    path = tmp_path / "key"
    command = [sys.executable, "-c", ON_A_FULL_DISK, path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=unmeasured())
    assert ran.stderr.splitlines()[-1].endswith(f"File too large: '{path}'")
    assert not path.exists()
