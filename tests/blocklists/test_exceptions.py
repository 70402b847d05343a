"""The mistakes of public lists that ship as known are themselves none."""

import pytest

from blocklists import defaults, domain, exceptions, parse

ROWS = list(defaults.table("exceptions"))
ROW = {"name": "archive.test", "category": "piracy", "reason": "An archive of pages."}


def test_a_mistake_is_taken_off_its_category_alone():
    found = exceptions.by_category()
    assert "web.archive.org" in found["piracy"]
    assert {"mask-h2.icloud.com", "mask.icloud.com", "translate.google.com"} <= set(found["bypass"])
    assert not [category for category, names in found.items() if "web.archive.org" in names and category != "piracy"]


def test_names_are_by_category_and_sorted():
    rows = [ROW, ROW | {"name": "a.test"}, ROW | {"category": "games"}]
    read = exceptions.read(rows, {"games", "piracy"})
    assert read == {"piracy": ("a.test", "archive.test"), "games": ("archive.test",)}


def test_every_row_of_the_table_is_read():
    assert sum(len(names) for names in exceptions.by_category().values()) == len(ROWS)


def test_the_table_is_in_order_without_doubles():
    keys = [(row["name"], row["category"]) for row in ROWS]
    assert keys == sorted(set(keys))


def test_every_reason_is_a_sentence_of_three_words_or_more():
    reasons = [row["reason"] for row in ROWS]
    assert not [r for r in reasons if len(r.split()) < 3 or not r[0].isupper() or not r.endswith(".")]


def test_no_mistake_of_others_stands_on_our_own_list_of_that_category():
    """Ours would close it all the same: one of the two is wrong."""
    own: dict[str, set[str]] = {}
    for row in defaults.table("lists"):
        own.setdefault(row["category"], set()).update(parse.parse_file(defaults.DATA / row["file"]).names)
    listed = [
        (name, category)
        for category, names in exceptions.by_category().items()
        for name in names
        if own[category].intersection(domain.suffixes(name))
    ]
    assert not listed


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "Archive.test"},
        {"name": "archive.test/page"},
        {"category": ""},
        {"category": "torrents"},
        {"reason": ""},
        {"reason": "not one"},
    ],
    ids=lambda change: "-".join(f"{key} {value or 'missing'}" for key, value in change.items()),
)
def test_a_row_that_cannot_be_used_is_an_error(change: dict[str, str]):
    with pytest.raises(ValueError, match=r"exceptions\.csv"):
        exceptions.read([ROW | change], {"piracy"})


def test_a_row_that_stands_twice_is_an_error():
    with pytest.raises(ValueError, match=r"exceptions\.csv"):
        exceptions.read([ROW, ROW], {"piracy"})
