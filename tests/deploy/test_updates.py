"""Updates from a real server on loopback: what has changed comes into force, what looks wrong is held back."""

import gzip
import hashlib
import ssl
import tarfile

import pytest
import trustme
from msgspec.structs import replace

from blocklists import stored
from deploy import config, copies, store, updates
from deploy.copies import State
from deploy.list_settings import SubscriptionSettings
from deploy.progress import NoBars
from tests.support.list_server import ListServer, Reply, lines, many, tar, tar_gz, zipped

LISTS = ("gambling", "games", "social")
UT1 = {"gambling": "gambling", "bitcoin": "gambling", "jeux": "games", "phishing": None}
PAGE = b"<!doctype html><title>Log in</title>\n<p>Please log in to this network\n"


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ListServer() as started:
        yield started


QUIET = NoBars()


class School:
    """A configuration with subscriptions of *server*, and what an update of it does."""

    def __init__(self, folder, server):
        self.folder, self.server, self.subscriptions = folder, server, {}

    def subscribe(self, label, path="/list", **fields):
        fields = {"list": "games"} | fields if "taxonomy" not in fields else fields
        self.subscriptions[label] = SubscriptionSettings(url=f"{self.server.url}{path}", **fields)

    @property
    def settings(self):
        return config.Settings(self.folder / config.NAME, config.Config(subscriptions=self.subscriptions))

    @property
    def files(self):
        return self.settings.files

    def update(self, *labels, force=False, bars=QUIET):
        labels = labels or tuple(self.subscriptions)
        return updates.update(self.settings, labels, LISTS, lambda _, name: UT1.get(name), bars, force=force)

    def one(self, **options):
        (outcome,) = self.update(**options)
        return outcome

    def meta(self, label="a"):
        return store.known(self.files, label)

    def names(self):
        """The text of the sources of each list."""
        found = store.sources(self.files)
        return {
            name: sorted(
                file.read_text()
                for source in sources
                for file in (sorted(source.path.iterdir()) if source.path.is_dir() else [source.path])
            )
            for name, sources in found.items()
        }


@pytest.fixture
def school(tmp_path, server):
    made = School(tmp_path, server)
    server.replies["/list"] = Reply(many(100), etag='"1"', modified="Mon, 01 Mar 2027 00:00:00 GMT")
    made.subscribe("a")
    return made


def test_a_first_copy_comes_into_force(school):
    outcome = school.one()
    assert (outcome.state, outcome.copy.rules, outcome.before) == (State.FETCHED, {"games": 100}, {})
    assert school.names() == {"games": [many(100).decode()]}
    meta = school.meta()
    assert meta.subscribed
    assert (meta.list, meta.problem, meta.current.sha256) == ("games", "", hashlib.sha256(many(100)).hexdigest())
    assert meta.since_ns <= meta.current.fetched_ns <= meta.checked_ns


def test_what_has_not_changed_is_only_looked_at(school, server):
    school.one()
    before = school.meta()
    assert school.one().state is State.UNCHANGED
    assert server.requests[1][1]["If-None-Match"] == '"1"'
    assert server.requests[1][1]["If-Modified-Since"] == "Mon, 01 Mar 2027 00:00:00 GMT"
    assert school.meta() == replace(before, checked_ns=school.meta().checked_ns)
    assert school.meta().checked_ns > before.checked_ns


def test_a_server_without_memory_is_seen_through(school, server):
    server.replies["/list"] = [Reply(many(100), etag='"1"'), Reply(many(100), etag='"2"')]
    school.one()
    assert school.one().state is State.UNCHANGED
    assert school.meta().current.etag == '"2"'


def test_what_has_not_changed_can_be_fetched_by_force(school, server):
    school.one()
    assert school.one(force=True).state is State.FETCHED
    assert server.requests[1][1]["If-None-Match"] is None


def test_what_has_changed_comes_into_force(school, server):
    school.one()
    server.replies["/list"] = Reply(many(120), etag='"2"')
    outcome = school.one()
    assert (outcome.state, outcome.copy.rules, outcome.before) == (State.FETCHED, {"games": 120}, {"games": 100})
    assert school.names() == {"games": [many(120).decode()]}


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(many(100)),
        tar_gz({"x/list.txt": many(100)}),
        zipped({"list.txt": many(100), "README": b"hello\n"}),
    ],
    ids=["gz", "tar.gz", "zip"],
)
def test_a_list_comes_in_any_packing(school, server, body):
    server.replies["/list"] = Reply(body)
    assert school.one().copy.rules == {"games": 100}
    assert school.names() == {"games": [many(100).decode()]}


