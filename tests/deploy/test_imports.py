"""Imports without a network: from a file, an archive, or a folder such as a USB stick."""

import gzip
import tarfile

import pytest

from blocklists import stored
from deploy import config, store
from deploy.copies import State
from deploy.imports import Choice, Import
from deploy.list_settings import SubscriptionSettings
from deploy.progress import NoBars
from deploy.toml_file import RefusedError
from tests.support.list_server import lines, many, tar_gz, zipped

LISTS = ("gambling", "games", "social")
UT1 = {"gambling": "gambling", "bitcoin": "gambling", "jeux": "games", "phishing": None}


@pytest.fixture
def settings(tmp_path):
    return config.Settings(tmp_path / config.NAME, config.Config())


@pytest.fixture
def stick(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def take(settings, path, **choice):
    def list_for(taxonomy, name):
        return UT1.get(name) if taxonomy == "ut1" else None

    return Import(settings, LISTS, list_for, ["ut1"], NoBars()).run(path, Choice(**choice))


def one(settings, path, **choice):
    (outcome,) = take(settings, path, **choice).outcomes
    return outcome


def labels(settings):
    return [folder.name for folder in stored.folders(settings.files.lists)]


def names(settings, name):
    return sorted(source.path.read_text() for source in store.sources(settings.files).get(name, []))


@pytest.mark.parametrize(
    ("file", "content", "label"),
    [
        ("bets.txt", many(5), "bets"),
        ("My bets (new).hosts.gz", gzip.compress(many(5)), "My-bets-new"),
        ("bets.tar.gz", tar_gz({"x/y.txt": many(5), "README": b""}), "bets"),
        ("bets.zip", zipped({"y.txt": many(5)}), "bets"),
        ("...gz", gzip.compress(many(5)), "gambling"),
    ],
)
def test_a_file_or_an_archive_feeds_the_list_that_is_named(settings, stick, file, content, label):
    (stick / file).write_bytes(content)
    outcome = one(settings, stick / file, list="gambling")
    assert (outcome.label, outcome.state, outcome.copy.rules) == (label, State.FETCHED, {"gambling": 5})
    assert names(settings, "gambling") == [many(5).decode()]
    assert outcome.copy.origin == str(stick / file)
    assert not store.known(settings.files, label).subscribed


def test_a_label_can_be_chosen(settings, stick):
    (stick / "bets.txt").write_bytes(many(5))
    assert one(settings, stick / "bets.txt", list="gambling", label="mine").label == "mine"
    assert labels(settings) == ["mine"]


def test_a_file_that_is_called_like_a_list_feeds_it(settings, stick):
    (stick / "games.hosts.gz").write_bytes(gzip.compress(b"0.0.0.0 a.test\n"))
    assert one(settings, stick / "games.hosts.gz").label == "games"
    assert names(settings, "games") == ["0.0.0.0 a.test\n"]


def test_a_stick_of_lists_feeds_each_of_them(settings, stick):
    (stick / "gambling.txt").write_bytes(many(5))
    (stick / "games.txt.gz").write_bytes(gzip.compress(many(6)))
    (stick / "photos").mkdir()
    (stick / "photos" / "cat.jpg").write_bytes(b"\xff\xd8")
    imported = take(settings, stick)
    assert [(o.label, o.copy.rules) for o in imported.outcomes] == [
        ("gambling", {"gambling": 5}),
        ("games", {"games": 6}),
    ]
    assert imported.unknown == ("cat",)
    (stick / "gambling.txt").unlink()
    (stick / "games.txt.gz").write_bytes(gzip.compress(many(7)))
    assert [o.label for o in take(settings, stick).outcomes] == ["games"], "what is not on it stays as it was"
    assert names(settings, "gambling") == [many(5).decode()]


def test_an_archive_of_lists_is_as_a_stick_of_them(settings, stick):
    (stick / "all.zip").write_bytes(zipped({"lists/gambling.txt": many(5), "lists/games.txt": many(6)}))
    assert [o.label for o in take(settings, stick / "all.zip").outcomes] == ["gambling", "games"]
    assert sorted(path.name for path in settings.files.lists.iterdir()) == [".lock", ".uncompiled", "gambling", "games"]


CATEGORIES = {
    "blacklists/gambling/domains": many(10, "bet"),
    "blacklists/bitcoin/domains": many(4, "coin"),
    "blacklists/jeux/urls": lines("a.test/x"),
    "blacklists/jeux/usage": b"black\n",
    "blacklists/phishing/domains": many(3),
}


def on(stick, files, *, packed):
    for name, content in files.items():
        path = stick / (f"{name}.gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("choice", [{}, {"taxonomy": "ut1"}])
@pytest.mark.parametrize("packed", [True, False])
def test_a_tree_of_categories_is_recognised(settings, stick, packed, choice):
    on(stick, CATEGORIES, packed=packed)
    outcome = one(settings, stick, **choice)
    assert (outcome.label, outcome.state) == ("ut1", State.FETCHED)
    assert [(part.list, part.category) for part in outcome.copy.parts] == [
        ("gambling", "bitcoin"),
        ("gambling", "gambling"),
        ("games", "jeux"),
    ]
    assert outcome.copy.unknown == ("phishing",)
    content = settings.files.lists / "ut1" / outcome.copy.stamp
    assert sorted(str(path.relative_to(content)) for path in content.rglob("*") if path.is_file()) == [
        "blacklists/bitcoin/domains",
        "blacklists/gambling/domains",
        "blacklists/jeux/urls",
    ]


def test_files_beside_the_folders_of_categories_are_taken_too(settings, stick):
    on(stick, {"jeux/domains": many(4), "social.txt": many(5), "photo.jpg": b"x"}, packed=False)
    imported = take(settings, stick)
    assert [(o.label, o.copy.rules) for o in imported.outcomes] == [("social", {"social": 5}), ("ut1", {"games": 4})]
    assert imported.unknown == ("photo",)


def test_a_folder_called_like_a_list_of_the_school_feeds_that_list(settings, stick, monkeypatch):
    monkeypatch.setitem(UT1, "social", "games")
    on(stick, {"social/domains": many(4), "gambling.txt": many(5)}, packed=False)
    imported = take(settings, stick)
    assert [o.copy.rules for o in imported.outcomes] == [{"gambling": 5}, {"social": 4}]
    given = take(settings, stick, taxonomy="ut1")
    assert [o.copy.rules for o in given.outcomes] == [{"gambling": 5}, {"games": 4}]
    on(stick, {"jeux/domains": many(3)}, packed=False)
    assert take(settings, stick).outcomes[-1].copy.rules == {"games": 7}, "all its folders are the author's"


def test_one_category_may_feed_a_list_that_is_named(settings, stick):
    on(stick, {"domains": many(10), "urls": lines("a.test/x"), "usage": b"black\n"}, packed=True)
    outcome = one(settings, stick, list="social")
    assert [(part.list, part.path) for part in outcome.copy.parts] == [("social", ".")]
    assert sorted(path.name for path in store.sources(settings.files)["social"][0].path.iterdir()) == [
        "domains",
        "urls",
    ]


def test_a_second_import_is_held_to_the_first(settings, stick):
    (stick / "gambling.txt").write_bytes(many(100))
    assert one(settings, stick).state is State.FETCHED
    (stick / "gambling.txt").write_bytes(many(10))
    held = one(settings, stick)
    assert (held.state, held.why) == (
        State.HELD,
        "has 10 rules for gambling, where 100 are in force (shrinks_to = 0.5)",
    )
    assert names(settings, "gambling") == [many(100).decode()]


def test_a_subscription_can_be_fed_from_a_stick(settings, stick):
    subscription = SubscriptionSettings(url="https://a.test/list", list="gambling", shrinks_to=0.01)
    settings = config.Settings(settings.file, config.Config(subscriptions={"bets": subscription}))
    (stick / "bets.txt").write_bytes(many(100))
    assert one(settings, stick / "bets.txt", list="gambling").label == "bets"
    (stick / "bets.txt").write_bytes(many(10))
    assert one(settings, stick / "bets.txt", list="gambling").state is State.FETCHED, "its own ratios hold"


def test_what_has_no_rules_is_not_kept(settings, stick):
    (stick / "gambling.txt").write_bytes(b"<html>\n")
    failed = one(settings, stick)
    assert (failed.state, failed.why) == (State.FAILED, "it is a web page (HTML) and not a list")
    assert labels(settings) == []


def test_a_bomb_on_a_stick_is_refused_and_the_others_come(settings, stick):
    (stick / "gambling.txt.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    (stick / "games.txt").write_bytes(many(6))
    failed, fetched = take(settings, stick).outcomes
    assert failed.why == "it unpacks to more than 200 times its size, as a bomb does"
    assert fetched.state is State.FETCHED
    assert labels(settings) == ["games"]


def test_an_archive_that_leads_out_is_refused(settings, stick):
    (stick / "x.tar.gz").write_bytes(tar_gz({"../gambling.txt": many(5)}))
    with pytest.raises(
        RefusedError, match=r"x\.tar\.gz: it has a file that would lie outside of its folder; nothing was"
    ):
        take(settings, stick / "x.tar.gz")
    assert sorted(path.name for path in settings.files.lists.iterdir()) == [".lock"]


def test_no_link_on_a_stick_is_followed(settings, stick, tmp_path):
    (tmp_path / "secret.txt").write_bytes(many(5))
    (stick / "gambling.txt").symlink_to(tmp_path / "secret.txt")
    says = r"has no file that is called like a list of policy.toml, and none of its links is followed; nothing was"
    with pytest.raises(RefusedError, match=says):
        take(settings, stick)
    (stick / "games.txt").write_bytes(many(5))
    (stick / ".hidden").symlink_to(tmp_path)
    assert take(settings, stick).links == 1


def test_a_link_in_an_archive_is_counted(settings, stick):
    with tarfile.open(stick / "x.tar", "w") as archive:
        (stick / "games.txt").write_bytes(many(5))
        archive.add(stick / "games.txt", "games.txt")
        (stick / "link").symlink_to("games.txt")
        archive.add(stick / "link", "social.txt")
    imported = take(settings, stick / "x.tar")
    assert ([o.label for o in imported.outcomes], imported.links) == (["games"], 1)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"list": "gmes"}, "--list: there is no list 'gmes'; the lists are gambling, games, social"),
        ({"taxonomy": "ut2"}, "--taxonomy: there is no taxonomy 'ut2'; the taxonomies are ut1"),
        ({"taxonomy": "ut1", "list": "games"}, "--list and --taxonomy: "),
        ({"label": "../x"}, r"--label: '\.\./x' must be letters, digits, - and _"),
        ({"label": "x"}, "--label: this is for one list, and there are 2: gambling, games"),
        ({"taxonomy": "ut1"}, "it has no category that is known here; nothing was changed"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, stick, choice, sentence):
    (stick / "gambling.txt").write_bytes(many(5))
    (stick / "games.txt").write_bytes(many(5))
    with pytest.raises(RefusedError, match=sentence):
        take(settings, stick, **choice)
    assert labels(settings) == []


def test_what_is_not_there_is_said(settings, stick):
    with pytest.raises(FileNotFoundError):
        take(settings, stick / "nowhere")
