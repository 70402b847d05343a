"""What a payload says, to this version and from another."""

from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocklists.rulebook import Severity
from reporting.breach import Breach, Heartbeat, Repeat
from reporting.payload import Damaged, understood
from tests.support.journals import breach

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


_NAMES = st.sampled_from(["type", "v", "kind", "at_ns", "source", "host", "severity", "of", "count", "head", "new"])


@given(st.dictionaries(_NAMES, _VALUES | st.sampled_from(["breach", "repeat", "heartbeat", "stopped"])))
@settings(max_examples=300)
def test_no_map_makes_understanding_raise(raw):
    record, extra = understood(msgspec.msgpack.encode(raw))
    assert isinstance(record, Breach | Repeat | Heartbeat | Damaged | dict)
    assert isinstance(extra, dict)


@given(st.binary(max_size=200))
@example(b"\x91" * 5000)
@example(b"\x81" * 5000)
@example(b"\xa4type")
def test_no_payload_makes_understanding_raise(payload):
    understood(payload)


def encoded(**fields):
    return msgspec.msgpack.encode(msgspec.to_builtins(breach()) | fields)


def test_keys_that_are_not_known_yet_are_kept_and_a_newer_version_is_read_by_what_is_known():
    record, extra = understood(encoded(v=9, mood="calm", deep={"list": [1]}))
    assert isinstance(record, Breach)
    assert (record.v, record.host) == (9, breach().host)
    assert extra == {"mood": "calm", "deep": {"list": [1]}}


def test_a_value_that_this_version_cannot_read_is_kept_beside_the_default():
    record, extra = understood(encoded(severity=77, person="somebody", client=2**63))
    assert isinstance(record, Breach)
    assert (record.severity, record.person, record.client) == (Severity.NONE, 0, 0)
    assert extra == {"severity": 77, "person": "somebody", "client": 2**63}


def test_an_older_record_without_the_newer_keys_gets_their_defaults():
    record, _ = understood(
        msgspec.msgpack.encode({"type": "breach", "v": 1, "kind": "stopped", "at_ns": 5, "source": "dns"})
    )
    assert record == Breach(v=1, kind=breach().kind, at_ns=5, source="dns")


def test_a_record_without_what_it_needs_is_damaged_and_one_of_an_unknown_type_is_handed_on():
    assert isinstance(understood(msgspec.msgpack.encode({"type": "breach", "v": 1}))[0], Damaged)
    assert understood(msgspec.msgpack.encode({"type": "weather", "v": 2})) == ({"type": "weather", "v": 2}, {})
    assert isinstance(understood(msgspec.msgpack.encode([1, 2]))[0], Damaged)
