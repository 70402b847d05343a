import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import compile as compiler
from blocklists import domain, gather, index
from blocklists.compile import Source
from blocklists.index import DamagedIndexError, EmptyIndex, Index, Listing
from blocklists.index_keys import readable, reversed_key
from blocklists.parse import Batch
from blocklists.rule import Effect, NameRule, PageRule, Rule

NAMES, STATES = index.FILES[:2]
LISTS = {
    "gambling": ["gambling.test", "bets.test", "192.0.2.7", "2001:db8::1"],
    "social": ["chat.gambling.test", "social.test"],
    "news": ["gambling.test"],
}


def build(folder: Path, lists: dict[str, list[str]] = LISTS, built_ns: int = 1) -> Path:
    sources = {}
    for name, names in lists.items():
        path = folder / f"{name}.txt"
        path.write_text("\n".join(names))
        sources[name] = (Source(path),)
    return compiler.compile_lists(sources, folder / "index", built_ns=built_ns).folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.mark.parametrize(
    ("host", "listings"),
    [
        ("gambling.test", [("gambling.test", ("gambling", "news"))]),
        ("www.gambling.test", [("gambling.test", ("gambling", "news"))]),
        (
            "a.chat.gambling.test",
            [("chat.gambling.test", ("social",)), ("gambling.test", ("gambling", "news"))],
        ),
        ("notgambling.test", []),
        ("gambling.test.example", []),
        ("test", []),
        ("bets.tes", []),
        ("192.0.2.7", [("192.0.2.7", ("gambling",))]),
        ("192.0.2.70", []),
        ("192.0.2.7.test", []),
        ("7.2.0.192", []),
        ("2001:db8::1", [("2001:db8::1", ("gambling",))]),
        ("2001:db8::1:1", []),
    ],
)
def test_a_host_is_listed_under_each_parent_the_most_exact_first(
    folder: Path, host: str, listings: list[tuple[str, tuple[str, ...]]]
):
    assert Index(folder).listed(host) == tuple(Listing(rule, lists) for rule, lists in listings)


def test_the_manifest_says_what_went_in(folder: Path):
    opened = Index(folder)
    assert opened.identity == folder.name
    assert opened.manifest.entries == 6
    assert opened.manifest.rules == {"gambling": 4, "news": 1, "social": 2}


def test_an_index_of_nothing_lists_nothing(tmp_path: Path):
    assert Index(build(tmp_path, {"gambling": []})).listed("gambling.test") == ()
    assert EmptyIndex().listed("gambling.test") == ()
    assert EmptyIndex().identity == ""


@pytest.mark.parametrize("name", [*index.FILES, index.REPORT, index.MANIFEST])
@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_every_flipped_byte_of_every_file_is_refused(folder: Path, name: str, flip: int):
    path = folder / name
    whole = path.read_bytes()
    for place in range(0, len(whole), 1 if name == index.MANIFEST else 17):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        with pytest.raises(DamagedIndexError):
            Index(folder)
    path.write_bytes(whole)
    assert Index(folder).listed("gambling.test")


