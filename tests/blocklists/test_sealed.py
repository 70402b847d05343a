import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import sealed, sealed_entry, snapshot, url
from blocklists.sealed import Match, Sealed, SealedList, SealedLists

KEY = bytes(range(32))
LINES = b"""\xef\xbb\xbf# a list of invented names
harm.test
*.wild.test
"quoted.test"
https://whole.test:8443/
http://images.test/private/one.jpg
http://images.test/album/
http://images.test/page?id=7
http://deep.a.b.c.images.test/x
http://0xc0000207/y
http://old.test/caf\xe9
not a host/
""".splitlines(keepends=True)


def load(lines: list[bytes] = LINES, key: bytes = KEY) -> Sealed:
    return Sealed(SealedLists({"watch": sealed.seal(lines, key)[0], "empty": sealed.seal([], key)[0]}), key)


SEALED = load()


def matched(text: str) -> bool:
    parsed = url.canonical(text)
    assert parsed is not None
    return SEALED.match_url(parsed) is not None


def test_lines_that_name_no_host_are_counted():
    _, tally = sealed.seal(LINES, KEY)
    assert (tally.read, tally.skipped_count) == (10, 1)
    assert sealed.seal([b"", b"  \n", b"# a", b"http://\xff\xfe!.test/"], KEY)[1].skipped_count == 1


@pytest.mark.parametrize("host", ["harm.test", "www.harm.test", "a.b.c.d.e.f.g.harm.test", "wild.test", "x.wild.test"])
def test_a_sealed_host_covers_every_name_under_it(host: str):
    found = SEALED.match_host(host)
    assert found is not None
    assert found.list == "watch"
    assert len(bytes.fromhex(found.hash)) == sealed.DIGEST_SIZE
    assert matched(f"https://{host}/any/page?at=all")


@pytest.mark.parametrize("host", ["quoted.test", "whole.test"])
def test_a_url_without_a_path_names_the_whole_host(host: str):
    assert SEALED.match_host(host)


@pytest.mark.parametrize("host", ["test", "notharm.test", "harm.test.example", "images.test", "192.0.2.7"])
def test_another_host_is_not_sealed(host: str):
    assert SEALED.match_host(host) is None


@pytest.mark.parametrize(
    "text",
    [
        "http://images.test/private/one.jpg",
        "https://images.test/private/one.jpg",
        "https://IMAGES.test.:8443/private/one.jpg#top",
        "https://user@images.test/private/one.jpg",
        "https://images.test/private/one.jpg?size=large",
        "https://images.test/private//./x/../one%2ejpg",
        "https://images.test\\private\\one.jpg",
        "https://images.test/private%5Cone.jpg",
        "https://images.test/%2570rivate/one.jpg",
        "https://www.images.test/private/one.jpg",
        "https://images.test/album/",
        "https://images.test/album/two.jpg",
        "https://images.test/album/a/b/c/d.jpg",
        "https://images.test/page?id=7",
        "https://images.test/page?%69d=7",
        "http://192.0.2.7/y",
        "http://[::ffff:192.0.2.7]/y",
        "http://3221225991/y",
        "http://old.test/caf%E9",
        "http://deep.a.b.c.images.test/x",
    ],
)
def test_a_sealed_url_is_found_however_it_is_written(text: str):
    assert matched(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://images.test/",
        "https://images.test/private/",
        "https://images.test/private/one.jpeg",
        "https://images.test/page?id=8",
        "https://images.test/page",
        "https://images.example/private/one.jpg",
        "https://a.b.c.images.test/x",
        "https://192.0.2.8/y",
    ],
)
def test_another_url_is_not_sealed(text: str):
    assert not matched(text)


@pytest.mark.parametrize(
    ("host", "has"),
    [
        ("images.test", True),
        ("www.images.test", True),
        ("192.0.2.7", True),
        ("deep.a.b.c.images.test", True),
        ("harm.test", False),
        ("other.test", False),
    ],
)
def test_a_host_with_sealed_urls_must_be_opened(host: str, has: bool):
    assert SEALED.has_urls(host) is has


def test_of_several_lists_the_one_that_matches_is_named():
    one, two = sealed.seal([b"a.test"], KEY)[0], sealed.seal([b"b.test", b"c.test/x"], KEY)[0]
    both = Sealed(SealedLists({"one": one, "two": two}), KEY)
    parsed = url.canonical("c.test/x")
    assert parsed is not None
    found = [both.match_host("a.test"), both.match_host("b.test"), both.match_url(parsed)]
    assert [match.list for match in found if match] == ["one", "two", "two"]


def test_another_key_finds_nothing():
    other = Sealed(SealedLists({"watch": sealed.seal(LINES, KEY)[0]}), bytes(32))
    assert other.match_host("harm.test") is None
    assert not other.has_urls("images.test")


