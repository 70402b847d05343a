"""What `lists status` says, and in which words."""

import json
import shutil

import pytest
from msgspec.structs import replace

from blocklists import compile as compiler
from blocklists import index, stored
from blocklists.gather import Read
from blocklists.parse import Skipped, Tally
from blocklists.stored import Copy, Meta, Part
from deploy import config, list_status, list_words, setup, store
from deploy.copies import Outcome, State
from deploy.list_settings import ListSettings, SubscriptionSettings

DAY = 24 * 3600 * 10**9
NOW = 1_800_000_000 * 10**9
URL = "https://a.test/list"
SUBSCRIPTION = SubscriptionSettings(url=URL, list="games")
PART = Part(
    list="games", path="list", rules=980, lines=1001, said=1000, skipped=20, reasons={"not the name of a host": 20}
)
COPY = Copy(stamp="1", origin=URL, fetched_ns=NOW - 3 * 3600 * 10**9, parts=(PART,))
GOOD = Meta(label="a", asked=SUBSCRIPTION.asked, list="games", since_ns=1, checked_ns=NOW - DAY, current=COPY)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return setup.init(tmp_path_factory.mktemp("status") / "school", "Test School", shown_by="A. Okafor")


@pytest.fixture
def school(made, tmp_path):
    """A school whose files are its own, and whose copies are those that a test notes."""
    settings = config.load(made.folder / config.NAME)
    copied = settings.files.lists
    yield settings
    for folder in stored.folders(copied):
        shutil.rmtree(folder)


def subscribed(settings, **subscriptions):
    return config.Settings(settings.file, config.Config(subscriptions=subscriptions))


def noted(settings, *metas):
    settings.files.lists.mkdir(exist_ok=True)
    for meta in metas:
        store.note(settings.files, meta)
        for part in meta.current.parts if meta.current else ():
            (settings.files.lists / meta.label / meta.current.stamp / part.path).mkdir(parents=True)


def said(settings, lists=("games",), *, compiled=True):
    found = list_status.of(settings, lists, compiled=compiled, now_ns=NOW)
    return found.good, "\n".join(list_words.status(found, NOW))


def test_a_school_that_subscribes_nothing_is_good(school):
    good, text = said(school)
    assert good
    own = school.path("lists/games.txt")
    build = index.Index(school.files.index / index.CURRENT).identity
    lines = text.splitlines()
    assert lines[0] == "games"
    assert lines[1].startswith(f"  {own}: ")
    assert lines[1].endswith(" rules, 100.0% of the lines understood")
    assert lines[2:] == [f"Index {build} is in force, built {lines[2].rpartition('built ')[2]}"]


def test_a_copy_in_force_says_what_was_understood_and_why_the_rest_was_not(school):
    part = stored.Part(
        list="games",
        path="x",
        category="jeux",
        rules=980,
        lines=1001,
        said=1000,
        skipped=20,
        reasons={"not the name of a host": 16, "more than one word on a line": 4},
        first=(
            *(Skipped(n, "not the name of a host", "domains") for n in (3, 7, 9)),
            Skipped(11, "more than one word on a line"),
        ),
    )
    noted(school, replace(GOOD, current=Copy("1", URL, COPY.fetched_ns, (part,))))
    good, text = said(subscribed(school, a=SUBSCRIPTION))
    assert good
    assert text.splitlines()[2:6] == [
        "  a jeux: 980 rules, 98.0% of the lines understood, 20 skipped, 3 hours ago",
        "    16 not the name of a host (line domains 3, domains 7, domains 9 ...)",
        "    4 more than one word on a line (line 11 ...)",
        f"a: subscribed, newest 1 day ago, {URL}",
    ]


def test_what_little_was_left_out_is_said_too(school):
    part = replace(PART, said=100_000, skipped=1, reasons={"not the name of a host": 1}, first=(Skipped(7, "x"),))
    noted(school, replace(GOOD, current=replace(COPY, parts=(part,))))
    assert "\n    1 not the name of a host\n" in said(subscribed(school, a=SUBSCRIPTION))[1]


