import hashlib
import json
import time

import argon2
import pytest
from sqlalchemy import select

from deploy import invitation
from reporting.accounts import INVITATION_LIFE, LEAST_PASSWORD, MOST_PASSWORD, Accounts, EnrolmentError, TokenError
from reporting.models import AccountRow, EnrolmentRow
from tests.support.databases import opened
from tests.support.full_disk import nothing_written
from tests.support.school import make_school

FAST = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TOKEN = "one-use-token"
GOOD = "three random words"


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as opened_database:
        yield opened_database


@pytest.fixture
def accounts(database):
    return Accounts(database, hasher=FAST)


@pytest.fixture
async def enrolment(tmp_path, accounts):
    file = tmp_path / "enrolment"
    file.write_text(json.dumps({"token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}))
    assert await accounts.load_enrolment(file)
    return file


async def test_the_first_account_is_technician_and_dsl(accounts, enrolment):
    assert not await accounts.exist()
    made = await accounts.enrol(TOKEN, "Sam Smith ", GOOD)
    assert (made.name, made.roles) == ("Sam Smith", {"technician", "dsl"})
    assert await accounts.exist()
    assert await accounts.account(made.id) == made


async def test_the_file_may_name_other_roles(tmp_path, accounts):
    file = tmp_path / "enrolment"
    file.write_text(json.dumps({"token_sha256": hashlib.sha256(b"t").hexdigest(), "role": "headteacher"}))
    await accounts.load_enrolment(file)
    assert (await accounts.enrol("t", "head", GOOD)).roles == {"headteacher"}


async def test_a_token_works_once(accounts, enrolment):
    await accounts.enrol(TOKEN, "sam", GOOD)
    with pytest.raises(EnrolmentError, match="used already"):
        await accounts.enrol(TOKEN, "alex", GOOD)
    assert not await accounts.load_enrolment(enrolment)


async def test_a_token_that_does_not_exist_makes_no_account(accounts, enrolment):
    with pytest.raises(EnrolmentError, match="not valid"):
        await accounts.enrol("guess\udc80", "sam", GOOD)
    assert not await accounts.exist()


async def test_a_form_that_is_refused_leaves_the_token_unused(database, accounts, enrolment):
    async with database.writing() as session:
        session.add(AccountRow(name="Sam", login="sam", roles="dsl", password_hash="x", created_ns=1))
    with pytest.raises(EnrolmentError, match="already; choose another"):
        await accounts.enrol(TOKEN, "SAM", GOOD)
    assert (await accounts.enrol(TOKEN, "alex", GOOD)).name == "alex"


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("sam", "x" * (LEAST_PASSWORD - 1), "at least 12 characters"),
        ("sam", "x" * (MOST_PASSWORD + 1), "at most"),
        ("", GOOD, "give a name"),
        ("x" * 65, GOOD, "give a name"),
        ("sam\n", "sam\nsam\nsam\nsam", None),
        ("s\x1b[1m", GOOD, "give a name"),
        ("sam smith jones", "Sam Smith Jones", "is the name"),
    ],
)
async def test_what_is_wrong_with_the_form_is_said(accounts, enrolment, name, password, says):
    if says is None:
        assert await accounts.enrol(TOKEN, name, password)
        return
    with pytest.raises(EnrolmentError, match=says):
        await accounts.enrol(TOKEN, name, password)


async def test_the_right_password_gives_the_account_and_nothing_else_does(accounts, enrolment):
    made = await accounts.enrol(TOKEN, "sam", GOOD)
    assert await accounts.verify("SAM ", GOOD) == made
    for name, password in [("sam", GOOD + "x"), ("sam", ""), ("alex", GOOD), ("sam", "\udc80"), ("sam", "x" * 10**6)]:
        assert await accounts.verify(name, password) is None


async def test_the_password_is_kept_as_argon2id_and_the_token_as_a_hash_only(database, accounts, enrolment):
    await accounts.enrol(TOKEN, "sam", GOOD)
    async with database.reading() as session:
        assert (await session.scalar(select(AccountRow.password_hash))).startswith("$argon2id$")
        assert TOKEN not in str((await session.execute(select(EnrolmentRow.token_sha256))).all())


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(database, enrolment):
    slow = Accounts(database, hasher=argon2.PasswordHasher(time_cost=2, memory_cost=16_384, parallelism=1))
    await slow.enrol(TOKEN, "sam", GOOD)

    async def shortest(name):
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await slow.verify(name, "not the password")
            times.append(time.perf_counter() - began)
        return min(times)

    assert await shortest("nobody") > await shortest("sam") / 3


async def test_a_hash_with_older_parameters_is_renewed_at_log_in(database, accounts, enrolment):
    await accounts.enrol(TOKEN, "sam", GOOD)
    newer = Accounts(database, hasher=argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert await newer.verify("sam", GOOD)
    async with database.reading() as session:
        assert "m=16,t=2" in await session.scalar(select(AccountRow.password_hash))
    assert await newer.verify("sam", GOOD)


async def test_a_file_that_is_missing_or_spoilt_is_no_way_in(tmp_path, accounts, caplog):
    assert not await accounts.load_enrolment(tmp_path / "missing")
    for content in ("{", "{}", '{"token_sha256": "a", "role": "king"}', '{"token_sha256": "a", "role": ""}'):
        (tmp_path / "enrolment").write_text(content)
        assert not await accounts.load_enrolment(tmp_path / "enrolment")
    assert caplog.text.count("cannot be understood") == 4


async def test_the_file_is_taken_over_once_whether_used_or_not(accounts, enrolment):
    assert not await accounts.load_enrolment(enrolment)
    await accounts.enrol(TOKEN, "sam", GOOD)
    assert not await accounts.load_enrolment(enrolment)
    with pytest.raises(TokenError):
        await accounts.enrol(TOKEN, "alex", GOOD)


NOW = 1_800_000_000 * 10**9


@pytest.fixture
def invited(database, tmp_path):
    return Accounts(database, invitations=tmp_path / "invitations", hasher=FAST, now_ns=lambda: NOW)


@pytest.fixture
def invite(tmp_path):
    """Leave an invitation as `schoolgate account invite` does."""

    def inviting(token, roles, created_ns=NOW, content=None):
        file = tmp_path / "invitations" / hashlib.sha256(token.encode()).hexdigest()
        file.parent.mkdir(exist_ok=True)
        file.write_text(content or json.dumps({"roles": roles, "created_ns": created_ns}))

    return inviting


async def test_each_invitation_makes_one_account_though_its_file_stays(invited, invite):
    invite("for the dsl", "dsl")
    invite("for the head", "headteacher,chair")
    assert (await invited.enrol(" for the dsl\n", "sam", GOOD)).roles == {"dsl"}
    assert (await invited.enrol("for the head", "alex", GOOD)).roles == {"headteacher", "chair"}
    with pytest.raises(TokenError, match="used already"):
        await invited.enrol("for the dsl", "kim", GOOD)
    assert await invited.verify("kim", GOOD) is None


async def test_a_name_that_is_taken_leaves_the_invitation_unused(invited, invite):
    invite("one", "dsl")
    invite("two", "technician")
    await invited.enrol("one", "sam", GOOD)
    with pytest.raises(EnrolmentError, match="choose another"):
        await invited.enrol("two", "sam", GOOD)
    assert (await invited.enrol("two", "alex", GOOD)).roles == {"technician"}


async def test_a_name_stays_as_it_was_typed_and_logs_in_however_it_is_written(invited, invite):
    invite("one", "technician")
    invite("two", "technician")
    made = await invited.enrol("one", " Ada O\u2019Neill", GOOD)
    assert made.name == "Ada O\u2019Neill"
    assert [await invited.verify(name, GOOD) for name in ("ada o\u2019neill ", "ADA O\u2019NEILL")] == [made, made]
    with pytest.raises(EnrolmentError, match="choose another"):
        await invited.enrol("two", "ada o\u2019Neill", GOOD)


@pytest.mark.parametrize(
    ("age", "holds"), [(INVITATION_LIFE - 1, True), (INVITATION_LIFE, False), (-INVITATION_LIFE, False)]
)
async def test_an_invitation_holds_for_a_fortnight(invited, invite, age, holds):
    invite("one", "dsl", created_ns=NOW - age)
    if holds:
        assert await invited.enrol("one", "sam", GOOD)
        return
    with pytest.raises(TokenError, match="too old"):
        await invited.enrol("one", "sam", GOOD)


@pytest.mark.parametrize(
    "content", ["{", "{}", "[]", '{"roles": "king", "created_ns": 1}', '{"roles": "dsl"}', '{"roles": 1}']
)
async def test_an_invitation_that_is_spoilt_is_no_way_in_and_is_named_in_the_log(invited, invite, caplog, content):
    invite("one", "", content=content)
    with pytest.raises(TokenError):
        await invited.enrol("one", "sam", GOOD)
    assert "cannot be understood" in caplog.text


async def test_what_deploy_writes_is_what_is_read(database, tmp_path):
    files = make_school(tmp_path).files
    token = invitation.invite(files, ("dsl", "headteacher"))
    accounts = Accounts(database, invitations=files.state / "invitations", hasher=FAST)
    assert (await accounts.enrol(token, "sam", GOOD)).roles == {"dsl", "headteacher"}


async def test_the_first_token_holds_beside_invitations_until_it_is_used(invited, invite, tmp_path):
    invite("one", "dsl")
    await invited.enrol("one", "sam", GOOD)
    file = tmp_path / "enrolment"
    file.write_text(json.dumps({"token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "role": "technician"}))
    assert await invited.load_enrolment(file)
    assert (await invited.enrol(TOKEN, "alex", GOOD)).roles == {"technician"}


async def test_an_account_that_is_gone_is_none(accounts):
    assert await accounts.account(99) is None


async def test_a_full_disk_keeps_nobody_out_whose_password_should_be_kept_the_newer_way(database, accounts, enrolment):
    made = await accounts.enrol(TOKEN, "sam", GOOD)
    newer = Accounts(database, hasher=argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    with nothing_written(database):
        assert await newer.verify("sam", GOOD) == made
    assert await newer.verify("sam", GOOD) == made
    async with database.reading() as session:
        assert "t=2" in (await session.get_one(AccountRow, made.id)).password_hash
