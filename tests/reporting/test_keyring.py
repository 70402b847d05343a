"""The keys that open names, and the names."""

import pytest
from sqlalchemy import text

from reporting.accounts import Account
from reporting.keyring import KEPT, Keyring, RecoveryError, key_roles
from reporting.models import AccountRow
from reporting.month_keys import MonthKeys
from reporting.names import Names, ReasonError, UnwritableNameError, reason_given
from reporting.pattern import person_of
from tests.support.databases import opened
from tests.support.staff_pages import PASSWORD, QUICK

PEOPLE = {1: "dsl", 2: "headteacher", 3: "deputy", 4: "technician"}


def account(number):
    return Account(number, f"p{number}", frozenset({PEOPLE[number]}))


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        async with database.writing() as session:
            for number, role in PEOPLE.items():
                session.add(AccountRow(id=number, name=f"p{number}", roles=role, password_hash="x", created_ns=1))
        yield database


@pytest.fixture
def keyring(database):
    return Keyring(database, QUICK, lambda: 1)


@pytest.fixture
def names(database, tmp_path):
    return Names(database, MonthKeys(tmp_path / "month-keys"), lambda: 1)


async def test_a_pupils_name_is_opened_by_dsl_and_headteacher_and_a_member_of_staffs_by_the_headteacher(keyring, names):
    for number in (1, 2, 4):
        await keyring.open(f"log-in {number}", account(number), PASSWORD)
    await names.write(7, "Ada", pupil=True, by=1)
    await names.write(9, "Mr Quill", pupil=False, by=2)
    dsl, head = keyring.opened("log-in 1"), keyring.opened("log-in 2")
    assert [await names.name(7, keys) for keys in (dsl, head, {})] == ["Ada", "Ada", None]
    assert [await names.name(9, keys) for keys in (dsl, head)] == [None, "Mr Quill"]
    assert keyring.opened("log-in 4") == {}
    assert await names.known(7)
    assert not await names.known(8)


@pytest.mark.parametrize(
    ("roles", "keys"),
    [
        ({"technician", "chair"}, ()),
        ({"deputy"}, ("dsl",)),
        ({"head_deputy"}, ("headteacher",)),
        ({"head_deputy", "deputy"}, ("dsl", "headteacher")),
    ],
)
def test_a_deputy_holds_the_keys_of_whom_they_stand_in_for(roles, keys):
    assert key_roles(roles) == keys


async def test_a_name_from_before_there_was_a_headteachers_key_is_shared_with_it(keyring, names):
    await keyring.open("a", account(1), PASSWORD)
    await names.write(7, "Ada", pupil=True, by=1)
    await keyring.open("b", account(2), PASSWORD)
    assert await names.name(7, keyring.opened("b")) is None
    await names.renew(keyring.opened("a"))
    await names.renew(keyring.opened("b"))
    assert await names.name(7, keyring.opened("b")) == "Ada"


async def test_two_names_cannot_change_places(keyring, names, database):
    await keyring.open("a", account(1), PASSWORD)
    await names.write(7, "Ada", pupil=True, by=1)
    async with database.writing() as session:
        await session.execute(text("update person_names set person = 8"))
    assert await names.name(8, keyring.opened("a")) is None


async def test_a_name_is_nowhere_in_the_file(keyring, names, tmp_path):
    await keyring.open("a", account(1), PASSWORD)
    await names.write(7, "Ada Lovett", pupil=True, by=1)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"Lovett" in file.read_bytes()]


async def test_a_key_is_open_for_its_log_in_only_and_goes_with_it(keyring):
    await keyring.open("a", account(1), PASSWORD)
    first = dict(keyring.opened("a"))
    assert set(first) == {"dsl"}
    keyring.move("a", "b")
    assert (keyring.opened("a"), keyring.opened("b")) == ({}, first)
    keyring.close("b")
    assert keyring.opened("b") == {}
    await keyring.open("c", account(1), PASSWORD)
    assert keyring.opened("c") == first, "the same key at the next log-in"


async def test_the_key_follows_a_changed_password_and_is_gone_with_a_forgotten_one(keyring):
    await keyring.open("a", account(1), PASSWORD)
    first = dict(keyring.opened("a"))
    await keyring.change(1, PASSWORD, "another password")
    await keyring.open("b", account(1), "another password")
    assert keyring.opened("b") == first
    await keyring.open("c", account(1), "a reset password")
    assert keyring.opened("c") == {}
    assert await keyring.without() == [(1, "p1", "dsl")]


async def test_only_whoever_has_the_key_hands_it_over_and_only_to_whoever_has_the_role(keyring):
    await keyring.open("a", account(1), PASSWORD)
    await keyring.open("d", account(3), PASSWORD)
    assert keyring.opened("d") == {}, "a deputy makes no key"
    assert not await keyring.hand_over("d", 3, "dsl")
    assert not await keyring.hand_over("a", 4, "dsl")
    assert await keyring.hand_over("a", 3, "dsl")
    await keyring.open("e", account(3), PASSWORD)
    assert keyring.opened("e") == keyring.opened("a")


async def test_two_halves_make_the_key_for_whoever_has_the_role(keyring):
    await keyring.open("a", account(1), PASSWORD)
    await keyring.open("d", account(3), PASSWORD)
    await keyring.open("h", account(2), PASSWORD)
    halves = keyring.shares("a", "dsl")
    assert keyring.shares("a", "headteacher") is None
    with pytest.raises(RecoveryError, match="no key of a role that is yours"):
        await keyring.recover("h", account(2), halves)
    assert await keyring.recover("d", account(3), halves) == "dsl"
    assert keyring.opened("d") == keyring.opened("a")


async def test_no_more_keys_are_open_than_a_school_has_people(keyring):
    await keyring.open("first", account(1), PASSWORD)
    keyring._open.update({f"log-in {number}": {} for number in range(KEPT)})
    await keyring.open("last", account(1), PASSWORD)
    assert len(keyring._open) == KEPT
    assert keyring.opened("last")
    assert not keyring.opened("first")


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\nb", "\u202eabc"])
async def test_what_is_no_name_is_not_written(keyring, names, name):
    await keyring.open("a", account(1), PASSWORD)
    with pytest.raises(UnwritableNameError, match="ordinary characters"):
        await names.write(7, name, pupil=True, by=1)


async def test_without_any_key_no_name_is_written(names):
    with pytest.raises(UnwritableNameError, match="no key to seal it to"):
        await names.write(7, "Ada", pupil=True, by=1)


def test_a_person_is_a_number_and_an_address_is_nobody():
    odd = ("person:7", "address:10.0.0.7", "person:x", "person:", "", f"person:{'9' * 30}")
    assert [person_of(subject) for subject in odd] == [7, None, None, None, None, None]


def test_a_reason_is_more_than_a_word():
    assert reason_given("  Her teacher\n is worried ") == "Her teacher is worried"
    with pytest.raises(ReasonError):
        reason_given("why         ")
