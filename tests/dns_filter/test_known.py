import pytest
from msgspec import structs

from dns_filter import reply
from dns_filter.answer import Answer, failure
from dns_filter.known import LARGE_LIFE, LARGE_ROOM, LARGEST, REST, STALE_TTL, STALE_USED, TROUBLE, Known
from dns_filter.reply import Body, Note
from dns_filter.wire import name_of

NAME, FLAGS = name_of("www.learning.test"), b"\0\0"
A, AAAA = NAME + b"\0\1\0\1" + FLAGS, NAME + b"\0\x1c\0\1" + FLAGS
DAY = 86400
SILENT = failure(reply.NO_AUTHORITY, "no resolver answered in time")


def found(life, *, code=reply.NOERROR, counts=(1, 0, 0)):
    record = b"\xc0\x0c\0\1\0\1" + life.to_bytes(4) + b"\0\4\xc0\0\2\1"
    return Answer(Body(code, record, counts), life, offsets=(6,), ttls=(life,))


def missing(life):
    return found(life, code=reply.NXDOMAIN, counts=(0, 1, 0))


@pytest.fixture
def known():
    return Known(1 << 20, DAY)


def test_nothing_is_known_of_what_nobody_asked(known):
    assert known.at_hand(A, 0.0) is None
    assert known.stale(A, 0.0) is None


@pytest.mark.parametrize(
    ("life", "due"), [(1, 1), (3, 3), (4, 3), (20, 15), (60, 54), (300, 270), (DAY, DAY - 8640)], ids=str
)
def test_an_answer_is_given_until_it_is_due_and_then_to_its_end(known, life, due):
    assert known.keep(A, found(life), 100.0).answer.life == due
    early, late = known.at_hand(A, 100.0 + due - 0.1), known.at_hand(A, 100.0 + life - 0.1)

    assert (early.answer.life, early.due) == (due, False)
    assert (late.answer.life, late.due) == (life, due < life)
    assert known.at_hand(A, 100.0 + life) is None


def test_what_holds_for_no_time_is_given_once_and_ends_what_was_known(known):
    known.keep(A, found(60), 0.0)
    given = known.keep(A, found(0), 70.0)

    assert given.answer.life == 0
    assert (known.at_hand(A, 70.0), known.stale(A, 70.0), len(known.answers)) == (None, None, 0)


def test_a_name_that_does_not_exist_is_missing_for_all_types(known):
    known.keep(A, missing(60), 0.0)

    assert known.at_hand(AAAA, 30.0).answer.body.code == reply.NXDOMAIN


def test_a_name_without_records_of_one_type_may_have_others(known):
    known.keep(A, found(60, counts=(0, 1, 0)), 0.0)
    assert known.at_hand(AAAA, 1.0) is None


def test_an_alias_to_nowhere_is_itself_no_missing_name(known):
    known.keep(A, found(60, code=reply.NXDOMAIN, counts=(1, 1, 0)), 0.0)

    assert known.at_hand(A, 1.0).answer.body.code == reply.NXDOMAIN
    assert known.at_hand(AAAA, 1.0) is None


def test_a_question_for_type_zero_says_nothing_of_other_types(known):
    known.keep(NAME + b"\0\0\0\1" + FLAGS, found(60, counts=(0, 1, 0)), 0.0)
    assert known.at_hand(A, 1.0) is None


@pytest.mark.parametrize(("flags", "same"), [(b"\1\0", False), (b"\0\1", False), (FLAGS, True)], ids=["do", "cd", "no"])
def test_signatures_and_unchecked_answers_are_kept_apart(known, flags, same):
    known.keep(A, missing(60), 0.0)
    assert (known.at_hand(A[:-2] + flags, 1.0) is not None) is same


def test_the_last_word_counts(known):
    known.keep(A, found(60), 0.0)
    known.keep(AAAA, missing(60), 1.0)
    assert known.at_hand(A, 2.0).answer.body.code == reply.NXDOMAIN

    known.keep(A, found(60), 3.0)
    assert known.at_hand(A, 4.0).answer.body.code == reply.NOERROR
    assert known.at_hand(AAAA, 4.0) is None


def test_a_failure_is_remembered_for_a_second(known):
    assert known.fail(A, SILENT, 5.0).answer == SILENT

    assert known.at_hand(A, 5.9).answer.note == SILENT.note
    assert known.at_hand(AAAA, 5.9) is None
    assert known.at_hand(A, 6.0) is None


def test_a_failure_leaves_a_good_answer_in_place(known):
    known.keep(A, found(60), 0.0)
    given = known.fail(A, SILENT, 61.0)

    assert (given.stale, given.answer.body.code, given.answer.note) == (True, reply.NOERROR, Note(reply.STALE))


