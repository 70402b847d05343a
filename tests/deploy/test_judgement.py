"""Whether a new copy may replace the one in force."""

import pytest

from blocklists.parse import Format, Skipped
from blocklists.stored import Part
from deploy import judgement
from deploy.judgement import Ratios


@pytest.mark.parametrize(
    ("new", "before", "why"),
    [
        ({"games": 5}, {}, ""),
        ({"games": 0}, {}, "has no rules in 9 lines"),
        ({}, {"games": 5}, "has no rules in 9 lines"),
        ({"games": 50}, {"games": 100}, ""),
        ({"games": 49}, {"games": 100}, "has 49 rules for games, where 100 are in force (shrinks_to = 0.5)"),
        ({"games": 9000}, {"games": 3000}, ""),
        ({"games": 9001}, {"games": 3000}, "has 9,001 rules for games, where 3,000 are in force (grows_to = 3)"),
        ({"games": 1000}, {"games": 3}, ""),
        ({"games": 1}, {"games": 4}, "has 1 rule for games, where 4 are in force"),
        ({"games": 2000}, {"games": 1}, "has 2,000 rules for games, where 1 is in force"),
        ({"games": 9001, "video": 1}, {"video": 1}, ""),
        ({"games": 100, "video": 0}, {"games": 100, "video": 9}, "has 0 rules for video, where 9 are in force"),
        ({"games": 5, "video": 0}, {"games": 5, "video": 0}, ""),
    ],
)
def test_a_copy_is_held_to_the_one_in_force(new, before, why):
    assert judgement.objection(new, before, Ratios(), lines=9).startswith(why)
    assert bool(judgement.objection(new, before, Ratios(), lines=9)) is bool(why)


def test_the_ratios_are_the_subscriptions_own():
    assert not judgement.objection({"games": 1}, {"games": 100}, Ratios(shrinks_to=0))
    assert judgement.objection({"games": 5000}, {"games": 4000}, Ratios(grows_to=1))


def test_a_web_page_is_no_list_whatever_is_in_it():
    assert judgement.objection({"games": 5}, {}, Ratios(), page=True) == "is a web page (HTML) and not a list"


@pytest.mark.parametrize(
    ("head", "is_page"),
    [
        (b"<!DOCTYPE html><html>", True),
        (b"\xef\xbb\xbf\r\n  <HTML lang=fr>", True),
        (b'<?xml version="1.0"?><html>', True),
        (b"<script>", True),
        (b"html.test\n", False),
        (b"! Title\n||a.test^\n", False),
        (b"", False),
    ],
)
def test_a_web_page_is_known_by_its_beginning(tmp_path, head, is_page):
    (tmp_path / "x").write_bytes(head)
    assert judgement.is_page(tmp_path / "x") is is_page


def test_a_part_is_read_and_counted(tmp_path):
    (tmp_path / "list").write_text("# head\na.test\n0.0.0.0 b.test\na b c\n")
    heard = []
    part = judgement.read_part(tmp_path, Part(list="games", path="list"), heard.append)
    assert (part.rules, part.lines, part.said, part.skipped) == (2, 4, 3, 1)
    assert part.understood == pytest.approx(2 / 3)
    assert [line.line for line in part.first] == [4]
    assert list(part.reasons.values()) == [1]
    assert heard[-1] == 4


def test_a_part_may_be_a_categorys_folder(tmp_path):
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "domains").write_text("a.test\nb.test\na b c\n")
    (tmp_path / "games" / "urls").write_text("c.test\n")
    part = judgement.read_part(tmp_path, Part(list="games", path="games"))
    assert (part.rules, part.lines, part.skipped) == (3, 4, 1)
    assert [(line.file, line.line) for line in part.first] == [("domains", 3)]


def test_the_format_that_is_named_is_the_one_that_is_read(tmp_path):
    (tmp_path / "list").write_text("a.test\n")
    part = judgement.read_part(tmp_path, Part(list="games", path="list", format=Format.HOSTS))
    assert (part.rules, part.skipped) == (0, 1)
    assert isinstance(part.first[0], Skipped)


def test_of_each_reason_a_first_line_is_kept(tmp_path):
    (tmp_path / "list").write_text("a b c\n" * 50 + "||a.test^$ctag=x\n" * 2)
    part = judgement.read_part(tmp_path, Part(list="games", path="list", format=Format.ADBLOCK))
    assert len(part.reasons) == 2
    assert [one.line for one in part.first] == [*range(1, 21), 51]
