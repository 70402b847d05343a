"""What our forms send, read strictly."""

import contextlib
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reporting.web.forms import MOST_FIELDS, FormError, fields

FORMS = st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=MOST_FIELDS)


@given(FORMS)
def test_what_a_browser_writes_is_read_as_it_was(form):
    assert fields(urlencode(form).encode()) == form


@given(st.binary(max_size=200))
@example(b"a=%")
@example(b"a=%\xff")
@example(b"&")
def test_no_bytes_bring_it_to_anything_but_a_form_error(body):
    with contextlib.suppress(FormError):
        assert all(isinstance(part, str) for pair in fields(body).items() for part in pair)


@pytest.mark.parametrize(
    ("body", "found"), [(b"", {}), (b"a=", {"a": ""}), (b"a=b+c%20d%26", {"a": "b c d&"}), (b"a=b=c", {"a": "b=c"})]
)
def test_what_is_well_formed_is_read(body, found):
    assert fields(body) == found


@pytest.mark.parametrize(
    "body", [b"a", b"a=1&", b"a=1&&b=2", b"a=1&a=2", b"a=1&%61=2", b"a=%4", b"a=%g0", b"a=\xc3\xa9", b"a=%C3"]
)
def test_what_is_not_is_refused_whole(body):
    with pytest.raises(FormError):
        fields(body)


def test_more_fields_than_any_form_of_ours_has_are_refused():
    body = b"&".join(b"f%d=" % number for number in range(MOST_FIELDS + 1))
    with pytest.raises(FormError):
        fields(body)