@pytest.mark.parametrize(("later", "due"), [(0.0, False), (REST - 0.1, False), (REST, True), (TROUBLE - 0.1, True)])
def test_upstream_has_rest_and_is_then_asked_behind_the_stale_answer(known, later, due):
    known.keep(A, found(60), 0.0)
    known.fail(A, SILENT, 61.0)
    given = known.at_hand(A, 61.0 + later)

    assert (given.stale, given.due) == (True, due)


def test_long_after_a_failure_clients_wait_for_upstream_again(known):
    known.keep(A, found(60), 0.0)
    known.fail(A, SILENT, 61.0)

    assert known.at_hand(A, 61.0 + TROUBLE) is None
    assert known.stale(A, 61.0 + TROUBLE).stale


def test_a_stale_answer_is_short_and_says_so(known):
    known.keep(A, found(300), 0.0)
    given = known.stale(A, 400.0)

    assert (given.born, given.answer.life, given.answer.ttls) == (400.0, STALE_USED, (STALE_TTL,))


def test_a_stale_answer_that_says_there_is_no_name_has_a_note_of_its_own(known):
    known.keep(A, missing(300), 0.0)
    assert known.stale(A, 400.0).answer.note == Note(reply.STALE_NXDOMAIN)


@pytest.mark.parametrize(("code", "told"), [(reply.FILTERED, reply.FILTERED), (reply.OTHER, reply.STALE)], ids=str)
def test_a_stale_refusal_says_that_it_is_one(known, code, told):
    known.keep(A, Answer(reply.no_data(60), 60, note=Note(code, "points into private space")), 0.0)
    assert known.stale(A, 90.0).answer.note.code == told


@pytest.mark.parametrize(("stale_for", "age", "given"), [(0, 60, False), (100, 159, True), (100, 160, False)], ids=str)
def test_an_answer_is_stale_for_so_long_and_no_longer(stale_for, age, given):
    known = Known(1 << 20, stale_for)
    known.keep(A, found(60), 0.0)

    assert (known.stale(A, float(age)) is not None) is given


def test_without_stale_answers_a_failure_is_given(known):
    known = Known(1 << 20, 0)
    known.keep(A, found(60), 0.0)

    assert known.fail(A, SILENT, 61.0).answer == SILENT
    assert known.at_hand(A, 61.5).answer.body.code == reply.SERVFAIL
    assert known.at_hand(A, 62.0) is None


def test_a_good_answer_ends_the_rest(known):
    known.fail(A, SILENT, 0.0)
    known.keep(A, found(60), 0.5)

    assert not known.rests(A, 0.6)
    assert known.at_hand(A, 0.6).answer.body.code == reply.NOERROR


def test_failures_without_number_take_no_more_than_their_room(known):
    for number in range(20_000):
        known.fail(number.to_bytes(4) + A, SILENT, 0.0)

    assert known._failures.size <= 1 << 20


def large(letter: bytes, code: int = reply.NOERROR) -> Answer:
    """An answer that takes more than is kept with the others; of *code* and of nothing but *letter*."""
    return Answer(Body(code, letter * LARGEST, (1, 0, 0)), 300)


def test_answers_larger_than_any_packet_are_kept_and_take_no_room_of_the_others(known):
    known.keep(A, found(60), 0.0)
    for number in range(1000):
        known.keep(number.to_bytes(4) + A, large(b"a"), 1.0)

    assert known.at_hand((999).to_bytes(4) + A, 2.0).answer.body == large(b"a").body
    assert known.at_hand(bytes(4) + A, 2.0) is None
    assert len(known.answers) == 1
    assert known._large.size <= LARGE_ROOM


def test_a_large_answer_without_a_life_is_kept_for_seconds_all_the_same(known):
    kept = known.keep(A, structs.replace(large(b"\0"), life=0, offsets=(6,), ttls=(0,)), 1.0)
    assert kept.answer.ttls == (LARGE_LIFE,)
    assert known.at_hand(A, LARGE_LIFE).answer.ttls == (LARGE_LIFE,)
    assert known.at_hand(A, 1.0 + LARGE_LIFE) is None


def test_a_small_answer_without_a_life_is_not_kept(known):
    known.keep(A, found(0), 1.0)
    assert known.at_hand(A, 1.0) is None


def test_what_is_kept_of_a_name_is_what_came_last_however_large(known):
    for answer in (found(60), large(b"a"), large(b"b"), found(60)):
        known.keep(A, answer, 1.0)

        assert known.at_hand(A, 1.0).answer.body == answer.body


def test_that_there_is_no_such_name_is_kept_for_all_types_however_long_it_says_so(known):
    missing = Answer(Body(reply.NXDOMAIN, b"a" * LARGEST, (0, 1, 0)), 300)
    known.keep(A, large(b"a"), 1.0)
    known.keep(AAAA, missing, 2.0)

    assert known.at_hand(A, 2.0).answer.body.code == reply.NXDOMAIN

    known.keep(A, found(60), 3.0)

    assert known.at_hand(AAAA, 3.0) is None
