"""A killed process's half of a coverage file costs a run neither a warning nor the coverage of others."""

import os
import subprocess
import sys
from pathlib import Path

import coverage
import pytest

from tests.support.coverage_files import drop_damaged

ROOT = Path(__file__).parents[1]
LINES = {"a.py": [1, 2, 3]}


@pytest.fixture
def whole(tmp_path):
    """A file as a process writes it when it ends."""
    file = tmp_path / ".coverage.machine.1.whole"
    data = coverage.CoverageData(basename=str(file))
    data.add_lines(LINES)
    data.write()
    data.close()
    return file


def test_a_whole_file_stays(tmp_path, whole):
    assert drop_damaged(tmp_path) == []
    assert whole.exists()


def test_wherever_files_were_cut_off_what_stays_is_put_together_without_a_warning(tmp_path, whole):
    content = whole.read_bytes()
    cut = [tmp_path / f".coverage.machine.2.{size:08}" for size in range(0, len(content), 2048)]
    for file in cut:
        file.write_bytes(content[: int(file.suffix[1:])])
    gone = drop_damaged(tmp_path)
    assert set(gone) <= set(cut)
    assert len(gone) > len(cut) / 2
    together = coverage.Coverage(data_file=str(tmp_path / ".coverage"))
    together.combine([str(tmp_path)])
    assert {Path(name).name: together.get_data().lines(name) for name in together.get_data().measured_files()} == LINES
    together.get_data().close()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(4080)])
def test_what_is_no_coverage_goes(tmp_path, content):
    (tmp_path / ".coverage.strange").write_bytes(content)
    assert drop_damaged(tmp_path) == [tmp_path / ".coverage.strange"]


@pytest.mark.parametrize(("plugin", "warned"), [("tests.conftest", False), ("tests.support", True)])
def test_a_run_in_which_a_process_was_killed_says_nothing_of_it(tmp_path, whole, plugin, warned):
    left = tmp_path / ".coverage.machine.2.half"
    content = whole.read_bytes()[:-4096]
    (tmp_path / "test_killed.py").write_text(
        f"from pathlib import Path\ndef test_it():\n    Path({str(left)!r}).write_bytes({content!r})\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider", "--cov=.", "test_killed.py"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert "1 passed" in said
    assert ("Couldn't use data file" in said) is warned
    assert left.exists() is warned
