"""A smaller form of the day that `python -m tests.bench.replay` replays whole."""

from tests.bench.replay import replay


async def test_all_planted_concerns_of_a_day_alert_and_hardly_anything_else(tmp_path):
    outcome = await replay(tmp_path, pupils=60, requests=2_500, seed=3)
    assert outcome.missed == set()
    assert sum(outcome.others.values()) <= 3, outcome.others
    assert outcome.breaches > 100
