from pathlib import Path

import pytest

from blocklists import compile as compiler
from blocklists import gather, index, patterns
from blocklists.index import Index, Listing
from blocklists.parse import Batch, Tally
from blocklists.patterns import Placed
from blocklists.rule import Effect, NameRule, PageRule, PatternRule, Rule, Subject

HOST, URL = Subject.HOST, Subject.URL


def built(folder: Path, **lists: list[Rule]) -> Index:
    """An index of *lists*, patterns among them."""
    names, pages = gather.Run(folder, "names"), gather.Run(folder, "pages")
    reads = {name: (gather.Read("", Tally()),) for name in sorted(lists)}
    gathered = gather.Gathered(reads, names.paths, pages.paths, [])
    for number, name in enumerate(sorted(lists)):
        names.add(gather.name_lines(Batch([], lists[name]), number, frozenset()))
        pages.add(gather.page_lines(Batch([], lists[name]), number))
        tally = gathered.lists[name][0].tally
        for rule in lists[name]:
            if isinstance(rule, PatternRule):
                tally.patterns += 1
                gathered.patterns.append(gather.Pattern(rule, number, tally))
    names.close()
    pages.close()
    compiler.write(gathered, folder, 1)
    return Index(folder)


def test_a_pattern_lists_the_hosts_that_it_matches_in_any_case(tmp_path: Path):
    opened = built(tmp_path, adverts=[PatternRule(r"(^|\.)ads[0-9]+\.", HOST)])
    assert opened.listed("ads12.example.test") == (Listing(r"/(^|\.)ads[0-9]+\./", ("adverts",)),)
    assert opened.listed("x.ads1.test")
    assert opened.listed("loads1.test") == opened.listed("ads.test") == ()


def test_a_pattern_for_urls_lists_pages_and_no_hosts(tmp_path: Path):
    opened = built(tmp_path, adverts=[PatternRule(r"/banner/", URL)], games=[PatternRule(r"^x\.test$", HOST)])
    assert [x.lists for x in opened.listed_pages("x.test", "/a/Banner/1?b")] == [("adverts",)]
    assert opened.listed_pages("x.test", "/") == ()
    assert [x.lists for x in opened.listed("x.test")] == [("games",)]


@pytest.mark.parametrize(
    ("rules", "listed"),
    [
        ([NameRule("x.test"), PatternRule("^x", HOST, Effect.ALLOWED)], False),
        ([NameRule("x.test", Effect.IMPORTANT), PatternRule("^x", HOST, Effect.ALLOWED)], True),
        ([NameRule("x.test", Effect.IMPORTANT), PatternRule("^x", HOST, Effect.ALLOWED_IMPORTANT)], False),
        ([NameRule("x.test", Effect.ALLOWED), PatternRule("^x", HOST)], False),
        ([NameRule("x.test", Effect.ALLOWED), PatternRule("^x", HOST, Effect.IMPORTANT)], True),
        ([NameRule("x.test", Effect.ALLOWED_IMPORTANT), PatternRule("^x", HOST, Effect.IMPORTANT)], False),
        ([PatternRule("^x", HOST), PatternRule("test$", HOST, Effect.ALLOWED)], False),
        ([PatternRule("^x", HOST), PatternRule("^y", HOST, Effect.ALLOWED)], True),
    ],
)
def test_names_and_patterns_of_one_list_hold_by_their_precedence(tmp_path: Path, rules: list[Rule], listed: bool):
    opened = built(tmp_path, one=rules, two=[NameRule("x.test")])
    names = {name for listing in opened.listed("x.test") for name in listing.lists}
    assert names == ({"one", "two"} if listed else {"two"})


