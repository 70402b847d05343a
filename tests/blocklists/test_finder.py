"""Short patterns are found where they stand, by any thread."""

from concurrent.futures import ThreadPoolExecutor

from blocklists.finder import Finder

LETTERS = Finder([rb" [a-z] [a-z] ", b"stone"])


def test_the_ends_of_all_matches_are_found_in_order() -> None:
    assert LETTERS.matches(b"a stone x y z stone") == [(1, 7), (0, 12), (0, 14), (1, 19)]


def test_it_is_found_or_not() -> None:
    assert LETTERS.stands_in(b"a b stone") is True
    assert LETTERS.stands_in(b"nothing of it") is False
    assert LETTERS.stands_in(b"") is False
    assert LETTERS.matches(b"") == []


def test_without_patterns_nothing_is_found() -> None:
    assert Finder([]).matches(b"stone") == []
    assert Finder([]).stands_in(b"stone") is False


def test_each_is_told_of_once_and_literally_where_that_is_asked_for() -> None:
    assert Finder([b"s.n", b"o"], literal=True, once=True).matches(b"stone son s.n o") == [(1, 3), (0, 13)]


def test_threads_look_at_the_same_time() -> None:
    text = b"sand and mud " * 20_000 + b"stone"
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: tuple(LETTERS.matches(text)), range(40))) == {((1, len(text)),)}
