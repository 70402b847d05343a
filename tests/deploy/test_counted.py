"""How a number of things is said."""

import pytest

from deploy.counted import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (1000, "1,000 entries")]
)
def test_one_has_another_word_than_several(count, words):
    assert counted(count, "entry", "entries") == words


def test_most_words_take_an_s():
    assert (counted(1, "rule"), counted(2, "rule")) == ("1 rule", "2 rules")
