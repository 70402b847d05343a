import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import compile as compiler
from blocklists import domain, index
from blocklists.compile import Source
from blocklists.index import DamagedIndexError, EmptyIndex, Index, Listing

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
        sources[name] = Source(path)
    return compiler.compile_lists(sources, folder / "index", built_ns=built_ns)[0]


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
    assert [(one.name, one.names, one.lines, one.skipped) for one in opened.manifest.lists] == [
        ("gambling", 4, 4, 0),
        ("news", 1, 1, 0),
        ("social", 2, 2, 0),
    ]


def test_an_index_of_nothing_lists_nothing(tmp_path: Path):
    assert Index(build(tmp_path, {"gambling": []})).listed("gambling.test") == ()
    assert EmptyIndex().listed("gambling.test") == ()
    assert EmptyIndex().identity == ""


@pytest.mark.parametrize("name", [index.NAMES, index.SETS, index.MANIFEST])
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


@pytest.mark.parametrize("name", [index.NAMES, index.SETS, index.MANIFEST])
def test_a_shorter_or_longer_file_is_refused(folder: Path, name: str):
    path = folder / name
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"x"):
        path.write_bytes(content)
        with pytest.raises(DamagedIndexError):
            Index(folder)


@pytest.mark.parametrize("name", [index.NAMES, index.SETS, index.MANIFEST])
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
    with pytest.raises(DamagedIndexError, match=r"names\.marisa is damaged"):
        Index(folder)


def test_a_manifest_of_another_schema_is_refused(folder: Path):
    rewrite(folder, schema=2)
    with pytest.raises(DamagedIndexError, match="schema 2"):
        Index(folder)


@pytest.mark.parametrize(("name", "content"), [(index.NAMES, b"no trie"), (index.NAMES, b""), (index.SETS, b"odd")])
def test_a_file_that_was_never_right_is_refused(folder: Path, name: str, content: bytes):
    (folder / name).write_bytes(content)
    sums = {name: zlib.crc32((folder / name).read_bytes()) for name in (index.NAMES, index.SETS)}
    rewrite(folder, checksums=sums)
    with pytest.raises(DamagedIndexError, match="in no known form"):
        Index(folder)


def test_names_and_sets_of_two_builds_are_refused(folder: Path):
    (folder / index.SETS).write_bytes(b"")
    sums = {name: zlib.crc32((folder / name).read_bytes()) for name in (index.NAMES, index.SETS)}
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


NAMES = st.one_of(
    st.from_regex(r"[ab_-]{1,2}(\.[ab]){0,4}", fullmatch=True),
    st.ip_addresses().map(str),
    st.sampled_from(["10.1.2.3", "10.1.2", "1.2.3"]),
).map(domain.canonical)


@settings(max_examples=50)  # each writes and syncs three files
@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), st.sets(NAMES, max_size=12)), st.lists(NAMES))
def test_a_compiled_index_answers_as_a_plain_dict_of_sets_does(
    tmp_path_factory: pytest.TempPathFactory, lists: dict[str, set[str]], asked: list[str]
):
    folder = tmp_path_factory.mktemp("index")
    compiler.write_index(lists, {}, folder, built_ns=1)
    opened = Index(folder)
    for host in {*asked, *(name for names in lists.values() for name in names)}:
        plain = [
            Listing(suffix, tuple(sorted(name for name in lists if suffix in lists[name])))
            for suffix in domain.suffixes(host)
            if any(suffix in names for names in lists.values())
        ]
        assert opened.listed(host) == tuple(plain)


@settings(max_examples=50)  # each writes and syncs three files
@given(NAMES, st.from_regex(r"[a-z0-9_-]{1,20}(\.[a-z0-9_-]{1,20}){0,3}", fullmatch=True))
def test_a_listed_name_covers_every_name_under_it(tmp_path_factory: pytest.TempPathFactory, name: str, below: str):
    folder = tmp_path_factory.mktemp("index")
    compiler.write_index({"one": {name}}, {}, folder, built_ns=1)
    found = Index(folder).listed(f"{below}.{name}")
    assert found == (() if domain.as_address(name) else (Listing(name, ("one",)),))


@given(NAMES)
def test_a_key_reads_back_as_its_host(name: str):
    assert index.readable(index.reversed_key(name)) == name
