import os
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reporting.breach import Breach
from reporting.frames import CHUNK, Reader, Tampered, read_frames
from reporting.journal import HEAD, MAX_PAYLOAD
from reporting.payload import Damaged
from tests.support.journals import SEED, breach, open_journal


@pytest.fixture
def written(tmp_path):
    """A journal of five breaches and a heartbeat, the offsets of the six and of the end, and its bytes."""
    journal = open_journal(tmp_path)
    offsets = [journal.write(breach(number)) for number in range(5)]
    offsets.append(journal.end)
    journal.heartbeat(9)
    journal.close()
    return journal.path, [*offsets, journal.end], journal.path.read_bytes()


def kinds(path, seed=SEED):
    return [type(frame.record).__name__ for frame in read_frames(path, seed=seed)]


WHOLE = ["Breach"] * 5 + ["Heartbeat"]


def test_a_tail_torn_at_any_byte_ends_the_reading_and_keeps_what_is_before(written):
    path, offsets, content = written
    for length in range(offsets[3], offsets[4]):
        path.write_bytes(content[:length])
        assert kinds(path) == ["Breach"] * 3, length


def test_reading_goes_on_where_it_stopped_once_the_torn_frame_is_whole(written):
    path, offsets, content = written
    path.write_bytes(content[: offsets[5] - 1])
    with Reader(path) as reader:
        reader.verify(SEED)
        assert len(reader.read()) == 4
        assert reader.read() == []
        with path.open("r+b") as file:
            file.write(content)
        assert [type(frame.record).__name__ for frame in reader.read()] == ["Breach", "Heartbeat"]
        assert not reader.broken


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_at_any_place_of_a_frame_costs_that_frame_only(written, bit):
    path, offsets, content = written
    for place in range(offsets[2], offsets[3]):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        found = list(read_frames(path, seed=SEED))
        names = [type(frame.record).__name__ for frame in found]
        in_mac = place - offsets[2] in range(8, HEAD.size)
        assert names[2] == ("Tampered" if in_mac else "Damaged"), place
        assert names[:2] + names[3:] == ["Breach", "Breach", "Breach", "Breach", "Heartbeat"], place
        assert found[2].offset == offsets[2]
        assert found[2].next_offset == offsets[3]


def test_a_frame_that_somebody_rewrote_is_said_to_be_tampered_with_and_shown(written):
    path, offsets, content = written
    payload = content[offsets[1] + HEAD.size : offsets[2]].replace(b"gambling", b"blogging")
    mac = content[offsets[1] + 8 : offsets[1] + HEAD.size]
    frame = HEAD.pack(len(payload), zlib.crc32(payload), mac) + payload
    path.write_bytes(content[: offsets[1]] + frame + content[offsets[2] :])
    found = [frame.record for frame in read_frames(path, seed=SEED)]
    assert isinstance(found[1], Tampered)
    assert isinstance(found[1].record, Breach)
    assert "blogging" in found[1].record.host
    assert [type(record).__name__ for record in found].count("Tampered") == 1


def test_a_frame_with_a_mac_of_the_forgers_own_is_found_too(written):
    path, offsets, content = written
    payload = content[offsets[1] + HEAD.size : offsets[2]].replace(b"gambling", b"blogging")
    frame = HEAD.pack(len(payload), zlib.crc32(payload), bytes(16)) + payload
    path.write_bytes(content[: offsets[1]] + frame + content[offsets[2] :])
    assert kinds(path) == ["Breach", "Tampered", "Breach", "Breach", "Breach", "Heartbeat"]


def test_a_frame_that_was_taken_out_is_noticed_and_the_chain_is_found_again(written):
    path, offsets, content = written
    path.write_bytes(content[: offsets[1]] + content[offsets[2] :])
    assert kinds(path) == ["Breach", "Tampered", "Breach", "Breach", "Heartbeat"]


def test_a_frame_that_was_taken_out_is_noticed_at_the_heartbeat_even_without_the_seed(written):
    path, offsets, content = written
    path.write_bytes(content[: offsets[1]] + content[offsets[2] :])
    assert kinds(path, seed=None) == ["Breach"] * 4 + ["Tampered"]


def test_frames_written_twice_or_in_another_order_are_noticed(written):
    path, offsets, content = written
    one, two = content[offsets[1] : offsets[2]], content[offsets[2] : offsets[3]]
    path.write_bytes(content[: offsets[1]] + two + one + content[offsets[3] :])
    assert "Tampered" in kinds(path)
    path.write_bytes(content[: offsets[2]] + one + content[offsets[2] :])
    assert "Tampered" in kinds(path)


def test_a_cut_while_the_writer_lives_shows_at_the_next_frame(tmp_path):
    journal = open_journal(tmp_path)
    offsets = [journal.write(breach(number)) for number in range(3)]
    os.truncate(journal.path, offsets[2])
    journal.write(breach(3))
    journal.close()
    os.truncate(journal.path, journal.path.stat().st_size)
    assert kinds(journal.path)[:3] == ["Breach", "Breach", "Tampered"]