def test_a_list_comes_packed_for_the_way(school, server):
    server.replies["/list"] = Reply(gzip.compress(many(100)), headers={"Content-Encoding": "gzip"})
    assert school.one().copy.rules == {"games": 100}


def test_a_member_of_an_archive_may_be_all_that_is_wanted(school, server):
    server.replies["/list"] = Reply(tar_gz({"a/games": many(10), "a/other": many(5, "other"), "b": many(3)}))
    school.subscribe("a", member="a/games")
    assert school.one().copy.rules == {"games": 10}
    assert school.names() == {"games": [many(10).decode()]}
    school.subscribe("a", member="c")
    assert school.one().why == "it has no such member"


def test_a_failure_removes_no_copy_of_a_label_whose_file_is_damaged(school, server):
    server.replies["/list"] = Reply(many(5))
    copy = school.one().copy
    folder = school.settings.files.lists / "a"
    (folder / stored.META).write_text("{")
    server.replies["/list"] = Reply(status=404)
    assert school.one().why
    assert (folder / copy.stamp).is_dir()
    server.replies["/list"] = Reply(many(6))
    assert school.one().copy.rules == {"games": 6}, "the next good copy mends it"


def test_links_in_an_archive_are_counted(school, server):
    linked = tarfile.TarInfo("b")
    linked.type, linked.linkname = tarfile.SYMTYPE, "a"
    listed = tarfile.TarInfo("a")
    listed.size = len(many(5))
    server.replies["/list"] = Reply(tar((listed, many(5)), (linked, b"")))
    copy = school.one().copy
    assert (copy.rules, copy.links) == ({"games": 5}, 1)


ARCHIVE = {
    "blacklists/gambling/domains": many(10, "bet"),
    "blacklists/gambling/urls": lines("bet.test/x"),
    "blacklists/gambling/usage": b"black\n",
    "blacklists/bitcoin/domains": many(4, "coin"),
    "blacklists/jeux/domains": many(20, "play"),
    "blacklists/phishing/domains": many(5, "phish"),
    "blacklists/README": b"hello\n",
}


@pytest.fixture
def categories(school, server):
    del school.subscriptions["a"]
    school.subscribe("ut1", "/blacklists.tar.gz", taxonomy="ut1")
    server.replies["/blacklists.tar.gz"] = Reply(tar_gz(ARCHIVE))
    return school


def test_an_archive_of_categories_feeds_the_lists_that_its_taxonomy_names(categories):
    outcome = categories.one()
    assert {(part.list, part.category, part.rules) for part in outcome.copy.parts} >= {
        ("gambling", "bitcoin", 4),
        ("games", "jeux", 20),
    }
    assert outcome.copy.unknown == ("phishing",)
    assert categories.names() == {
        "gambling": sorted([many(10, "bet").decode(), "bet.test/x\n", many(4, "coin").decode()]),
        "games": [many(20, "play").decode()],
    }
    content = categories.files.lists / "ut1" / outcome.copy.stamp
    assert sorted(path.name for path in content.rglob("*") if path.is_file()) == [
        "domains",
        "domains",
        "domains",
        "urls",
    ]


def test_a_category_that_has_gone_holds_the_whole_archive_back(categories, server):
    categories.one()
    server.replies["/blacklists.tar.gz"] = Reply(tar_gz(ARCHIVE | {"blacklists/jeux/domains": b""}))
    outcome = categories.one()
    assert (outcome.state, outcome.why) == (
        State.HELD,
        "has 0 rules for games, where 20 are in force (shrinks_to = 0.5)",
    )
    assert categories.names()["games"] == [many(20, "play").decode()]


def test_a_page_in_the_place_of_an_archive_of_categories_is_said(categories, server):
    categories.one()
    server.replies["/blacklists.tar.gz"] = Reply(PAGE)
    outcome = categories.one()
    assert (outcome.state, outcome.why) == (State.FAILED, "it is a web page (HTML) and no archive")
    assert categories.names()["games"] == [many(20, "play").decode()]
    server.replies["/blacklists.tar.gz"] = Reply(tar_gz({"x/domains": many(3)}))
    assert categories.one().why == "it has no category that is known here"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (PAGE, "is a web page (HTML) and not a list"),
        (b"", "has no rules in 0 lines"),
        (b"# only\n# comments\n", "has no rules in 2 lines"),
        (many(49), "has 49 rules for games, where 100 are in force (shrinks_to = 0.5)"),
        (many(1500), "has 1,500 rules for games, where 100 are in force (grows_to = 3)"),
    ],
)
def test_what_looks_wrong_is_held_back_until_it_is_accepted(school, server, body, why):
    school.one()
    checked = school.meta().checked_ns
    server.replies["/list"] = Reply(body, etag='"bad"')
    for _ in range(2):  # the second time it has not changed, and waits still
        outcome = school.one()
        assert (outcome.label, outcome.state, outcome.why, outcome.good) == ("a", State.HELD, why, False)
        assert school.names() == {"games": [many(100).decode()]}
        meta = school.meta()
        assert (meta.why_held, meta.problem, meta.checked_ns) == (why, "", checked)
    with store.changing(school.files):
        store.accept(school.files, ["a"])
    assert school.names() == {"games": [body.decode()]}
    assert school.one().state is State.UNCHANGED


