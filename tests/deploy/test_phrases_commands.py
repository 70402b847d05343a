"""`schoolgate phrases`: from a school's own table into force, and what a page scores."""

import json
from pathlib import Path

import pytest

from tests.support.commands import schoolgate


@pytest.fixture
def school(tmp_path: Path) -> Path:
    folder = tmp_path / "school"
    assert schoolgate("init", str(folder), "--school", "Oak Lane School").returncode == 0
    return folder


def test_a_school_s_own_phrases_come_into_force_and_bad_lines_are_told(school: Path) -> None:
    (school / "phrases").mkdir()
    own = school / "phrases" / "own.csv"
    own.write_text("phrase,weight,category,language\nmoon cheese,120,gambling,\nx,10,gambling,\n")
    page = school / "page.html"
    page.write_text("<p>Moon <b>ch</b>eese!</p>")
    config = ("--config", str(school / "schoolgate.toml"))
    assert schoolgate("phrases", "score", str(page), *config).stdout == "0\n"
    ran = schoolgate("phrases", "compile", *config)
    assert ran.returncode == 0
    assert "phrases are in force" in ran.stdout
    assert "own.csv, line 3: left out: a part is too short" in ran.stderr
    assert schoolgate("phrases", "score", str(page), *config).stdout == "120 (gambling): moon cheese +120\n"
    told = json.loads(schoolgate("phrases", "score", str(page), "--json", *config).stdout)
    assert told == {"score": 120, "category": "gambling", "evidence": [{"phrase": "moon cheese", "weight": 120}]}
    again = json.loads(schoolgate("phrases", "compile", "--json", *config).stdout)
    assert [left["line"] for left in again["left_out"]] == [3]
