from tests.fuzz import packets


async def test_thousands_of_mutated_packets_raise_nothing_and_every_answer_is_sound():
    """The first rounds of `python -m tests.fuzz.packets`, which goes on for millions."""
    await packets.run(3 * packets.ROUND, seed=1)