def test_a_held_copy_goes_when_a_good_one_comes(school, server):
    school.one()
    server.replies["/list"] = Reply(PAGE)
    assert school.one().state is State.HELD
    server.replies["/list"] = Reply(many(101), etag='"3"')
    assert school.one().state is State.FETCHED
    assert school.meta().held is None
    assert len(list((school.files.lists / "a").iterdir())) == 3, "the copy in force, the one before, and meta.json"


def test_the_ratios_are_the_subscriptions_own(school, server):
    school.one()
    school.subscribe("a", shrinks_to=0.1)
    server.replies["/list"] = Reply(many(20), etag='"2"')
    outcome = school.one()
    assert outcome.state is State.FETCHED
    assert copies.shrunk([outcome]) == {"games"}, "the index is told that this is meant"


@pytest.mark.parametrize("body", [PAGE, b"", b"a b c\n"])
def test_a_first_copy_without_rules_is_none(school, server, body):
    server.replies["/list"] = Reply(body)
    outcome = school.one()
    assert outcome.state is State.FAILED
    assert outcome.why.startswith(("it is a web page", "it has no rules"))
    meta = school.meta()
    assert (meta.current, meta.held, meta.problem) == (None, None, outcome.why)
    assert [path.name for path in (school.files.lists / "a").iterdir()] == [stored.META]


BAD = {
    "not there": Reply(status=404),
    "out of order": Reply(status=500, headers={"Retry-After": "0"}),
    "a bomb": Reply(gzip.compress(bytes(30_000_000))),
    "leads out": Reply(tar_gz({"../x": b"a.test\n"})),
    "damaged": Reply(gzip.compress(many(100))[:-4]),
    "leads to no name": Reply(status=302, headers={"Location": "http://xn--.com/"}),
    "leads to another": Reply(status=302, headers={"Location": "http://xn--a-.com/"}),
    "has a name that is no text": Reply(tar_gz({"ga\udcff.txt": many(100)})),
}


@pytest.mark.parametrize("what", BAD)
def test_a_list_that_fails_leaves_the_last_good_copy_and_the_others_alone(school, server, what):
    school.subscribe("b", "/other", list="social")
    server.replies["/other"] = Reply(many(3))
    school.update()
    before = school.meta()
    server.replies["/list"], server.replies["/other"] = BAD[what], Reply(many(4))
    failed, fetched = school.update()
    assert (failed.state, fetched.state) == (State.FAILED, State.FETCHED)
    assert school.meta() == replace(before, problem=failed.why)
    assert school.names() == {"games": [many(100).decode()], "social": [many(4).decode()]}
    assert sorted(path.name for path in (school.files.lists / "a").iterdir()) == sorted(
        [before.current.stamp, stored.META]
    )
    server.replies["/list"] = Reply(many(100))
    assert school.update()[0].state is State.UNCHANGED
    assert school.meta().problem == ""


COMMENTS = b"#" * 9_999 + b"\n"


def test_a_large_copy_that_is_hardly_rules_is_not_kept(school, server):
    school.one()
    body = COMMENTS * 2_100 + many(100)
    server.replies["/list"] = Reply(body)
    outcome = school.one()
    assert (outcome.state, outcome.why) == (State.FAILED, f"it has {len(body):,} bytes for 100 rules")
    assert school.names() == {"games": [many(100).decode()]}
    assert (school.meta().held, school.meta().problem) == (None, outcome.why)
    assert len(list((school.files.lists / "a").iterdir())) == 2, "the copy in force, and meta.json"


@pytest.mark.parametrize(("comments", "rules"), [(1_900, 100), (2_100, 6_000)], ids=["smaller", "with rules"])
def test_a_copy_may_have_many_comments(school, server, comments, rules):
    school.subscribe("a", grows_to=100)
    server.replies["/list"] = Reply(COMMENTS * comments + many(rules))
    assert school.one().state is State.FETCHED