@pytest.mark.parametrize("name", [*index.FILES, index.REPORT, index.MANIFEST])
def test_a_shorter_or_longer_file_is_refused(folder: Path, name: str):
    path = folder / name
    whole = path.read_bytes()
    for content in {b"", whole[:-1], whole[: len(whole) // 2], whole + b"x"} - {whole}:
        path.write_bytes(content)
        with pytest.raises(DamagedIndexError):
            Index(folder)


@pytest.mark.parametrize("name", [*index.FILES, index.REPORT, index.MANIFEST])
def test_a_half_written_folder_is_refused(folder: Path, name: str):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError):
        Index(folder)


def rewrite(folder: Path, **changes: object) -> None:
    manifest = msgspec.json.decode((folder / index.MANIFEST).read_bytes(), type=index.Manifest)
    changed = index.checked(msgspec.structs.replace(manifest, **changes))
    (folder / index.MANIFEST).write_bytes(msgspec.json.encode(changed))


def test_a_manifest_without_a_checksum_for_a_file_is_refused(folder: Path):
    rewrite(folder, checksums={})
    with pytest.raises(DamagedIndexError, match="is damaged"):
        Index(folder)


def test_a_manifest_of_another_schema_is_refused(folder: Path):
    rewrite(folder, schema=3)
    with pytest.raises(DamagedIndexError, match="schema 3"):
        Index(folder)


@pytest.mark.parametrize(("name", "content"), [(NAMES, b"no trie"), (NAMES, b""), (STATES, b"odd")])
def test_a_file_that_was_never_right_is_refused(folder: Path, name: str, content: bytes):
    (folder / name).write_bytes(content)
    sums = {name: zlib.crc32((folder / name).read_bytes()) for name in index.FILES}
    rewrite(folder, checksums=sums)
    with pytest.raises(DamagedIndexError, match="in no known form"):
        Index(folder)


def test_names_and_sets_of_two_builds_are_refused(folder: Path):
    (folder / STATES).write_bytes(b"")
    sums = {name: zlib.crc32((folder / name).read_bytes()) for name in index.FILES}
    rewrite(folder, checksums=sums)
    with pytest.raises(DamagedIndexError, match="do not belong together"):
        Index(folder)


def test_a_reader_goes_on_with_the_old_map_after_the_swap_and_after_the_old_build_is_gone(tmp_path: Path):
    build(tmp_path, {"gambling": ["first.test"]}, built_ns=1)
    reader = Index(tmp_path / "index" / index.CURRENT)
    for built_ns in range(2, 6):
        build(tmp_path, {"gambling": [f"number{built_ns}.test"]}, built_ns=built_ns)
    assert not reader.folder.exists()
    assert reader.listed("www.first.test")
    assert not reader.listed("number5.test")
    assert Index(tmp_path / "index" / index.CURRENT).listed("number5.test")


NAME = st.one_of(
    st.from_regex(r"[ab_-]{1,2}(\.[ab]){0,4}", fullmatch=True),
    st.ip_addresses().map(str),
    st.sampled_from(["10.1.2.3", "10.1.2", "1.2.3"]),
).map(domain.canonical)
RULE = st.builds(NameRule, NAME, st.sampled_from(Effect), st.booleans())
RULES = st.dictionaries(st.sampled_from(["one", "two", "three"]), st.lists(RULE, max_size=12), min_size=1)


def plainly_listed(rules: list[NameRule], host: str) -> bool:
    """Whether *host* is on a list of *rules*, found by walking from its top-level domain down."""
    held: Effect | None = None
    for suffix in reversed(list(domain.suffixes(host))):
        for exact in (False, True) if suffix == host else (False,):
            for effect in sorted(rule.effect for rule in rules if (rule.name, rule.exact) == (suffix, exact)):
                if held is None or effect.precedence >= held.precedence:
                    held = None if effect in {Effect.APART, Effect.EXCEPTED} else effect
    return held is not None and held.lists


def compiled(folder: Path, lists: Mapping[str, Sequence[Rule]]) -> Index:
    """An index of *lists* as the compiler writes it, without the text of a format."""
    names, pages = gather.Run(folder, "names"), gather.Run(folder, "pages")
    for number, name in enumerate(sorted(lists)):
        names.add(gather.name_lines(Batch([], lists[name]), number, frozenset()))
        pages.add(gather.page_lines(Batch([], lists[name]), number))
    names.close()
    pages.close()
    gathered = gather.Gathered(dict.fromkeys(sorted(lists), ()), names.paths, pages.paths, [])
    compiler.write(gathered, folder, 1)
    return Index(folder)


@settings(max_examples=100)  # each writes and syncs eight files
@given(RULES, st.lists(NAME))
def test_a_compiled_index_answers_as_a_plain_dict_of_rules_does(
    tmp_path_factory: pytest.TempPathFactory, lists: dict[str, list[NameRule]], asked: list[str]
):
    opened = compiled(tmp_path_factory.mktemp("index"), lists)
    for host in {*asked, *(rule.name for rules in lists.values() for rule in rules)}:
        for one in (host,) if domain.as_address(host) else (host, f"www.{host}"):
            found = opened.listed(one)
            names = sorted(name for listing in found for name in listing.lists)
            assert names == sorted(name for name, rules in lists.items() if plainly_listed(rules, one))
            assert all(domain.is_within(one, listing.rule) for listing in found)
            assert [len(x.rule) for x in found] == sorted((len(x.rule) for x in found), reverse=True)


@settings(max_examples=50)  # the same
@given(NAME, st.from_regex(r"[a-z0-9_-]{1,20}(\.[a-z0-9_-]{1,20}){0,3}", fullmatch=True))
def test_a_listed_name_covers_every_name_under_it(tmp_path_factory: pytest.TempPathFactory, name: str, below: str):
    opened = compiled(tmp_path_factory.mktemp("index"), {"one": [NameRule(name)]})
    assert opened.listed(name) == (Listing(name, ("one",)),)
    address = domain.as_address(name) or domain.canonical(f"{below}.{name}") is None
    assert address or opened.listed(f"{below}.{name}") == (Listing(name, ("one",)),)


def test_a_name_under_a_listed_one_adds_a_key_only_where_it_says_something_new(tmp_path: Path):
    lists = {"one": ["a.test", "b.a.test", "c.b.a.test"], "two": ["c.b.a.test"]}
    opened = Index(build(tmp_path, lists))
    assert opened.manifest.entries == 2
    assert opened.listed("x.c.b.a.test") == (Listing("c.b.a.test", ("two",)), Listing("a.test", ("one",)))


@given(NAME, st.booleans())
def test_a_key_reads_back_as_its_host(name: str, exact: bool):
    assert readable(reversed_key(name, exact=exact)) == name


PAGES = [
    PageRule("files.test", "/a/", folder=True),
    PageRule("files.test", "/u", folder=True),
    PageRule("files.test", "/p.html?x=1"),
    PageRule("files.test", "/q.html"),
    PageRule("www.files.test", "/only"),
    PageRule("files.test", "/beg", begins=True),
    PageRule("2001:db8::1", "/a/", folder=True),
    PageRule("files.test", "/a/not/", folder=True, effect=Effect.EXCEPTED),
]


@pytest.mark.parametrize(
    ("host", "path", "rules"),
    [
        ("files.test", "/a/", ["files.test/a/"]),
        ("files.test", "/a/b/c?d", ["files.test/a/"]),
        ("www.files.test", "/a/", ["files.test/a/"]),
        ("files.test", "/a", []),
        ("files.test", "/ab", []),
        ("files.test", "/p.html?x=1", ["files.test/p.html?x=1"]),
        ("files.test", "/p.html?x=12", []),
        ("files.test", "/p.html", []),
        ("files.test", "/q.html", ["files.test/q.html"]),
        ("files.test", "/q.html?x=1", ["files.test/q.html"]),
        ("files.test", "/q.html/x", []),
        ("files.test", "/only", []),
        ("www.files.test", "/only", ["www.files.test/only"]),
        ("files.test", "/begins/here?x", ["files.test/beg"]),
        ("files.test", "/beg", ["files.test/beg"]),
        ("files.test", "/be", []),
        ("files.test", "/u", ["files.test/u"]),
        ("files.test", "/u?x", ["files.test/u"]),
        ("files.test", "/u/x", ["files.test/u/"]),
        ("files.test", "/ux", []),
        ("files.test", "/a/not/here", []),
        ("other.test", "/a/", []),
        ("2001:db8::1", "/a/x", ["2001:db8::1/a/"]),
    ],
)
def test_a_page_is_listed_by_itself_and_by_each_folder_above(tmp_path: Path, host: str, path: str, rules: list[str]):
    opened = compiled(tmp_path, {"one": PAGES})
    assert [listing.rule for listing in opened.listed_pages(host, path)] == rules
    assert opened.listed(host) == ()
    assert bool(opened.lists_with_pages(host)) is (host != "other.test")