def test_the_kinds_of_entry_are_not_mixed_up():
    watch = sealed.seal([b"images.test/x"], KEY)[0]
    hashes = [watch.whole_hosts, watch.hosts_with_urls, watch.expressions]
    assert [len(kind) for kind in hashes] == [0, 1, 1]
    swapped = sealed.SealedList(watch.expressions, watch.expressions, watch.hosts_with_urls)
    assert Sealed(SealedLists({"watch": swapped}), KEY).match_host("images.test") is None


def test_nothing_is_sealed_without_lists():
    assert sealed.NOTHING.match_host("harm.test") is None


def plaintexts(name: str) -> list[bytes]:
    host, page = f"{name}.test", f"{name}-page"
    return [host.encode(), page.encode(), name.encode()]


@given(st.from_regex(r"[a-z]{8,20}", fullmatch=True))
def test_nothing_that_is_kept_or_shown_holds_the_plain_form(name: str):
    lines = [f"{name}.test".encode(), f"www.{name}.test/{name}-page".encode()]
    lists = SealedLists({"watch": sealed.seal(lines, KEY)[0]})
    loaded = Sealed(lists, KEY)
    parsed = url.canonical(lines[1].decode())
    assert parsed is not None
    match = loaded.match_url(parsed)
    shown = [msgspec.msgpack.encode(lists), *(repr(x).encode() for x in (lists, loaded, match, loaded.__dict__))]
    assert match is not None
    assert not any(plain in text for plain in plaintexts(name) for text in shown)


def test_the_repr_holds_neither_key_nor_names():
    assert repr(SEALED) == "<Sealed: 2 lists>"


def test_the_snapshot_is_loaded_with_its_key_and_holds_no_plain_form(tmp_path: Path):
    path, key_file = tmp_path / "sealed", tmp_path / "sealed.key"
    key = sealed.new_key(key_file)
    snapshot.write(path, SealedLists({"watch": sealed.seal(LINES, key)[0]}), version=1, written_ns=1)
    loaded = sealed.load(path, key_file)
    assert isinstance(loaded.match_host("harm.test"), Match)
    assert loaded.match_host("plain.test") is None
    raw = path.read_bytes()
    assert not any(word in raw for word in (b"harm", b"images", b"private", b"test", key))


def test_without_a_snapshot_there_are_no_sealed_lists(tmp_path: Path):
    assert sealed.load(tmp_path / "sealed", tmp_path / "sealed.key") is sealed.NOTHING


def test_a_snapshot_without_its_key_is_an_error_and_not_an_empty_list(tmp_path: Path):
    snapshot.write(tmp_path / "sealed", SealedLists(), version=1, written_ns=1)
    with pytest.raises(FileNotFoundError, match=r"sealed\.key"):
        sealed.load(tmp_path / "sealed", tmp_path / "sealed.key")


def test_a_damaged_snapshot_is_an_error_and_not_an_empty_list(tmp_path: Path):
    (tmp_path / "sealed").write_bytes(b"SGSNAP1\n")
    with pytest.raises(snapshot.SnapshotError):
        sealed.load(tmp_path / "sealed", tmp_path / "sealed.key")


def test_a_key_is_new_once_random_and_its_owners(tmp_path: Path):
    path = tmp_path / "sealed.key"
    key = sealed.new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sealed.read_key(path) == key
    assert sealed.new_key(tmp_path / "other.key") != key
    with pytest.raises(FileExistsError):
        sealed.new_key(path)
    assert sealed.read_key(path) == key


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, length: int):
    (tmp_path / "sealed.key").write_bytes(bytes(length))
    with pytest.raises(ValueError, match=r"sealed\.key is not a sealing key"):
        sealed.read_key(tmp_path / "sealed.key")


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_no_line_raises(lines: list[bytes]):
    _, tally = sealed.seal(lines, KEY)
    assert tally.read + tally.skipped_count <= len(lines)


@pytest.mark.parametrize("suffix", ["", "/", ";a", ";a=b", "/;x", "?q=1", ".", "%20", "%00.html", ";x/", ".%20."])
def test_a_page_is_the_same_with_a_slash_or_parameters_at_its_end(suffix: str):
    for entry in (b"pages.test/folder/page", b"pages.test/folder/page/"):
        assert load([entry]).match_url(url.canonical(f"https://pages.test/folder/page{suffix}"))
    assert not load([b"pages.test/folder/page"]).match_url(url.canonical("https://pages.test/folder/"))


def find(entry: str, text: str) -> Match | None:
    parsed = url.canonical(text)
    assert parsed is not None
    return load([entry.encode()]).match_url(parsed)


