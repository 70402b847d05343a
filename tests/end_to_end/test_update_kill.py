"""`kill -9` at any moment of an update: the next start has a whole index, of the old lists or of the new ones."""

import os

from tests.support import killed_updates

KILLS = int(os.environ.get("SCHOOLGATE_KILLS", "12"))
"""`python -m tests.bench.kill_update` kills fifty."""


def test_an_update_that_is_killed_leaves_a_whole_index_and_the_next_one_succeeds(tmp_path):
    rounds = list(killed_updates.rounds(tmp_path / "school", KILLS, seed=1))
    assert len(rounds) == KILLS
    assert [one for one in rounds if one.wrong] == []