def test_patterns_that_are_not_in_the_index_are_said_with_their_list(tmp_path):
    settings = config.Settings(tmp_path / config.NAME, config.Config())
    own = settings.path("lists/games.txt")
    own.parent.mkdir()
    own.write_text("||a.test^\n/foo|./\n/[a-z]/\n")
    settings.files.state.mkdir()
    compiler.compile_lists({"games": (compiler.Source(own),)}, settings.files.index, built_ns=NOW)
    found = list_status.of(settings, ["games"], compiled=True, now_ns=NOW)
    ((reason, count),) = found.patterns["games"].items()
    assert (reason, count) == ("a pattern that matches everything", 2)
    assert "  2 not in the index: a pattern that matches everything" in list(list_words.status(found, NOW))


def test_a_compile_says_of_each_source_what_was_left_out_and_where():
    tally = Tally()
    for line in range(1, 7):
        tally.skip(line, "not the name of a host", "domains")
    tally.skip(9, "longer than 4096 bytes", "")
    assert list(list_words.compiled("games", 1, [Read("", tally)])) == [
        "games                            1 rule       7 lines skipped",
        "    6 not the name of a host (line domains 1, domains 2, domains 3 ...)",
        "    1 longer than 4096 bytes (line 9)",
    ]
    assert list(list_words.compiled("games", 1, [Read("", Tally()), Read("ut1", tally)]))[1:] == [
        "    ut1: 6 not the name of a host (line domains 1, domains 2, domains 3 ...)",
        "    ut1: 1 longer than 4096 bytes (line 9)",
    ]


@pytest.mark.parametrize(
    ("meta", "line"),
    [
        (replace(GOOD, problem="the server answered 404 Not Found"), "  FAILED: the server answered 404 Not Found"),
        (
            replace(GOOD, held=COPY, why_held="has 1 rule for games"),
            "  HELD BACK: the newest copy has 1 rule for games; if this is meant: schoolgate lists accept a",
        ),
        (replace(GOOD, checked_ns=NOW - 15 * DAY), "  FAILED: its copy was found to be the newest 15 days ago"),
        (
            replace(GOOD, current=None, checked_ns=0),
            "  not fetched yet; run: schoolgate lists update a",
        ),
    ],
)
def test_what_somebody_should_look_into_is_said(school, meta, line):
    noted(school, meta)
    good, text = said(subscribed(school, a=SUBSCRIPTION))
    assert not good
    assert line in text.splitlines()


def test_a_copy_that_is_fourteen_days_old_is_not_old_yet(school):
    noted(school, replace(GOOD, checked_ns=NOW - 14 * DAY))
    assert said(subscribed(school, a=SUBSCRIPTION))[0]


def test_an_imported_copy_is_never_too_old(school):
    noted(school, replace(GOOD, asked="", checked_ns=NOW - 100 * DAY))
    good, text = said(school)
    assert good
    assert f"a: imported, newest 100 days ago, {URL}" in text.splitlines()


def test_a_subscription_that_has_gone_is_said(school):
    noted(school, GOOD)
    good, text = said(school)
    assert not good
    says = "  FAILED: it is subscribed no longer, and its copy stays in force until: schoolgate lists remove a"
    assert says in text.splitlines()


def test_a_subscription_without_any_copy_is_said(school):
    good, text = said(subscribed(school, b=SUBSCRIPTION))
    assert not good
    assert f"b: subscribed, never had, {URL}\n  not fetched yet; run: schoolgate lists update b\n" in text


@pytest.mark.parametrize("content", ["{", '{"label": "a", "schema": 99}'])
def test_a_damaged_file_is_said_with_the_way_out(school, content):
    noted(school, GOOD)
    (school.files.lists / "a" / stored.META).write_text(content)
    good, text = said(school)
    assert not good
    assert "a/meta.json " in text
    assert "; run: schoolgate lists remove a, or update or import it again" in text


def test_a_copy_that_has_gone_from_the_disk_is_said(school):
    noted(school, GOOD)
    shutil.rmtree(school.files.lists / "a" / "1")
    good, text = said(subscribed(school, a=SUBSCRIPTION))
    assert not good
    assert f"  a: {school.files.lists}/a/1/list has gone; run: schoolgate lists remove a, or update --force" in text


