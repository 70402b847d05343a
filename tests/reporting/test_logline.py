import pytest
from sqlalchemy.exc import OperationalError

from reporting.logline import LONGEST, plain, reason


@pytest.mark.parametrize(
    "text", ["a\nb", "\x1b[2Ja", "a\u202eb", "a\0b", "\udcff", "x" * 100_000, "a\r\nforged line\u2028and another"]
)
def test_whatever_a_text_holds_it_is_one_printable_line(text):
    assert plain(text).isprintable()
    assert len(plain(text)) <= LONGEST
    assert reason(ValueError(text)).isprintable()


def test_an_ordinary_text_stays_as_it_is():
    assert plain("school-dns-0 é") == "school-dns-0 é"


def test_an_error_is_said_without_the_values_of_its_statement():
    error = OperationalError("INSERT INTO breaches VALUES (?)", ("secret.harm.test",), OSError("disk full"))
    assert reason(error) == "OperationalError: (builtins.OSError) disk full"
