"""How a phrase is written, what it is found in, and what is no phrase."""

import pytest

from blocklists.theme_phrase import Anchor, compiled, parse

SETS = {"pet": "cat|dog|{small}", "small": "hamster|guinea pig", "very": "|very|so", "round": "x {round}"}


def found(phrase: str, text: str) -> bool:
    (one,) = compiled([parse(phrase, SETS)], ["my", "is"])
    return one.found(f" {text} ")


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("green tea", "some green tea please"),
        ("(green|black) tea", "black tea"),
        ("(earl grey|green) tea", "earl grey tea"),
        ("(nice|) tea", "tea"),
        ("my {pet} is {very} ill", "my guinea pig is ill"),
        ("my {pet} is {very} ill", "my dog is very ill"),
        ("tea ... biscuits", "tea biscuits"),
        ("tea ... biscuits", "tea and then some biscuits"),
        ("tea & milk", "milk goes into the tea"),
        ("(tea|(hot|cold) milk) now", "cold milk now"),
        ("Caf\u00e9 d'or", "cafe dor"),
    ],
)
def test_a_phrase_is_found_where_its_words_stand(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("green tea", "evergreen tea"),
        ("green tea", "green teacup"),
        ("green tea", "tea green"),
        ("(green|black) tea", "white tea"),
        ("tea ... biscuits", "tea and then some more biscuits"),
        ("tea & milk", "tea"),
    ],
)
def test_a_phrase_is_not_found_elsewhere(phrase: str, text: str) -> None:
    assert not found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("", "no word that must be there"),
        ("(tea|)", "no word that must be there"),
        ("tea & ...", "no word that must be there"),
        ("tea & {very}", "no word that must be there"),
        ("tea {colour}", "no set is called 'colour'"),
        ("tea {round}", "no set is called 'round'"),
        ("tea )", "stands alone"),
        ("tea | milk", "stands alone"),
        ("(tea", "not closed"),
        ("(tea & milk)", "not closed"),
        (" ".join(["tea"] * 21), "longer than 20 words"),
        ("a ... b ... c ... d ... e ... f ... g", "longer than 20 words"),
    ],
)
def test_what_is_no_phrase_says_why(phrase: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(phrase, SETS)


@pytest.mark.parametrize(
    ("phrase", "anchors"),
    [
        ("my house is red", {("house", "is")}),
        ("my {pet} is", {("my", "cat"), ("my", "dog"), ("my", "guinea"), ("my", "hamster")}),
        ("my is", {("my", "is")}),
        ("{very} my & {very} blue house", {("blue", "house")}),
        ("my ... house", {("house",)}),
        ("my ({very}|) house ({very}|) is", {("house",)}),
        ("(my (|house)|dog) is", {("is",)}),
    ],
)
def test_the_anchor_is_what_should_be_rarest_of_all_that_must_be_there(phrase: str, anchors: set[Anchor]) -> None:
    (one, *_) = compiled([parse(phrase, SETS), parse("pig", SETS), parse("red", SETS)], ["my", "is"])
    assert one.anchors == anchors


def test_no_phrase_is_anchored_by_more_pairs_than_are_worth_their_room() -> None:
    many = "|".join(f"word{number}" for number in range(11))
    (one,) = compiled([parse(f"({many}) ({many})", SETS)], [])
    assert one.anchors == {(f"word{number}",) for number in range(11)}


@pytest.mark.parametrize(
    ("phrase", "plainly"),
    [
        ("my {pet} is {very} ill", "my cat/dog/… is ill"),
        ("tea ... (rich|) biscuits & milk", "tea ... biscuits & milk"),
        ("(tea|coffee) (with|and) (a|one) (good (big|) biscuit|cake)", "tea/coffee with/and a/one good biscuit/cake"),
        ("(a|b ... c|(d|e)|f) g", "a/b ... c/… g"),
    ],
)
def test_a_person_is_told_a_phrase_so_that_it_looks_like_no_quotation(phrase: str, plainly: str) -> None:
    assert parse(phrase, SETS).plainly() == plainly
