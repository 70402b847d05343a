"""A ClientHello as it comes, in whatever pieces."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.client_hello import MAX_HELLO, MAX_RECORDS, ClientHello, State


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size)


def vector(content: bytes, size: int) -> bytes:
    return number(len(content), size) + content


def extension(kind: int, content: bytes) -> bytes:
    return number(kind, 2) + vector(content, 2)


def server_names(*names: bytes, kind: int = 0) -> bytes:
    return extension(0, vector(b"".join(number(kind, 1) + vector(name, 2) for name in names), 2))


def message(*extensions: bytes, session: bytes = bytes(32), kind: int = 1, tail: bytes = b"") -> bytes:
    body = b"\x03\x03" + bytes(32) + vector(session, 1) + vector(b"\x13\x01", 2) + vector(b"\0", 1)
    body += (vector(b"".join(extensions), 2) if extensions else b"") + tail
    return number(kind, 1) + vector(body, 3)


def records(content: bytes, size: int = 16_384, kind: int = 22, version: bytes = b"\x03\x01") -> bytes:
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(number(kind, 1) + version + vector(piece, 2) for piece in pieces)


ALPN = extension(16, vector(vector(b"h2", 1) + vector(b"http/1.1", 1), 2))
GREASE = extension(0x0A0A, b"")
NAMED = message(GREASE, server_names(b"good.test"), ALPN)


def read(data: bytes) -> ClientHello:
    hello = ClientHello()
    hello.feed(data)
    return hello


def test_a_hello_says_its_name_and_protocols() -> None:
    hello = read(records(NAMED))
    assert (hello.state, hello.name, hello.alpn, hello.ech) == (State.WHOLE, "good.test", ("h2", "http/1.1"), False)


def test_pythons_own_hello_is_read() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="good.test").do_handshake()
    hello = read(outgoing.read())
    assert (hello.state, hello.name, hello.alpn) == (State.WHOLE, "good.test", ("h2",))


@pytest.mark.parametrize("size", [7, 60, 100])
@pytest.mark.parametrize("piece", [1, 3, 5, 4096])
def test_it_may_come_in_any_records_and_reads(size: int, piece: int) -> None:
    data = records(NAMED, size)
    hello = ClientHello()
    states = [hello.feed(data[at : at + piece]) for at in range(0, len(data), piece)]
    assert set(states[:-1]) <= {State.MORE}
    assert (states[-1], hello.name, bytes(hello.raw)) == (State.WHOLE, "good.test", data)


def test_a_hello_of_post_quantum_size_is_read() -> None:
    hello = read(records(message(extension(51, bytes(30_000)), server_names(b"good.test"))))
    assert (hello.state, hello.name) == (State.WHOLE, "good.test")


def test_what_follows_the_hello_is_kept() -> None:
    data = records(NAMED) + records(b"early", kind=23)
    hello = read(data)
    assert (hello.state, bytes(hello.raw)) == (State.WHOLE, data)
    assert hello.feed(b"more") is State.WHOLE
    assert bytes(hello.raw) == data + b"more"


@pytest.mark.parametrize(
    ("extensions", "names"),
    [
        ((), ()),
        ((GREASE,), ()),
        ((server_names(),), ()),
        ((server_names(b"a.test", b"b.test"),), ("a.test", "b.test")),
        ((server_names(b"a.test", kind=7),), ("",)),
        ((server_names(b"b\xc3\xbc.test"),), ("b\ufffd\ufffd.test",)),
    ],
    ids=["none", "other", "empty", "several", "another kind", "no ASCII"],
)
def test_a_name_is_only_one_that_stands_alone(extensions: tuple[bytes, ...], names: tuple[str, ...]) -> None:
    hello = read(records(message(*extensions)))
    assert (hello.state, hello.names) == (State.WHOLE, names)
    assert hello.name == (names[0] if len(names) == 1 else None)


@pytest.mark.parametrize("kind", [0xFE0D, 0xFFCE])
def test_a_second_hello_inside_is_told(kind: int) -> None:
    assert read(records(message(extension(kind, b"\0" * 9)))).ech


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x03\x01", b"\x16\x02\x01", b"\0", b"\x17\x03\x03\0\x01a"],
)
def test_what_opens_otherwise_is_no_tls(data: bytes) -> None:
    assert read(data).state is State.NOT_TLS


@pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x03\x01", records(NAMED)[:-1], records(NAMED[:3])])
def test_what_may_still_become_one_waits(data: bytes) -> None:
    assert read(data).state is State.MORE


BROKEN = {
    "an empty record": b"\x16\x03\x01\0\0",
    "a record too long": b"\x16\x03\x01\x40\x01",
    "another record between": records(NAMED[:50]) + records(b"\x01", kind=23),
    "another message": records(message(kind=2)),
    "a message too long": records(b"\x01" + number(MAX_HELLO + 1, 3)),
    "too many records": records(message(extension(51, bytes(200))), 2)[: 7 * MAX_RECORDS + 5],
    "a session too long": records(message(session=bytes(33))),
    "something after the extensions": records(message(GREASE, tail=b"x")),
    "an extension twice": records(message(server_names(b"a.test"), server_names(b"b.test"))),
    "an extension that ends early": records(message(number(0, 2) + b"\0\x09")),
    "names that end early": records(message(extension(0, b"\0\x05\0\0\x09"))),
    "something after the names": records(message(extension(0, b"\0\0x"))),
    "an empty name": records(message(server_names(b""))),
    "a name too long": records(message(server_names(b"a" * 256))),
    "protocols that end early": records(message(extension(16, b"\0\x02\x09"))),
    "nothing in it": records(b"\x01\0\0\0"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_not_written_as_it_must_be_is_broken(data: bytes) -> None:
    assert read(data).state is State.BROKEN


def test_a_hello_without_an_end_is_broken_at_the_limit() -> None:
    hello, whole = ClientHello(), records(message(extension(51, bytes(65_000))))
    assert hello.feed(whole[:-1]) is State.MORE
    assert hello.feed(whole[-1:]) is State.WHOLE
    endless = ClientHello()
    states = {endless.feed(records(b"\x01\0\xff\xff" + bytes(16_000))[:-1]) for _ in range(6)}
    assert State.WHOLE not in states
    assert endless.state is State.BROKEN


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    assert read(b"\x16\x03\x01" + data).state in State
    assert read(records(b"\x01" + vector(data, 3))).state in (State.WHOLE, State.BROKEN)


@given(st.integers(0, len(records(NAMED)) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_makes_two_readings_of_one_hello(place: int, value: int) -> None:
    data = bytearray(records(NAMED))
    data[place] = value
    whole, piecewise = read(bytes(data)), ClientHello()
    for byte in data:
        piecewise.feed(bytes([byte]))
    assert (whole.state, whole.names) == (piecewise.state, piecewise.names)
