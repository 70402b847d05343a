"""What is said over a WebSocket: scanned where the profile asks, and ended where it weighs too much."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest
import wsproto
import wsproto.events

from tests.proxy_addons.conftest import House, furnished
from tests.support.proxy_school import ADDRESSES, School, head_of

HEAVY = "heavy words"


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with talking_house(School(tmp_path_factory.mktemp("talking")), HEAVY) as house:
        yield house


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The same, with the phrases that we ship."""
    with talking_house(School(tmp_path_factory.mktemp("weighed"))) as house:
        yield house


@contextmanager
def talking_house(school: School, heavy: str = "") -> Iterator[House]:
    with furnished(school, heavy=heavy) as house:
        yield house


class Talk:
    """A WebSocket of a device of *profile* with an echo."""

    def __init__(self, house: House, profile: str, path: str = "/ws", host: str = "unknown.test") -> None:
        self._ws = wsproto.Connection(wsproto.ConnectionType.CLIENT)
        self._socket = socket.create_connection(("127.0.0.1", house.worker.port), 60, (ADDRESSES[profile], 0))
        self._socket.settimeout(60)
        lines = (
            f"GET {house.plain_url(host, path)} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())
        assert b" 101 " in head_of(self._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, *messages: str | bytes) -> None:
        kinds = {str: wsproto.events.TextMessage, bytes: wsproto.events.BytesMessage}
        self._socket.sendall(b"".join(self._ws.send(kinds[type(m)](m)) for m in messages))

    def say_in_pieces(self, *pieces: str) -> None:
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            self._socket.sendall(self._ws.send(wsproto.events.TextMessage(piece, message_finished=last)))

    def hears(self) -> str | bytes | int | None:
        """The next message, the status that ends the talk, or None for a connection that just ended."""
        while True:
            for event in self._ws.events():
                if isinstance(event, wsproto.events.Message):
                    return event.data
                if isinstance(event, wsproto.events.CloseConnection):
                    return event.code
            data = self._socket.recv(65536)
            if not data:
                return None
            self._ws.receive_data(data)


def recorded(house: House, path: str) -> list[tuple[str, str]]:
    return [(b.reason, b.rule) for b in house.school.breaches() if b.path == path]


def test_what_weighs_too_much_ends_the_talk_is_not_sent_on_and_is_on_record(talking: House) -> None:
    with Talk(talking, "ks3", "/ws/one") as talk:
        talk.say("hello")
        assert talk.hears() == "hello"
        talk.say(f"some {HEAVY} here", "and more")
        assert talk.hears() == 1008
    assert recorded(talking, "/ws/one") == [("message", "score 100 of 100")]


def test_a_message_in_pieces_is_weighed_whole(talking: House) -> None:
    with Talk(talking, "ks3", "/ws/two") as talk:
        talk.say_in_pieces("some hea", "vy wor", "ds")
        assert talk.hears() == 1008


def test_what_is_no_text_is_not_weighed(talking: House) -> None:
    with Talk(talking, "ks3", "/ws/three") as talk:
        talk.say(HEAVY.encode())
        assert talk.hears() == HEAVY.encode()


def test_a_profile_that_is_not_scanned_talks_on(talking: House) -> None:
    with Talk(talking, "ks2", "/ws/four") as talk:
        talk.say(HEAVY)
        assert talk.hears() == HEAVY
    assert not recorded(talking, "/ws/four")


def test_an_ended_talk_is_counted(talking: House) -> None:
    line = 'schoolgate_proxy_carried_total{what="message"}'
    before = talking.worker.metric(line)
    with Talk(talking, "ks3", "/ws/five") as talk:
        talk.say(HEAVY)
        assert talk.hears() == 1008
    assert talking.worker.metric(line) == before + 1


BETS = "An online casino: free spins and a no deposit bonus for caf\u00e9 guests"


@pytest.mark.parametrize(
    "message",
    [BETS, json.dumps({"text": BETS.replace("casino", "c\u0430sino")}), "42" + json.dumps(["say", BETS, {"to": 7}])],
)
def test_what_the_phrases_find_ends_the_talk(weighed: House, message: str) -> None:
    with Talk(weighed, "ks3") as talk:
        talk.say("Shall we meet at the library?")
        assert talk.hears() == "Shall we meet at the library?"
        talk.say(message)
        assert talk.hears() == 1008


def test_its_record_says_what_it_was_about_and_none_of_what_was_said(weighed: House) -> None:
    with Talk(weighed, "ks3", "/ws/bets") as talk:
        talk.say(BETS)
        assert talk.hears() == 1008
    (found,) = (b for b in weighed.school.breaches() if b.path == "/ws/bets")
    assert (found.reason, found.rule, found.category) == ("message", "score 166 of 100", "gambling")
    assert (found.evidence, found.terms) == ("", "")


def test_a_helplines_chat_never_ends_for_what_is_said(weighed: House) -> None:
    with Talk(weighed, "ks3", "/ws/help", host="help.test") as talk:
        talk.say(BETS)
        assert talk.hears() == BETS
    assert not recorded(weighed, "/ws/help")