LABELS = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), max_size=8)
FOLDERS = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=1, max_size=12)


@given(LABELS, LABELS, FOLDERS, FOLDERS)
def test_a_folder_however_deep_covers_what_is_under_it_on_every_name_under_its_host(
    host: list[str], under: list[str], folder: list[str], rest: list[str]
):
    name = ".".join([*host, "images", "test"])
    entry = f"{name}/{'/'.join(folder)}/"
    asked = f"{'.'.join([*under, name])}/{'/'.join([*folder, *rest])}"
    assert find(entry, f"https://{asked}")
    assert find(entry, f"https://{asked}/?a=b")
    assert not find(entry, f"https://{asked.replace('/', '/other', 1)}")
    assert not find(entry, f"https://x{asked.replace('images', 'pictures')}")


@given(FOLDERS, st.sampled_from(["/", "?a", "/?a", "?", ""]))
def test_a_page_covers_every_query_and_nothing_under_it(path: list[str], tail: str):
    page = "images.test/" + "/".join(path)
    assert find(page, f"https://{page}{tail}")
    assert not find(page, f"https://{page}/under")
    assert not find(page, f"https://{page}x")


@pytest.mark.parametrize(
    ("entry", "closed", "open_"),
    [
        ("a.test/p?id=7", "a.test/p?id=7", "a.test/p?id=7&x=1"),
        ("a.test/p?id=7", "a.test/p/?id=7", "a.test/p?id=8"),
        ("a.test/?id=7", "a.test/?id=7", "a.test/"),
        ("a.test/?id=7", "a.test?id=7", "a.test/p?id=7"),
        ("a.test/pic*", "a.test/pic", "a.test/pi"),
        ("a.test/pic*", "a.test/pictures/one.jpg?x", "a.test/a/pic"),
        ("a.test/pic*", "www.a.test/pic%74ures", "b.test/pictures"),
        ("*.a.test/folder/pic*", "a.test/folder/picture", "a.test/folder/p"),
        ("a.test/p?id=*", "a.test/p?id=123", "a.test/p?di=123"),
        ("a.test/p?*", "a.test/p?x", "a.test/p"),
        ("a.test/?*", "a.test/?x", "a.test/x"),
        ("a.test/f*", "a.test/f%00older", "a.test/"),
    ],
)
def test_a_query_and_a_beginning_cover_what_they_say(entry: str, closed: str, open_: str):
    assert find(entry, f"https://{closed}")
    assert not find(entry, f"https://{open_}")


def test_what_is_too_long_or_too_deep_is_cut_and_covers_more():
    deep, long = "https://a.test/" + "f/" * 100, "https://a.test/" + "l" * 1000
    assert find(deep, deep)
    assert find(deep, "https://a.test/" + "f/" * 80)
    assert find(f"{long}*", f"{long}m")
    assert find(f"{long}*", long[:600])
    assert not find(f"{long}*", long[:300])


@pytest.mark.parametrize(
    ("entry", "closed"),
    [
        ("a.test/page", "a.test/Page"),
        ("a.test/Page", "a.test/page"),
        ("a.test/Page", "a.test/pAGE/"),
        ("a.test/Folder/", "a.test/folder/x"),
        ("a.test/Page?Id=7", "a.test/page;a?Id=7"),
        ("a.test/Pic*", "a.test/PICTURE"),
        ("a.test/Pic?A*", "a.test/pic?Ab"),
        ("a.test/Caf%C3%A9", "a.test/CAF%c3%a9"),
        ("a.test/page?id=7", "a.test/.;/page;a?id=7"),
        ("a.test/pic*", "a.test/;x/picture"),
    ],
)
def test_a_path_is_sealed_in_both_cases_and_as_servers_resolve_it_with_its_query(entry: str, closed: str):
    assert find(entry, f"https://{closed}")


@pytest.mark.parametrize(
    ("entry", "open_"), [("a.test/Page?Id=7", "a.test/page?id=7"), ("a.test/pic?A*", "a.test/pic?ab")]
)
def test_a_query_is_sealed_in_its_own_case(entry: str, open_: str):
    assert not find(entry, f"https://{open_}")


def test_a_beginning_is_looked_for_no_further_than_the_longest_of_any_list():
    short, long = (
        sealed.seal([b"a.test/Pic*", b"a.test/longer-page"], KEY)[0],
        sealed.seal([b"a.test/picture*"], KEY)[0],
    )
    assert (short.longest, long.longest, sealed.seal([b"a.test/longer-page"], KEY)[0].longest) == (4, 8, 0)
    both = Sealed(SealedLists({"short": short, "long": long}), KEY)
    assert [m.list for t in ("Pict", "picture") if (m := both.match_url(url.canonical(f"a.test/{t}")))] == ["short"] * 2
    only = Sealed(SealedLists({"long": long}), KEY)
    assert only.match_url(url.canonical("a.test/pictures"))
    assert not only.match_url(url.canonical("a.test/pictur"))


