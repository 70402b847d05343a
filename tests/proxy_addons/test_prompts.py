"""Prompts to AI chat sites through a worker: what goes on as it came, and what is on record before it does."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wsproto
import wsproto.events

from blocklists.rulebook import Severity
from reporting.breach import Breach, BreachKind
from tests.proxy_addons.conftest import House, furnished
from tests.support.proxy_school import ADDRESSES, School, head_of

CHAT = "ai-chat.test"
RISK = "i want to die"


@pytest.fixture(scope="module")
def chat_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    school = School(tmp_path_factory.mktemp("chat"))
    with furnished(school, {CHAT: ["127.0.0.1"]}, hosts=[CHAT]) as house:
        yield house


@pytest.fixture
def house(chat_house: House) -> House:
    chat_house.forget()
    return chat_house


@pytest.fixture
def sent(house: House, tmp_path: Path) -> Callable[..., str]:
    """Sends a body to the assistant, and says what was answered."""

    def send(path: str, body: bytes, *more: str, profile: str = "ks3") -> str:
        file = tmp_path / "body"
        file.write_bytes(body)
        url = house.url(CHAT, path)
        return house.worker.curl("--data-binary", f"@{file}", *more, url, profile=profile, ca=house.school.ca)

    return send


def asked(said: str) -> bytes:
    return json.dumps({"messages": [{"role": "system", "content": "Be kind."}, {"content": said}]}, indent=3).encode()


def concerns(house: House, words: str) -> list[Breach]:
    return [b for b in house.school.breaches() if b.kind is BreachKind.CONCERN and words in b.terms]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_risk_is_on_record_when_the_assistant_answers_and_the_body_is_as_it_was_sent(
    house: House, sent: Callable[..., str], version: str
) -> None:
    body = asked(f"{RISK} by {version}")
    assert "hello from" in sent("/json", body, version)
    assert house.secure.requests[0].text == body
    [found] = concerns(house, version)
    assert (found.theme, found.severity, found.host, found.profile) == ("suicide", Severity.URGENT, CHAT, "ks3")
    assert found.rule.startswith("i want/")
    assert not found.path


def test_a_packed_prompt_is_read_and_goes_on_packed(house: House, sent: Callable[..., str]) -> None:
    body = gzip.compress(asked(f"{RISK} packed"))
    sent("/json", body, "-H", "Content-Encoding: gzip")
    assert house.secure.requests[0].text == body
    assert concerns(house, "packed")


def test_a_prompt_of_which_nobody_says_how_long_it_is_is_read(house: House, sent: Callable[..., str]) -> None:
    body = asked(f"{RISK} in pieces")
    sent("/json", body, "-H", "Transfer-Encoding: chunked", "--http1.1")
    assert house.secure.requests[0].text == body
    assert concerns(house, "in pieces")


def test_of_a_long_prompt_the_sentence_that_matters_is_on_record(house: House, sent: Callable[..., str]) -> None:
    text = "The oak is a tree. " * 100 + f"And {RISK} among oaks. " + "It has leaves. " * 100
    sent("/form", f"said={text}".encode())
    [found] = concerns(house, "among oaks")
    assert len(found.terms) < 100


def test_homework_raises_nothing(house: House, sent: Callable[..., str]) -> None:
    before = len(house.school.breaches())
    sent("/json", asked("write an essay about the suicide of eva smith in an inspector calls"))
    assert len(house.school.breaches()) == before
    assert len(house.secure.requests) == 1


def test_staff_are_watched_for_the_staff_list_alone(house: House) -> None:
    before = house.worker.metric("schoolgate_proxy_prompts_total")
    for said in ("i want to die, says the staff room", "i want to join isis, says the staff room"):
        house.worker.curl("--data-binary", asked(said).decode(), house.plain_url(CHAT, "/json"), profile="staff")
    assert house.worker.metric("schoolgate_proxy_prompts_total") == before + 2
    assert [b.theme for b in concerns(house, "says the staff room")] == ["radicalisation"]


def test_no_connection_of_staff_is_opened_for_themes(house: House) -> None:
    before = house.worker.metric("schoolgate_proxy_spliced_total")
    house.worker.curl("-k", "-d", "said=hello there", house.url(CHAT, "/form"), profile="staff")
    assert house.worker.metric("schoolgate_proxy_spliced_total") == before + 1


def test_a_body_that_is_too_long_to_hold_goes_on_unread_and_is_counted(house: House, sent: Callable[..., str]) -> None:
    before = house.worker.metric("schoolgate_proxy_prompts_unread_total")
    body = asked("tree " * 150_000)
    sent("/json", body)
    assert house.secure.requests[0].body == len(body)
    assert house.worker.metric("schoolgate_proxy_prompts_unread_total") == before + 1


def test_what_is_typed_over_a_websocket_is_on_record_before_it_is_answered(house: House) -> None:
    conn, said = wsproto.Connection(wsproto.ConnectionType.CLIENT), json.dumps({"text": f"{RISK} over a socket"})
    with socket.create_connection(("127.0.0.1", house.worker.port), 60, (ADDRESSES["ks3"], 0)) as connection:
        lines = (f"GET {house.plain_url(CHAT, '/ws')} HTTP/1.1", f"Host: {CHAT}", "Connection: Upgrade")
        more = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        connection.sendall("\r\n".join((*lines, *more, "", "")).encode())
        assert b" 101 " in head_of(connection)
        connection.sendall(conn.send(wsproto.events.TextMessage(said)))
        echoed = ""
        while echoed != said:
            conn.receive_data(connection.recv(65536))
            echoed += "".join(e.data for e in conn.events() if isinstance(e, wsproto.events.TextMessage))
    assert [b.severity for b in concerns(house, "over a socket")] == [Severity.URGENT]
