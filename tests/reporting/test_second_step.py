"""The second step of a log-in."""

import hashlib

import pyotp
import pytest

from reporting.accounts import Accounts
from reporting.models import EnrolmentRow
from reporting.people_models import AccountStateRow, RecoveryCodeRow
from reporting.second_step import CODES, SecondStep
from tests.support.databases import opened
from tests.support.staff_pages import PASSWORD, QUICK

START = 1_800_000_000


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Clock:
    seconds = START

    def __call__(self):
        return self.seconds * 10**9


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        async with database.writing() as session:
            session.add(EnrolmentRow(token_sha256=digest("t"), roles="dsl", created_ns=1))
        await Accounts(database, hasher=QUICK).enrol("t", "ann", PASSWORD)
        yield database


@pytest.fixture
def step(database, clock, tmp_path):
    return SecondStep(database, tmp_path / "keys" / "second-step.key", clock)


@pytest.fixture
async def secret(step, clock):
    made = await step.begin(1, "ann", "Harbour Primary")
    found = made.secret.replace(" ", "")
    assert await step.confirm(1, pyotp.TOTP(found).at(clock.seconds - 60)) is None, "too old"
    assert len(await step.confirm(1, pyotp.TOTP(found).at(clock.seconds - 30))) == CODES
    return found


async def test_a_secret_stays_the_same_until_it_is_confirmed(step):
    first = await step.begin(1, "ann", "Harbour Primary")
    assert await step.begin(1, "ann", "Harbour Primary") == first
    assert first.address.startswith("otpauth://totp/")
    assert "Schoolgate%20Harbour%20Primary" in first.address
    assert await step.check(1, "000000") == ""


async def test_a_code_of_now_or_of_a_step_beside_it_lets_in_and_no_other(step, secret, clock):
    totp = pyotp.TOTP(secret)
    for offset, taken in ((-60, ""), (60, ""), (0, "code"), (30, "code")):
        assert await step.check(1, totp.at(clock.seconds + offset)) == taken, offset


async def test_a_code_works_once_and_none_before_it_works_after(step, secret, clock):
    totp = pyotp.TOTP(secret)
    assert await step.check(1, f" {totp.at(clock.seconds)[:3]} {totp.at(clock.seconds)[3:]}") == "code"
    assert await step.check(1, totp.at(clock.seconds)) == ""
    assert await step.check(1, totp.at(clock.seconds - 30)) == ""


async def test_a_recovery_code_works_once_however_it_is_typed(step, secret):
    codes = await step.new_codes(1)
    assert await step.check(1, codes[0].lower().replace("-", " ")) == "recovery"
    assert await step.check(1, codes[0]) == ""
    assert await step.codes_left(1) == CODES - 1
    assert await step.check(2, codes[1]) == "", "another's"


async def test_new_recovery_codes_end_the_ones_before(step, secret):
    old = await step.new_codes(1)
    await step.new_codes(1)
    assert await step.check(1, old[0]) == ""


@pytest.mark.parametrize("odd", ["", "12345", "\udc80", "١٢٣٤٥٦", "x" * 5000])
async def test_what_is_no_code_lets_nobody_in(step, secret, odd):
    assert await step.check(1, odd) == ""


async def test_nothing_in_the_database_is_the_secret_or_a_code(step, secret, database):
    codes = await step.new_codes(1)
    async with database.reading() as session:
        state = await session.get_one(AccountStateRow, 1)
        row = await session.get(RecoveryCodeRow, (1, digest(codes[0].replace("-", ""))))
    assert secret.encode() not in state.totp_secret
    assert row, "only the hash is kept"


async def test_the_key_is_the_owners_only_and_without_it_no_code_lets_in(step, secret, clock, tmp_path):
    key = tmp_path / "keys" / "second-step.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    assert await step.check(1, pyotp.TOTP(secret).at(clock.seconds)) == ""
    assert await step.check(1, (await step.new_codes(1))[0]) == "recovery", "recovery codes hold without it"


async def test_a_key_that_is_none_is_named(step, secret, tmp_path):
    key = tmp_path / "keys" / "second-step.key"
    key.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"second-step\.key holds no key"):
        await step.check(1, "000000")


async def test_after_it_is_taken_away_a_new_secret_is_made(step, secret, clock):
    await step.forget(1)
    assert await step.check(1, pyotp.TOTP(secret).at(clock.seconds)) == ""
    assert (await step.begin(1, "ann", "")).secret.replace(" ", "") != secret
    assert await step.codes_left(1) == 0
