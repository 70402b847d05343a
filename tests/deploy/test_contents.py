"""Which files of an archive or a folder feed which list: names only."""

from pathlib import PurePosixPath

import pytest

from blocklists.parse import Format
from deploy import contents
from deploy.contents import NothingError

LISTS = ("gambling", "games", "social")
UT1 = {"gambling": "gambling", "bitcoin": "gambling", "jeux": "games", "adult": "pornography", "phishing": None}


def files(*names):
    return [PurePosixPath(name) for name in names]


def parts(found):
    return [(part.list, part.path) for part in found.parts]


def test_all_files_feed_the_one_list():
    found = contents.of_one_list(files("b.txt", "README.md", "x/a.hosts", "LICENSE", "usage"), "games", Format.HOSTS)
    assert parts(found) == [("games", "b.txt"), ("games", "x/a.hosts")]
    assert {part.format for part in found.parts} == {Format.HOSTS}


@pytest.mark.parametrize(
    ("member", "paths"),
    [("x/a.txt", ["x/a.txt"]), ("x", ["x/a.txt", "x/b"]), ("/x/", ["x/a.txt", "x/b"]), ("", ["c", "x/a.txt", "x/b"])],
)
def test_a_member_is_a_file_or_a_folder(member, paths):
    there = files("c", "x/a.txt", "x/b/domains", "x/b/urls", "x/b/usage")
    assert parts(contents.of_one_list(there, "games", member=member)) == [("games", path) for path in paths]


def test_a_format_that_is_named_is_not_that_of_a_categorys_folder():
    found = contents.of_one_list(files("a.txt", "x/domains", "x/urls"), "games", Format.HOSTS)
    assert [(part.path, part.format) for part in found.parts] == [("a.txt", Format.HOSTS), ("x", Format.AUTO)]


@pytest.mark.parametrize(("member", "sentence"), [("y", "has no such member"), ("", "has no file in it")])
def test_what_is_not_there_is_said(member, sentence):
    with pytest.raises(NothingError, match=sentence):
        contents.of_one_list(files("x") if member else [], "games", member=member)


def test_a_file_that_is_alone_is_the_list_whatever_it_is_called():
    assert parts(contents.of_one_list(files("README"), "games")) == [("games", "README")]


def test_categories_feed_the_lists_that_the_taxonomy_names():
    there = files(
        *("ut1/gambling/domains", "ut1/gambling/urls", "ut1/bitcoin/domains", "ut1/jeux/expressions", "ut1/jeux/usage"),
        *("ut1/adult/domains", "ut1/phishing/domains", "ut1/strange/urls", "ut1/README", "ut1/empty/usage"),
    )
    found = contents.of_categories(there, UT1.get, LISTS)
    assert parts(found) == [("gambling", "ut1/bitcoin"), ("gambling", "ut1/gambling"), ("games", "ut1/jeux")]
    assert [part.category for part in found.parts] == ["bitcoin", "gambling", "jeux"]
    assert found.unknown == ("adult", "phishing", "strange"), "a list that this school does not have is none"
    assert found.of(there) == files(*(str(file) for file in there[:4]))


def test_categories_of_nobody_known_are_nothing():
    with pytest.raises(NothingError, match="has no category that is known here"):
        contents.of_categories(files("x/domains", "list.txt"), UT1.get, LISTS)


def test_files_that_are_called_like_lists_feed_them():
    there = files("gambling.txt", "more/games.hosts", "social/domains", "social/urls", "gamblng.txt", "README.txt")
    found = contents.of_named_files(there, LISTS)
    assert parts(found) == [("gambling", "gambling.txt"), ("games", "more/games.hosts"), ("social", "social")]
    assert found.unknown == ("gamblng",)
    assert contents.of_named_files(files("x.txt"), LISTS).parts == ()


@pytest.mark.parametrize(
    ("there", "likely"),
    [
        (("gambling/domains", "jeux/urls", "strange/domains"), True),
        (("gambling/domains", "strange/domains"), False),
        (("gambling.txt",), False),
        ((), False),
    ],
)
def test_a_taxonomy_is_recognised_when_most_names_are_its_own(there, likely):
    assert contents.looks_like(files(*there), UT1.get) is likely


@pytest.mark.parametrize(
    ("there", "whole"),
    [
        (("gambling/domains",), False),
        (("gambling/domains", "jeux/urls"), True),
        (("gambling/domains", "jeux/urls", "strange/domains"), True),
        (("gambling/domains", "jeux/urls", "social/domains"), False),
        (("gambling/domains", "strange/domains"), False),
    ],
)
def test_an_archive_is_an_authors_unless_a_folder_can_only_be_the_schools(there, whole):
    assert contents.is_archive_of(files(*there), UT1.get, LISTS) is whole


def test_a_copy_of_very_many_parts_is_refused():
    with pytest.raises(NothingError, match="more than 1000 files"):
        contents.of_one_list(files(*map(str, range(1001))), "games")


def test_of_very_many_unknown_names_some_are_kept():
    there = files("gambling/domains", *(f"{number}/domains" for number in range(200)))
    assert len(contents.of_categories(there, UT1.get, LISTS).unknown) == 100
