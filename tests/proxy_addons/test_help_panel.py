import json

import pytest

from blocklists.clients import Client
from blocklists.profile import Pages
from proxy_addons import help_panel
from proxy_addons import words as languages
from proxy_addons.form import Form
from proxy_addons.help_panel import AGAIN, HelpNotice, Sessions

ENGLISH = languages.of("en")
CHILD, OTHER = Client("10.0.0.1", "ks2", person=1), Client("10.0.0.1", "ks2", person=2)


def test_a_session_sees_the_panel_once_and_another_person_at_the_device_too() -> None:
    sessions = Sessions()
    assert sessions.due(CHILD, 0.0)
    sessions.saw(CHILD, 0.0)
    assert not sessions.due(CHILD, AGAIN - 1)
    assert sessions.due(OTHER, 1.0)
    assert sessions.due(CHILD, AGAIN)


def test_only_so_many_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(help_panel, "MOST", 2)
    sessions = Sessions()
    for number in range(3):
        sessions.saw(Client(f"10.0.0.{number}", "ks2"), 0.0)
        sessions.saw(Client("10.0.0.0", "ks2"), 0.0)
    assert sessions.due(Client("10.0.0.1", "ks2"), 1.0)
    assert not sessions.due(Client("10.0.0.0", "ks2"), 1.0)


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        (Pages.KS1, ("Do you feel sad or scared?", "Ms Oak", "0800 1111")),
        (Pages.KS2, ("Ms Oak", "0800 1111", "116 123", "You are not in trouble.", "Go on to the results")),
        (Pages.SECONDARY, ("Ms Oak", "0800 1111", "116 123", "Go on to the results")),
        (Pages.STAFF, ("116 123", "08000 562 561", "Go on to the results")),
    ],
)
def test_the_panel_speaks_in_the_words_of_the_age(pages: Pages, words: tuple[str, ...]) -> None:
    page = help_panel.answer(HelpNotice(pages, "Ms Oak"), Form.PAGE, ENGLISH)
    assert page.status == 200
    assert all(word in page.body.decode() for word in words)
    assert "<script" not in page.body.decode()


def test_the_link_leads_to_the_same_address_and_a_form_is_sent_again_by_hand() -> None:
    assert b'href=""' in help_panel.answer(HelpNotice(Pages.SECONDARY), Form.PAGE, ENGLISH).body
    page = help_panel.answer(HelpNotice(Pages.SECONDARY, onwards=False), Form.PAGE, ENGLISH).body
    assert b'href=""' not in page
    assert b"search again" in page


@pytest.mark.parametrize(("pages", "line"), [(Pages.KS2, "Childline"), (Pages.STAFF, "Education Support")])
def test_what_shows_no_page_is_refused_with_the_numbers(pages: Pages, line: str) -> None:
    told = help_panel.answer(HelpNotice(pages), Form.JSON, ENGLISH)
    assert told.status == 403
    assert line in json.loads(told.body)["help"]
    assert help_panel.answer(HelpNotice(pages), Form.IMAGE, ENGLISH).body == b""


@pytest.mark.parametrize("language", sorted(languages.available()))
@pytest.mark.parametrize("pages", list(Pages))
def test_the_panel_is_whole_in_every_language(language: str, pages: Pages) -> None:
    page = help_panel.answer(HelpNotice(pages), Form.PAGE, languages.of(language))
    assert page.language == language
    assert f'lang="{language}"' in page.body.decode()
    assert ("0800 1111" in page.body.decode()) is (pages is not Pages.STAFF)
