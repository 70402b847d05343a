"""Short patterns are found where they stand, by any thread."""

from concurrent.futures import ThreadPoolExecutor

from blocklists.finder import Finder

LETTERS = Finder(rb" [a-z] [a-z] ", b"stone")


def test_the_ends_of_all_matches_are_found_in_order() -> None:
    assert LETTERS.ends(b"a stone x y z stone") == [7, 12, 14, 19]


def test_it_is_found_or_not() -> None:
    assert LETTERS.stands_in(b"a b stone") is True
    assert LETTERS.stands_in(b"nothing of it") is False
    assert LETTERS.stands_in(b"") is False
    assert LETTERS.ends(b"") == []


def test_threads_look_at_the_same_time() -> None:
    text = b"sand and mud " * 20_000 + b"stone"
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: tuple(LETTERS.ends(text)), range(40))) == {(len(text),)}
