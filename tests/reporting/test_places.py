"""Where reporting keeps what it has besides its rows."""

import pytest

from blocklists.live import Files
from reporting import places

SERVER = "postgresql://reporting@db.school.test/schoolgate"


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "state", tmp_path / "keys", tmp_path / "spool")


def test_log_ins_lie_beside_the_database(tmp_path, files):
    database = str(tmp_path / "own" / "school.db")
    assert places.session_folder(database, files) == tmp_path / "own" / "sessions"


def test_beside_a_database_on_a_server_is_a_folder_that_nobody_else_reads(tmp_path, files):
    assert places.session_folder(SERVER, files) == tmp_path / "database" / "sessions"
    assert (tmp_path / "database").stat().st_mode & 0o777 == 0o700


def test_the_disk_of_a_database_is_looked_after_where_it_is_ours(tmp_path, files):
    assert set(places.disks(str(tmp_path / "school.db"), files)) == {"Database", "State", "Journals"}
    assert set(places.disks(SERVER, files)) == {"State", "Journals"}
