"""The line between front door and worker: what is believed, and what is not."""

import pytest

from proxy_addons import handover_key
from proxy_addons.handover import HOLDS, KEY_SIZE, Gate, line

KEY, PLACE, NOW = bytes(range(32)), "127.0.0.1:8190", 10**15


def signed(client: str = "10.20.0.7", at: int = NOW, nonce: int = 1, place: str = PLACE, key: bytes = KEY) -> bytes:
    return line(key, place, client, at, nonce.to_bytes(16))


@pytest.mark.parametrize("client", ["10.20.0.7", "fd00:20::7", "fe80::1%lan0"])
def test_a_signed_line_says_whose_connection_it_is(client: str) -> None:
    assert Gate(KEY, PLACE).admit(signed(client), NOW) == client


def test_a_line_is_believed_once() -> None:
    gate = Gate(KEY, PLACE)
    assert gate.admit(signed(), NOW)
    assert gate.admit(signed(), NOW + 1) is None
    assert gate.admit(signed(nonce=2), NOW + 1)


def test_what_was_used_is_remembered_for_as_long_as_it_could_be_good_and_no_longer() -> None:
    gate = Gate(KEY, PLACE)
    assert gate.admit(signed(at=NOW + HOLDS), NOW)
    assert gate.admit(signed(at=NOW + HOLDS), NOW + 2 * HOLDS) is None
    assert gate.admit(signed(at=NOW + 3 * HOLDS, nonce=2), NOW + 3 * HOLDS)
    assert len(gate._used) == 1


FORGED = {
    "another key": signed(key=bytes(32)),
    "another worker's": signed(place="127.0.0.1:8191"),
    "too old": signed(at=NOW - HOLDS - 1),
    "of the future": signed(at=NOW + HOLDS + 1),
    "another client": signed().replace(b"10.20.0.7", b"10.20.0.8"),
    "another name": signed().replace(b"Schoolgate-Client", b"Schoolgate-Other"),
    "no name": signed().partition(b": ")[2],
    "no end": signed()[:-2],
    "more behind": signed()[:-2] + b" x\r\n",
    "too long": signed("1" * 300),
    "empty": b"",
    "no MAC": b"Schoolgate-Client: 10.20.0.7\r\n",
    "no ASCII": b"Schoolgate-Client: \xff \xfe\r\n",
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_nothing_else_is_believed(text: bytes) -> None:
    assert Gate(KEY, PLACE).admit(text, NOW) is None


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "run" / "handover.key"
    key = handover_key.key_of(path)
    assert len(key) == KEY_SIZE
    assert handover_key.key_of(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["handover.key"]


def test_two_that_make_it_at_once_have_the_same(tmp_path):
    path = tmp_path / "handover.key"
    handover_key._make(path)
    key = path.read_bytes()
    handover_key._make(path)
    assert path.read_bytes() == key


def test_a_file_that_holds_no_key_is_refused(tmp_path):
    path = tmp_path / "handover.key"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="holds no key of 32 bytes"):
        handover_key.key_of(path)