def test_another_journals_seed_fits_nothing(written):
    path, _, _ = written
    assert kinds(path, seed=bytes(32))[0] == "Tampered"


def test_after_a_long_forged_stretch_reading_still_goes_on(tmp_path):
    journal = open_journal(tmp_path)
    for number in range(40):
        journal.write(breach(number))
    journal.heartbeat(1)
    journal.close()
    found = kinds(journal.path, seed=bytes(32))
    assert found[0] == "Tampered"
    assert found.count("Breach") == 39


def test_a_reader_that_starts_in_the_middle_checks_the_chain_from_there(written):
    path, offsets, _ = written
    with Reader(path) as reader:
        reader.verify(SEED)
        reader.read(2)
        place = {"offset": reader.offset, "count": reader.count, "head": reader.head}
    assert place["offset"] == offsets[2]
    with Reader(path, **place) as reader:
        reader.verify(SEED)
        assert [type(frame.record).__name__ for frame in reader.read()] == WHOLE[2:]
        assert not reader.broken


def test_a_length_that_points_past_the_end_does_not_hold_up_what_follows(written):
    path, offsets, content = written
    flipped = bytearray(content)
    flipped[offsets[1] + 1] |= 0x00
    flipped[offsets[1] + 2] |= 0xF0
    path.write_bytes(flipped)
    assert kinds(path) == ["Breach", "Damaged", "Breach", "Breach", "Breach", "Heartbeat"]


def test_a_damaged_header_loses_the_header_and_no_record(written):
    path, _, content = written
    path.write_bytes(b"XXXX" + content[4:])
    with Reader(path) as reader:
        assert reader.header is None
        assert [type(frame.record).__name__ for frame in reader.read()] == ["Damaged", *WHOLE]


def test_megabytes_of_damage_are_gone_over(tmp_path):
    journal = open_journal(tmp_path)
    journal.write(breach())
    middle = journal.end
    journal.write(breach(1))
    journal.close()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:middle] + b"\xff" * (2 * CHUNK) + content[middle:])
    found = [frame.record for frame in read_frames(journal.path)]
    assert found[0] == breach()
    assert found[-1] == breach(1)
    assert all(isinstance(record, Damaged) for record in found[1:-1])


def test_frames_across_the_edge_of_a_reading_are_read_once(tmp_path):
    journal = open_journal(tmp_path)
    for number in range(40):
        journal.write(breach(number, path="/" + "x" * 60_000))
    journal.close()
    assert journal.end > 2 * CHUNK
    found = list(read_frames(journal.path, seed=SEED))
    assert [frame.record.at_ns for frame in found if isinstance(frame.record, Breach)] == [
        breach(number).at_ns for number in range(40)
    ]


def test_what_is_left_at_the_end_is_called_torn_or_damaged(written):
    path, offsets, content = written
    for tail, torn in ((content[offsets[4] : offsets[5] - 3], True), (b"\xff" * 60, False), (b"\0\0", True)):
        path.write_bytes(content[: offsets[4]] + tail)
        with Reader(path) as reader:
            reader.read()
            rest = reader.rest()
            assert rest is not None
            assert isinstance(rest.record, Damaged)
            assert (rest.record.torn, rest.record.raw) == (torn, tail)
    path.write_bytes(content[: offsets[4]])
    with Reader(path) as reader:
        reader.read()
        assert reader.rest() is None


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd"), lambda path: path.mkdir()])
def test_only_a_regular_file_is_a_journal(tmp_path, make):
    path = tmp_path / "a.journal"
    make(path)
    with pytest.raises(OSError, match=r"regular|symbolic"):
        Reader(path)


@given(st.binary(max_size=600))
@example(b"SGJRNL1\n" + bytes(24))
@settings(max_examples=300)
def test_no_bytes_make_the_reader_raise(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.journal"
    path.write_bytes(content)
    for frame in read_frames(path, seed=SEED):
        assert 0 <= frame.offset < frame.next_offset <= len(content)


@given(cut=st.integers(0, 900), junk=st.binary(max_size=60), place=st.integers(0, 900))
@settings(max_examples=200)
def test_no_damage_in_the_middle_makes_the_reader_raise_or_go_backwards(tmp_path_factory, cut, junk, place):
    folder = tmp_path_factory.mktemp("any")
    journal = open_journal(folder)
    for number in range(4):
        journal.write(breach(number))
    journal.close()
    content = journal.path.read_bytes()
    content = (content[:place] + junk + content[place + len(junk) :])[: len(content) - cut]
    journal.path.write_bytes(content)
    at = 0
    for frame in read_frames(journal.path, seed=SEED):
        assert at <= frame.offset < frame.next_offset <= len(content)
        at = frame.next_offset


def test_the_longest_payload_is_shorter_than_a_reading():
    assert MAX_PAYLOAD + HEAD.size < CHUNK