@pytest.mark.parametrize(
    ("rules", "listed"),
    [
        ([PageRule("x.test", "/ads/", folder=True), PatternRule(r"/ads/.*\.js", URL, Effect.ALLOWED)], False),
        (
            [
                PageRule("x.test", "/ads/", folder=True, effect=Effect.IMPORTANT),
                PatternRule(r"/ads/.*\.js", URL, Effect.ALLOWED),
            ],
            True,
        ),
        (
            [
                PatternRule(r"^x\.test/ads/.*\.js", URL, host="x.test"),
                PageRule("x.test", "/ads/good/", folder=True, effect=Effect.ALLOWED),
            ],
            True,
        ),
        (
            [
                PatternRule(r"^x\.test/ads/.*\.js", URL, host="x.test"),
                PageRule("x.test", "/ads/", folder=True, effect=Effect.ALLOWED),
            ],
            False,
        ),
    ],
)
def test_pages_and_patterns_of_one_list_hold_by_their_precedence(tmp_path: Path, rules: list[Rule], listed: bool):
    assert bool(built(tmp_path, one=rules).listed_pages("x.test", "/ads/a.js")) is listed


def test_the_host_that_a_pattern_is_bound_to_has_pages(tmp_path: Path):
    opened = built(tmp_path, one=[PatternRule(r"^x\.test/.*/ads", URL, host="x.test"), PatternRule("/ads/", URL)])
    assert opened.lists_with_pages("www.x.test") == ("one",)
    assert opened.lists_with_pages("y.test") == ()


def test_what_hyperscan_does_not_take_is_counted_and_the_rest_is_in_force(tmp_path: Path):
    bad = [PatternRule("(a", HOST), PatternRule("a*", HOST), PatternRule(r"(?<=a)b\1", HOST)]
    good = [PatternRule(f"^good{n}", HOST) for n in range(5)]
    opened = built(tmp_path, one=[*good[:2], *bad, *good[2:]])
    assert all(opened.listed(f"good{n}.test") for n in range(5))
    read = compiler.report(tmp_path)["one"][0].tally
    assert (read.patterns, read.skipped_count) == (5, 3)
    assert all(reason.startswith("a pattern that hyperscan does not take: ") for reason in read.reasons)


@pytest.mark.parametrize("pattern", ["foo|.", "[a-z]", r"^.+$", r"\.|x"])
def test_a_pattern_that_matches_everything_is_left_out(tmp_path: Path, pattern: str):
    opened = built(tmp_path, one=[PatternRule(pattern, HOST), PatternRule("^x", HOST)])
    assert (opened.listed("innocent.test"), len(opened.listed("x.test"))) == ((), 1)
    assert compiler.report(tmp_path)["one"][0].tally.reasons == {"a pattern that matches everything": 1}


def test_only_patterns_that_are_no_good_leave_an_index_without_any(tmp_path: Path):
    opened = built(tmp_path, one=[PatternRule("(a", HOST)])
    assert opened.listed("a.test") == ()
    assert not (tmp_path / patterns.DATABASE).exists()


def test_a_database_of_another_processor_is_compiled_again(tmp_path: Path):
    placed = [Placed(PatternRule("^x", HOST), "one")]
    (tmp_path / patterns.PATTERNS).write_bytes(
        patterns.files(placed, patterns.compiled([placed[0].rule])[1])[patterns.PATTERNS]
    )
    (tmp_path / patterns.DATABASE).write_bytes(b"from elsewhere")
    assert patterns.Patterns.load(tmp_path).matching(HOST, "x.test") == placed


def test_patterns_that_cannot_be_understood_make_a_damaged_index(tmp_path: Path):
    (tmp_path / patterns.PATTERNS).write_bytes(b"{}")
    (tmp_path / patterns.DATABASE).write_bytes(b"")
    with pytest.raises(ValueError, match="Expected `array`"):
        patterns.Patterns.load(tmp_path)


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time(tmp_path: Path):
    opened = built(tmp_path, one=[PatternRule("^(a+)+$", HOST)])
    assert opened.listed("a" * 60 + "!") == ()
    assert index.Index(tmp_path).listed("aaa")
