"""What today's page says of missing addresses is what the routing does."""

import pytest

from reporting import unaddressed
from reporting.alerts import route
from reporting.settings import ContactSettings

DSL, HEAD, CHAIR = "dsl@school.test", "head@school.test", "chair@school.test"


@pytest.mark.parametrize(
    ("contacts", "pupils", "staff"),
    [
        (ContactSettings(dsl=DSL, dsl_confirmed=True, headteacher=HEAD), None, None),
        (ContactSettings(dsl=DSL, headteacher=HEAD), "so alerts about pupils go to the headteacher", None),
        (ContactSettings(headteacher=HEAD), "so alerts about pupils go to the headteacher", None),
        (ContactSettings(dsl_confirmed=True, headteacher=HEAD), "No address of the DSL is known", None),
        (ContactSettings(dsl=DSL), "go to the DSL all the same", "mail about staff reaches nobody"),
        (ContactSettings(dsl=DSL, dsl_confirmed=True), None, "mail about staff reaches nobody"),
        (ContactSettings(), "mail about pupils reaches nobody", "mail about staff reaches nobody"),
        (ContactSettings(chair=CHAIR), "mail about pupils reaches nobody", "mail about staff reaches nobody"),
        (ContactSettings(dsl=HEAD, dsl_confirmed=True, headteacher=HEAD), None, "alerts about staff go there too"),
        (ContactSettings(dsl=HEAD, dsl_confirmed=True, headteacher=HEAD, chair=CHAIR), None, None),
    ],
)
def test_todays_page_says_where_alerts_go_for_want_of_an_address(contacts, pupils, staff):
    found = unaddressed.notices(contacts)
    expected = [words for words in (pupils, staff) if words]
    assert len(found) == len(expected)
    assert all(words in sentence for words, sentence in zip(expected, found, strict=True))
    for column, words in (("ks2", pupils or ""), ("staff", staff or "")):
        told = route(contacts, column)
        assert (told.address == "") is ("reaches nobody" in words), "the words are what the routing does"
        assert (told.address == HEAD) or "go to the headteacher" not in words
        assert (told.address == DSL) or "go to the DSL" not in words
