"""The categories of other authors each have a place here, and none of them closes what must not be closed."""

import gzip
import os
from pathlib import Path

import pytest

from blocklists import defaults, taxonomy
from blocklists.rulebook import NEVER_BLOCKED, Role

REAL = Path(os.environ.get("LISTS", Path(__file__).parents[3] / "shared" / "lists")) / "ut1"
FOLDERS = sorted(folder.name for folder in REAL.iterdir()) if REAL.is_dir() else []
BOOK = defaults.rulebook("School")
MAPPINGS = [(source, name) for source in taxonomy.sources() for name in taxonomy.names(source)]
ROW = {"source": "ut1", "name": "adult", "list": "pornography", "note": ""}
ABOUT_PEOPLE = [
    ("ut1", "associations_religieuses"),
    ("ut1", "astrology"),
    ("ut1", "sect"),
    ("ut1", "sexual_education"),
    ("shalla", "fortunetelling"),
    ("shalla", "hospitals"),
    ("shalla", "recreation/wellness"),
    ("shalla", "religion"),
    ("shalla", "sex/education"),
]
"""What other authors list because of who people are, what they believe, or their health (G9)."""


@pytest.mark.parametrize(
    ("source", "name", "listed"),
    [
        ("ut1", "adult", "pornography"),
        ("ut1", "doh", "bypass"),
        ("ut1", "games", "games"),
        ("ut1", "redirector", "bypass"),
        ("ut1", "translation", "news"),
        ("ut1", "vpn", "bypass"),
        ("shalla", "hobby/games-online", "games"),
        ("shalla", "sex/lingerie", "nudity"),
        ("squidguard", "porn", "pornography"),
        ("adguard", "discord", "messaging"),
        ("adguard", "roblox", "games"),
        ("adguard", "tiktok", "social"),
    ],
)
def test_a_category_of_another_author_belongs_to_a_list_of_ours(source: str, name: str, listed: str):
    assert taxonomy.list_for(source, name) == listed


def test_sources_come_in_the_order_of_the_table():
    assert taxonomy.sources() == ["ut1", "shalla", "squidguard", "adguard"]


def test_a_category_that_is_not_imported_says_why():
    missing = [(source, name) for source, name in MAPPINGS if taxonomy.list_for(source, name) is None]
    assert ("ut1", "phishing") in missing
    assert not [key for key in missing if len(taxonomy.reason(*key).split()) < 4]


@pytest.mark.parametrize("key", [("ut1", "none"), ("nobody", "adult"), ("ut1", ""), ("", "")])
def test_a_category_that_nobody_knows_belongs_nowhere_and_that_is_the_reason(key: tuple[str, str]):
    assert taxonomy.list_for(*key) is None
    assert taxonomy.reason(*key).endswith(f"is known as {key[1]!r}")


@pytest.mark.parametrize("key", ABOUT_PEOPLE)
def test_what_stands_for_who_people_are_is_never_closed_and_never_alerts(key: tuple[str, str]):
    listed = taxonomy.list_for(*key)
    assert listed is not None
    assert BOOK.lists[listed].category in NEVER_BLOCKED


def test_no_category_of_another_author_feeds_our_list_of_sex_education_which_a_class_may_not_reach():
    assert [key for key in MAPPINGS if taxonomy.list_for(*key) == "sex-education"] == []


def test_an_imported_category_outranks_nothing():
    """A name on an education, approved or always-open list is open whatever else it is, so those are our own alone."""
    roles = {BOOK.lists[listed].role for key in MAPPINGS if (listed := taxonomy.list_for(*key))}
    assert roles == {Role.CATEGORY, Role.POSITIVE}


@pytest.mark.parametrize(
    "change",
    [{"list": "pornografy"}, {"list": ""}, {"source": ""}, {"name": ""}],
    ids=["a list that there is none of", "no list and no reason", "no source", "no name"],
)
def test_a_row_that_maps_nowhere_is_an_error(change: dict[str, str]):
    with pytest.raises(ValueError, match=r"taxonomy\.csv"):
        taxonomy.read([ROW | change], BOOK.lists)


def test_a_row_that_stands_twice_is_an_error():
    with pytest.raises(ValueError, match=r"taxonomy\.csv"):
        taxonomy.read([ROW, ROW], BOOK.lists)


real_lists = pytest.mark.skipif(not FOLDERS, reason="the lists of other authors are not beside the repository")


@real_lists
def test_every_folder_of_the_real_lists_has_a_place():
    assert not set(FOLDERS) - set(taxonomy.names("ut1"))


@real_lists
@pytest.mark.parametrize("name", FOLDERS)
def test_what_its_author_lists_only_to_open_closes_nothing(name: str):
    usage = set(gzip.decompress((REAL / name / "usage.gz").read_bytes()).decode().split())
    listed = taxonomy.list_for("ut1", name)
    if "white" in usage and "black" not in usage and listed:
        category = BOOK.categories.get(BOOK.lists[listed].category)
        assert category is None or category.codes["ks3"] == "O"