def test_a_mistake_of_ours_in_one_list_leaves_the_others_alone(school, server):
    class Fails(NoBars):
        def fetching(self, label, *_):
            if label == "a":
                raise ZeroDivisionError("\x1b[2J")

    school.subscribe("b", "/other", list="social")
    server.replies["/other"] = Reply(many(3))
    school.update()
    server.replies["/list"] = Reply(many(101))
    failed, fetched = school.update(bars=Fails(), force=True)
    assert (failed.state, failed.why) == (State.FAILED, "it could not be taken (ZeroDivisionError)")
    assert fetched.state is State.FETCHED
    assert school.names() == {"games": [many(100).decode()], "social": [many(3).decode()]}
    assert school.meta().problem == failed.why


def test_a_published_sum_is_compared(school, server):
    school.subscribe("a", checksum_url=f"{server.url}/sums")
    server.replies["/sums"] = Reply(f"{hashlib.md5(many(100)).hexdigest()}  list\n".encode())
    assert school.one().state is State.FETCHED
    server.replies["/sums"] = Reply(status=404)
    server.replies["/list"] = Reply(many(101))
    assert school.one().why == "the checksum could not be had: the server answered 404 Not Found"


def test_a_private_server_is_trusted_by_the_file_that_is_named(tmp_path, school):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ListServer(context) as secure:
        secure.replies["/list"] = Reply(many(5))
        school.server = secure
        school.subscribe("a")
        assert school.one().why.startswith("the server's certificate is not trusted: ")
        school.subscribe("a", ca_file="ca.pem")
        assert school.one().state is State.FETCHED
        school.subscribe("a", ca_file="nowhere.pem")
        assert school.one(force=True).why == f"{tmp_path}/nowhere.pem: No such file or directory"


def test_another_url_is_fetched_anew_and_held_to_what_is_in_force(school, server):
    school.one()
    server.replies["/elsewhere"] = Reply(many(40), etag='"1"')
    school.subscribe("a", "/elsewhere")
    assert school.one().state is State.HELD
    assert server.requests[-1][1]["If-None-Match"] is None


def test_a_list_that_policy_does_not_have_is_said(school):
    school.subscribe("a", list="gmes")
    assert school.one().why == "it feeds the list 'gmes', which policy.toml does not have"


def test_outcomes_stand_in_the_order_of_the_labels(school, server):
    for number in range(9):
        school.subscribe(f"l{number}", f"/{number}")
        server.replies[f"/{number}"] = Reply(many(number + 1))
    assert [one.label for one in school.update()] == list(school.subscriptions)
    assert [one.label for one in school.update("l3", "a")] == ["l3", "a"]


def test_a_damaged_meta_is_replaced_by_what_is_fetched(school):
    school.one()
    (school.files.lists / "a" / stored.META).write_bytes(b"\xff{")
    assert school.one().state is State.FETCHED
    assert school.names() == {"games": [many(100).decode()]}


class Heard(NoBars):
    def __init__(self):
        self.said = []

    def fetching(self, label, done, of):
        self.said.append(("fetching", label, done, of))

    def reading(self, label, lines):
        self.said.append(("reading", label, lines))

    def ended(self, label, words):
        self.said.append(("ended", label, words))


def test_somebody_who_watches_hears_how_far_it_is(school):
    heard = Heard()
    school.one(bars=heard)
    size = len(many(100))
    assert heard.said[-1] == ("ended", "a", "new")
    assert ("fetching", "a", size, size) in heard.said
    assert ("reading", "a", 100) in heard.said


@pytest.mark.parametrize(
    ("while_it", "body"),
    [("fetching", gzip.compress(many(120_000))[:-4]), ("reading", many(120_000))],
    ids=["before the damage is found", "before the end is read"],
)
def test_a_command_that_is_ended_stops_and_leaves_what_is_in_force(school, server, while_it, body):
    school.one()
    server.replies["/list"] = Reply(body)
    school.subscribe("a", grows_to=10_000)

    class Ends(NoBars):
        pass

    setattr(Ends, while_it, lambda *_: school.running._stop.set())
    settings = school.settings
    school.running = updates.Update(settings, LISTS, lambda *_: None, Ends(), force=False)
    with store.changing(settings.files), pytest.raises(ExceptionGroup) as ended:
        updates.asyncio.run(school.running.run(["a"]))
    assert ended.group_contains(updates.StoppedError)
    assert school.names() == {"games": [many(100).decode()]}
