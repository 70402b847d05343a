import pytest

from reporting import confirmation
from reporting.confirmation import LASTS, TRIES, ConfirmationError, begin, finish, with_confirmation
from reporting.settings import ContactSettings

DSL = ContactSettings(dsl="dsl@school.test", headteacher="head@school.test")


def confirmed(state, contacts=DSL):
    return with_confirmation(contacts, state).dsl_confirmed


def test_the_code_that_was_sent_confirms_this_address_and_no_other(tmp_path):
    code = confirmation.new_code()
    begin(tmp_path, DSL.dsl, code, 1)
    assert not confirmed(tmp_path)
    finish(tmp_path, DSL.dsl, f" {code.lower().replace('-', '')} ", 2)
    assert confirmed(tmp_path)
    assert confirmed(tmp_path, ContactSettings(dsl="DSL@school.test"))
    assert not confirmed(tmp_path, ContactSettings(dsl="other@school.test"))
    assert not confirmed(tmp_path, ContactSettings())
    assert not (tmp_path / confirmation.PENDING).exists()


def test_the_code_is_in_the_mail_and_in_no_file(tmp_path):
    code = confirmation.new_code()
    assert code in confirmation.letter(code, "Harbour Primary")[1]
    begin(tmp_path, DSL.dsl, code, 1)
    assert code.replace("-", "").encode() not in b"".join(one.read_bytes() for one in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("address", "code", "at", "says"),
    [
        (DSL.dsl, "BBBB-BBBB", 1, "not the code"),
        ("other@school.test", "CCCC-CCCC", 1, "No code that still holds"),
        (DSL.dsl, "CCCC-CCCC", 1 + LASTS, "No code that still holds"),
        (DSL.dsl, "CCCC-CCCC", 0, "No code that still holds"),
    ],
)
def test_a_wrong_or_old_code_or_another_address_confirms_nothing(tmp_path, address, code, at, says):
    begin(tmp_path, DSL.dsl, "CCCC-CCCC", 1)
    with pytest.raises(ConfirmationError, match=says):
        finish(tmp_path, address, code, at)
    assert not confirmed(tmp_path)


def test_nobody_guesses(tmp_path):
    begin(tmp_path, DSL.dsl, "CCCC-CCCC", 1)
    for _ in range(TRIES):
        with pytest.raises(ConfirmationError, match="not the code"):
            finish(tmp_path, DSL.dsl, "DDDD-DDDD", 2)
    with pytest.raises(ConfirmationError, match="too many"):
        finish(tmp_path, DSL.dsl, "CCCC-CCCC", 2)


def test_a_damaged_file_confirms_nobody(tmp_path):
    (tmp_path / confirmation.CONFIRMED).write_bytes(b"{")
    assert not confirmed(tmp_path)
