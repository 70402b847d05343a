from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import merge
from blocklists.merge import States, encoded, named, nodes
from blocklists.rule import Effect

LISTED, EXCEPTED, ALLOWED, IMPORTANT = Effect.LISTED, Effect.EXCEPTED, Effect.ALLOWED, Effect.IMPORTANT


def merged(
    *rules: tuple[str, int, Effect], columns: Sequence[int] = (0, 1, 2), with_patterns: frozenset[int] = frozenset()
) -> dict[str, tuple[str, ...]]:
    """What is written at each key, with columns called a, b, c."""
    states = States(columns, with_patterns)
    lines = sorted(encoded(key, number, effect) for key, number, effect in rules)
    written = dict(nodes(lines, states))
    return {key.decode(): named(states.written[state], "abc") for key, state in written.items()}


def test_a_key_says_what_all_lists_say_of_it_and_of_what_is_above():
    assert merged(("x.", 0, LISTED), ("x.y.", 1, LISTED)) == {"x.": ("a",), "x.y.": ("a", "b")}


def test_a_key_that_says_nothing_new_is_not_written():
    assert merged(("x.", 0, LISTED), ("x.y.", 0, LISTED), ("x.z.", 0, EXCEPTED), ("x.z.z.", 0, EXCEPTED)) == {
        "x.": ("a",),
        "x.z.": (),
    }


def test_an_exception_from_nothing_is_nothing():
    assert merged(("x.", 0, EXCEPTED), ("y.", 0, ALLOWED), ("z.", 0, Effect.APART)) == {}


def test_what_is_listed_below_an_exception_holds_and_below_what_is_allowed_it_does_not():
    assert merged(("x.", 0, EXCEPTED), ("x.y.", 0, LISTED)) == {"x.y.": ("a",)}
    assert merged(("x.", 0, ALLOWED), ("x.y.", 0, LISTED), ("x.z.", 0, IMPORTANT)) == {"x.z.": ("!a",)}


def test_what_is_important_holds_below_and_only_what_is_allowed_as_important_undoes_it():
    assert merged(("x.", 0, IMPORTANT), ("x.y.", 0, ALLOWED)) == {"x.": ("!a",)}
    assert merged(("x.", 0, IMPORTANT), ("x.y.", 0, Effect.ALLOWED_IMPORTANT)) == {"x.": ("!a",), "x.y.": ()}


def test_of_rules_at_one_key_the_highest_holds_and_lists_do_not_meddle_with_each_other():
    assert merged(("x.", 0, LISTED), ("x.", 0, EXCEPTED), ("x.", 1, LISTED)) == {"x.": ("b",)}
    assert merged(("x.", 0, Effect.APART), ("x.", 0, LISTED)) == {"x.": ("a",)}


def test_what_is_allowed_is_written_for_lists_with_patterns():
    assert merged(("x.", 0, ALLOWED), ("y.", 1, ALLOWED), with_patterns=frozenset({0})) == {"x.": ("@a",)}


def test_a_rule_twice_is_one_rule():
    assert merged(("x.", 0, LISTED), ("x.", 0, LISTED)) == {"x.": ("a",)}


def test_no_line_gives_no_node():
    assert merged() == {}


def test_more_states_than_two_bytes_number_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(merge, "MAX_STATES", 2)
    with pytest.raises(ValueError, match="more than 2 different ways"):
        merged(("x.", 0, LISTED), ("y.", 1, LISTED))


@given(st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True), st.integers(0, 9999), st.sampled_from(Effect))
def test_a_line_is_its_key_and_ten_bytes_at_most(key: str, number: int, effect: Effect):
    line = encoded(key, number, effect)
    assert line.startswith(key.encode() + b"\0")
    assert len(line) == len(key) + 6


@pytest.mark.parametrize("effect", [EXCEPTED, ALLOWED, Effect.ALLOWED_IMPORTANT])
def test_what_one_source_of_a_list_excepts_another_still_lists(effect: Effect):
    assert merged(("x.", 0, LISTED), ("x.", 1, effect), columns=(0, 0)) == {"x.": ("a",)}
    assert merged(("x.", 0, LISTED), ("x.y.", 1, effect), columns=(0, 0)) == {"x.": ("a",)}
    assert merged(("x.", 0, LISTED), ("x.", 1, IMPORTANT), columns=(0, 0)) == {"x.": ("!a",)}