def test_a_list_without_its_file_and_without_copies_is_said(school):
    lost = config.Settings(school.file, config.Config(lists={"games": ListSettings("lists/lost.txt")}))
    good, text = said(lost)
    assert not good
    assert f"  {school.path('lists/lost.txt')}: No such file or directory" in text
    noted(school, replace(GOOD, asked=""))
    good, text = said(lost)
    assert good, "a list that has copies needs no file of its own"
    assert "lost.txt" not in text


def test_an_index_that_is_behind_or_missing_is_said(school, tmp_path):
    good, text = said(school, compiled=False)
    assert not good
    assert text.endswith(", without the newest copies; run: schoolgate lists compile.")
    good, text = said(config.Settings(tmp_path / config.NAME, config.Config()))
    assert not good
    assert text.splitlines() == [
        "games",
        f"  {tmp_path}/lists/games.txt: No such file or directory",
        "No index is in force; run: schoolgate lists compile",
    ]


def test_the_same_comes_as_json(school):
    noted(school, GOOD)
    found = list_status.of(subscribed(school, a=SUBSCRIPTION), ["games"], compiled=True, now_ns=NOW)
    told = json.loads(json.dumps(list_words.status_json(found)))
    assert told["good"] is True
    (copied,) = [one for one in told["sources"] if one["label"]]
    assert (copied["list"], copied["rules"], copied["understood"]) == ("games", 980, 0.98)
    assert told["labels"][0]["checked_ns"] == NOW - DAY


HOSTILE = "\x1b[31m[bold]\u202egames\n\0"


def test_what_authors_chose_is_cleaned_for_a_terminal(school):
    part = Part(list="games", path="x", category=HOSTILE, rules=1)
    hostile = Copy("1", HOSTILE, 1, (part,), unknown=(HOSTILE,))
    noted(school, replace(GOOD, current=hostile, problem=HOSTILE))
    _, text = said(school)
    told = list(list_words.outcome(Outcome("a", State.FETCHED, copy=hostile)))
    told += [*list_words.outcome(Outcome("a", State.FAILED, HOSTILE)), *list_words.unknown([HOSTILE])]
    assert all(line.isprintable() for line in (*text.split("\n"), *told))
    assert all(
        json.dumps(list_words.outcome_json(Outcome("a", State.FETCHED, copy=hostile))).isprintable() for _ in "x"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (-5, "just now"),
    ],
)
def test_an_age_is_said_in_words(seconds, words):
    assert list_words.age(NOW - seconds * 10**9, NOW) == words


@pytest.mark.parametrize(("value", "words"), [(1.0, "100.0%"), (0.99999, "99.9%"), (0.5, "50.0%"), (0.0, "0.0%")])
def test_a_share_is_never_rounded_up_to_all(value, words):
    assert list_words.share(value) == words


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (Outcome("a", State.UNCHANGED, copy=COPY), ["a                       not changed: 980 rules"]),
        (
            Outcome("a", State.HELD, "has no rules in 0 lines", COPY),
            [
                "a                       HELD BACK: it has no rules in 0 lines; the copy in force stays",
                "                        if this is meant: schoolgate lists accept a",
            ],
        ),
        (
            Outcome("a", State.FETCHED, copy=COPY),
            [
                "a                       new: 980 rules",
                "  games                 980 rules, 98.0% of the lines understood, 20 skipped",
            ],
        ),
        (
            Outcome("a", State.FETCHED, copy=replace(COPY, parts=(), links=2)),
            [
                "a                       new: 0 rules",
                "                        left out: 2 links; none is followed",
            ],
        ),
        (Outcome("a", State.FAILED, "no"), ["a                       FAILED: no"]),
    ],
)
def test_what_became_of_a_list_is_a_line_or_two(outcome, lines):
    assert list(list_words.outcome(outcome)) == lines


def test_what_an_import_left_out_follows_its_lists():
    assert list(list_words.outcomes([], ["gmaes"], 1)) == [
        "                        left out, as they stand for no list here: gmaes",
        "                        left out: 1 link; none is followed",
    ]