@pytest.mark.parametrize("text", ["A;x/" * 2000, "a" * 8000, "A%20/" * 1600])
def test_no_url_has_more_hashed_than_the_longest_beginning_for_each_host_and_reading(text: str):
    hashed: list[bytes] = []
    loaded = load([b"a.test/p*", b"b.a.test/p*", b"c.b.a.test/picture*"])
    digests = loaded._digests_of_beginnings
    loaded._digests_of_beginnings = lambda host, path: (hashed.append(x) or x for x in digests(host, path))
    parsed = url.canonical(f"https://c.b.a.test/{text}")
    assert parsed is not None
    assert loaded.match_url(parsed) is None
    assert 0 < len(hashed) <= 3 * 4 * (len("/picture") - 1)


def test_a_host_that_has_only_beginnings_must_be_opened_too():
    assert load([b"a.test/pic*"]).has_urls("www.a.test")


def test_what_is_hashed_for_a_url_is_hashed_once():
    hashed: list[str] = []
    loaded = load([b"a.test/x", b"a.test/y*"])
    counted = dict(loaded._digest)
    loaded._digest = {f: lambda text, f=f: (hashed.append(f + text), counted[f](text))[1] for f in counted}
    parsed = url.canonical("https://www.a.test/1/2;a/3./4/5.html?q=1")
    assert parsed is not None
    assert loaded.match_url(parsed) is None
    assert len(hashed) == len(set(hashed)) < 80
    hashed.clear()
    other = url.canonical("https://www.other.test/1/2/3/4/5.html?q=1")
    assert other is not None
    assert loaded.match_url(other) is loaded.match_url(other) is None
    assert len(hashed) == 2 * 3, "its suffixes with URLs and with beginnings, as no whole host is listed; and once"


def test_a_snapshot_of_an_older_version_is_loaded(tmp_path: Path):
    """It had neither beginnings nor times nor a check of the key, and nothing in lower case."""
    new = sealed.seal(LINES, key := sealed.new_key(tmp_path / "sealed.key"))[0]
    old = {name: getattr(new, name) for name in ("whole_hosts", "hosts_with_urls", "expressions")}
    snapshot.write(tmp_path / "sealed", {"lists": {"watch": old}}, version=1, written_ns=1)
    loaded = sealed.load(tmp_path / "sealed", tmp_path / "sealed.key")
    assert loaded.match_host("harm.test")
    assert snapshot.read(tmp_path / "sealed", SealedLists).body.lists["watch"].imported_ns == 0
    assert len(key) == sealed.KEY_SIZE


def test_the_beginnings_of_an_older_version_are_looked_for_to_their_full_length():
    new = sealed.seal([b"a.test/Pictures-of*"], KEY)[0]
    old = SealedList(frozenset(), frozenset(), frozenset(), new.hosts_with_prefixes, new.prefixes)
    loaded = Sealed(SealedLists({"watch": old}), KEY)
    assert old.longest == sealed_entry.LONGEST_PREFIX
    assert loaded.match_url(url.canonical("a.test/Pictures-of/one"))


def test_a_key_that_is_not_the_lists_own_is_refused(tmp_path: Path):
    key = sealed.new_key(tmp_path / "sealed.key")
    snapshot.write(tmp_path / "sealed", SealedLists({}, sealed.key_check(key)), version=1, written_ns=1)
    sealed.load(tmp_path / "sealed", tmp_path / "sealed.key")
    sealed.new_key(tmp_path / "other.key")
    with pytest.raises(sealed.WrongKeyError, match=r"^the sealed lists were sealed with another key$"):
        sealed.load(tmp_path / "sealed", tmp_path / "other.key")


def test_the_hash_of_what_was_asked_is_like_no_entrys():
    parsed = url.canonical("http://images.test/private/one.jpg")
    assert parsed is not None
    match = SEALED.match_url(parsed)
    assert match is not None
    assert sealed.asked(parsed, KEY) not in {match.hash, sealed.asked(parsed, bytes(32))}
    assert sealed.asked(parsed, KEY) == sealed.asked(parsed, KEY)


def test_a_list_counts_its_different_entries():
    one = sealed.seal([b"a.test", b"http://A.test/", b"b.test/x", b"b.test/x#y", b"b.test/z*"], KEY)[0]
    assert one.entries == 3
    cased = sealed.seal([b"b.test/X", b"b.test/Y*", b"b.test/y*", b"b.test/Z", b"b.test/%C3"], KEY)[0]
    assert (cased.entries, cased.lowered) == (5, 2)
