"""Archives as authors, and as nobody honest, would make them: files on the disk, unpacked for real."""

import contextlib
import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists import archive, bounds
from blocklists.archive import BadArchiveError, Bounds
from tests.support.list_server import tar, tar_gz, zipped

LISTS = {"blacklists/gambling/domains": b"a.test\n", "blacklists/games/domains": b"b.test\n"}


def unpacked(folder, content, **limits):
    """What is in the target folder after *content* was unpacked there, by path."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    target.mkdir()
    found = archive.unpack(source, target, "list", Bounds(**limits))
    there = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert sorted(there) == sorted(map(str, found.files)), "what it says is what is there, and nothing else"
    return there


def refused(folder, content, **limits):
    with pytest.raises(BadArchiveError) as error:
        unpacked(folder, content, **limits)
    assert not list((folder / "target").glob(".layer*"))
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        tar_gz(LISTS),
        tar_gz(LISTS, "w:"),
        zipped(LISTS),
        zipped(LISTS, zipfile.ZIP_STORED),
        gzip.compress(tar_gz(LISTS)),
        gzip.compress(zipped(LISTS)),
        tar_gz({f"{name}.gz": gzip.compress(content) for name, content in LISTS.items()}),
        tar_gz(
            {f"./{name}": content for name, content in LISTS.items()} | {"._x": b"", "__MACOSX/y": b"", ".git/z": b""}
        ),
    ],
    ids=["tar.gz", "tar", "zip", "stored", "packed again", "packed zip", "packed inside", "bookkeeping"],
)
def test_every_form_gives_the_same_files(tmp_path, content):
    assert unpacked(tmp_path, content) == LISTS


@pytest.mark.parametrize(
    "content", [b"a.test\n", gzip.compress(b"a.test\n"), gzip.compress(gzip.compress(b"a.test\n"))]
)
def test_a_list_that_is_no_archive_comes_under_the_name_that_it_is_given(tmp_path, content):
    assert unpacked(tmp_path, content) == {"list": b"a.test\n"}


def test_gzip_members_one_after_another_are_one_file(tmp_path):
    assert unpacked(tmp_path, gzip.compress(b"a.test\n") + gzip.compress(b"b.test\n")) == {"list": b"a.test\nb.test\n"}


def test_what_is_packed_three_times_stays_packed(tmp_path):
    inner = gzip.compress(b"a.test\n")
    assert unpacked(tmp_path, gzip.compress(gzip.compress(inner))) == {"list": inner}


def member(name, kind=tarfile.REGTYPE, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_are_left_out_and_counted(tmp_path, kind):
    source, target = tmp_path / "source", tmp_path / "target"
    link = member("link", kind, linkname="/etc/passwd")
    source.write_bytes(tar(link, member("link/x", content=b"a.test\n")))
    target.mkdir()
    found = archive.unpack(source, target, "list")
    assert (found.links, found.files) == (1, (PurePosixPath("link/x"),))
    assert not (target / "link").is_symlink()


def with_mode(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(info, b"/etc/passwd")
        file.writestr("kept", b"a.test\n")
    return made.getvalue()


def test_links_in_a_zip_are_left_out(tmp_path):
    assert unpacked(tmp_path, with_mode("link", stat.S_IFLNK | 0o777)) == {"kept": b"a.test\n"}


@pytest.mark.parametrize(
    "content",
    [
        tar(member("pipe", tarfile.FIFOTYPE)),
        tar(member("device", tarfile.CHRTYPE)),
        tar(member("disk", tarfile.BLKTYPE)),
        with_mode("device", stat.S_IFCHR | 0o666),
    ],
)
def test_devices_are_refused(tmp_path, content):
    assert refused(tmp_path, content) == "has a device or something else that no list needs"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\..\\x"])
@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name, pack):
    assert refused(tmp_path, pack({name: b"x"})) == "has a file that would lie outside of its folder"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


@pytest.mark.parametrize("name", ["n" * 256, "d/" * 17 + "x"])
def test_names_that_no_disk_takes_are_refused(tmp_path, name):
    assert refused(tmp_path, tar_gz({name: b"x"})) == "has a file whose name is too long"


@pytest.mark.parametrize("name", ["ga\udcff.txt", "ga\udcff/domains"])
def test_names_that_are_no_text_are_refused(tmp_path, name):
    assert refused(tmp_path, tar_gz({name: b"x"})) == "has a file whose name is not in UTF-8"


def test_a_gathered_name_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "ga\udcff.txt").write_bytes(b"a.test\n")
    with pytest.raises(BadArchiveError, match="not in UTF-8"):
        archive.gather(tmp_path, [PurePosixPath("ga\udcff.txt")], tmp_path / "target")


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "a.gz")])
def test_two_files_of_one_name_are_refused(tmp_path, names):
    packed = [b"x", gzip.compress(b"x")]
    content = tar(*(member(name, content=packed[name.endswith(".gz")]) for name in names))
    assert refused(tmp_path, content) == "has two files of one name"


def test_a_gzip_bomb_is_refused(tmp_path):
    assert refused(tmp_path, gzip.compress(bytes(20_000_000))).startswith("unpacks to more than 200 times its size")


def test_a_zip_bomb_is_refused(tmp_path):
    assert refused(tmp_path, zipped({"list": bytes(20_000_000)})).startswith("unpacks to more than 200 times its size")


def test_a_bomb_of_two_layers_is_refused(tmp_path):
    assert "as a bomb does" in refused(tmp_path, gzip.compress(gzip.compress(bytes(20_000_000))))


def test_a_bomb_inside_of_an_archive_is_refused(tmp_path):
    assert "as a bomb does" in refused(tmp_path, zipped({"list.gz": gzip.compress(bytes(20_000_000))}))


def test_what_is_larger_than_the_bound_is_refused(tmp_path):
    assert (
        refused(tmp_path, tar_gz({"a": b"x" * 600, "b": b"x" * 600}), unpacked=1000)
        == "unpacks to more than 1,000 bytes"
    )


@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_more_files_than_the_bound_are_refused(tmp_path, pack):
    assert refused(tmp_path, pack({str(n): b"" for n in range(6)}), members=5) == "has more than 5 files"


def test_links_and_folders_count_as_files(tmp_path):
    content = tar(*(member(f"d{n}", tarfile.DIRTYPE) for n in range(6)))
    assert refused(tmp_path, content, members=5) == "has more than 5 files"


def test_an_encrypted_zip_is_refused(tmp_path):
    content = bytearray(zipped({"list": b"a.test\n"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refused(tmp_path, bytes(content)) == "is encrypted"


def test_a_zip_packed_in_another_way_is_refused(tmp_path):
    content = zipped({"list": b"a.test\n"}, zipfile.ZIP_LZMA)
    assert refused(tmp_path, content) == "is packed in a way (number 14) that is not read"


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"\xfd7zXZ\x00", "xz"), (b"BZh91AY&SY", "bzip2"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar")],
)
def test_a_form_that_is_not_read_is_named(tmp_path, head, name):
    assert refused(tmp_path, head + b"...") == f"is packed as {name}, which is not read; gzip, tar, tar.gz and zip are"


def test_a_list_of_names_that_begin_like_an_archive_is_a_list(tmp_path):
    assert unpacked(tmp_path, b"BZhosting.test\n") == {"list": b"BZhosting.test\n"}


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a.test\n" * 1000)[:-9],
        gzip.compress(b"a.test\n")[:-8] + b"\0" * 8,
        tar_gz({"a": b"x" * 2000}, "w:")[:1500],
        tar_gz({"a": b"x", "b": b"y"}, "w:").replace(b"ustar", b"\xff" * 5).replace(b"\xff" * 5, b"ustar", 1),
        b"PK\x03\x04" + b"x" * 100,
    ],
    ids=["cut gzip", "wrong sum", "cut tar", "damaged header", "no zip"],
)
def test_what_is_cut_off_or_damaged_is_refused(tmp_path, content):
    assert refused(tmp_path, content) in {"is cut off or damaged", "is no sound archive"}


def test_a_table_that_would_fill_the_memory_is_refused(tmp_path):
    long_name = member("././@LongLink", tarfile.GNUTYPE_LONGNAME, bytes(bounds.PIECE + 1))
    assert refused(tmp_path, tar(long_name, member("a"))) == f"has a table of more than {bounds.PIECE:,} bytes"


def pax(kind, **said):
    records = [f" {key}={value}\n" for key, value in said.items()]
    lengths = (next(n for n in range(5, 99_999) if n == len(record) + len(str(n))) for record in records)
    text = "".join(f"{length}{record}" for length, record in zip(lengths, records, strict=True))
    return member("pax", kind, text.encode())


ALL, ONE = tarfile.XGLTYPE, tarfile.XHDTYPE


@pytest.mark.parametrize(
    "headers",
    [
        [pax(ALL, **{f"key{n}": "" for n in range(200)})],
        [pax(ALL, comment="x" * 400)] * 3,
        [pax(ONE, comment="x" * 17_000)],
        [pax(ONE, comment="x" * 16_000), member("a")] * 1100,
    ],
    ids=["many for all", "one after another for all", "large for one", "large for each"],
)
def test_headers_larger_than_any_list_needs_are_refused(tmp_path, headers):
    names = iter(range(5000))
    members = [
        (one.replace(name=str(next(names)), deep=False) if one.isreg() else one, content) for one, content in headers
    ]
    assert refused(tmp_path, tar(*members, member("b"), mode="w:")) == "has larger headers than any list needs"


def test_headers_as_git_and_others_write_them_are_read(tmp_path):
    content = tar(pax(ALL, comment="0" * 40), pax(ONE, mtime="1.5", path="long"), member("short", content=b"a.test\n"))
    assert unpacked(tmp_path, content) == {"long": b"a.test\n"}


@pytest.mark.parametrize(
    "members",
    [
        [member("a", tarfile.GNUTYPE_SPARSE)],
        [pax(ONE, **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), member("a", content=b"1\n0\n0\n".ljust(512))],
        [pax(ONE, **{"GNU.sparse.map": "0,1"}), member("a", content=b"x")],
        [pax(ONE, **{"GNU.sparse.size": "1"}), member("a", content=b"x")],
    ],
    ids=["S", "1.0", "0.1", "0.0"],
)
def test_files_with_holes_are_refused(tmp_path, members):
    assert refused(tmp_path, tar(*members)) == "has a device or something else that no list needs"


@pytest.mark.parametrize("content", [tar_gz({"a": b"", "b": b""}, "w:"), gzip.compress(b"a.test\n"), b"a.test\n"])
def test_whoever_unpacks_may_end_it_at_any_piece(tmp_path, content):
    class EndedError(Exception):
        pass

    def end():
        raise EndedError

    (tmp_path / "source").write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(EndedError):
        archive.unpack(tmp_path / "source", tmp_path / "target", "list", step=end)


def test_a_zip_directory_that_would_fill_the_memory_is_refused(tmp_path):
    directory = b"PK\x01\x02".ljust(46, b"\0") * 200_000
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 65535, 65535, len(directory), 4, 0)
    assert (
        refused(tmp_path, b"PK\x03\x04" + directory + end) == f"has a table of more than {bounds.LARGEST_TABLE:,} bytes"
    )


@given(st.binary(max_size=2000), st.sampled_from([b"", b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"PK\x05\x06"]))
@example(bytes(257) + b"ustar" + bytes(250), b"")
def test_no_bytes_raise_anything_but_a_refusal(tmp_path_factory, content, head):
    folder = tmp_path_factory.mktemp("any")
    with contextlib.suppress(BadArchiveError):
        unpacked(folder, head + content)


@given(st.data())
def test_no_damaged_archive_raises_anything_but_a_refusal(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([tar_gz(LISTS, "w:"), zipped(LISTS), tar_gz(LISTS)])))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    with contextlib.suppress(BadArchiveError):
        unpacked(folder, bytes(content))
    assert sorted(path.name for path in folder.iterdir()) == ["source", "target"]


def test_a_folder_is_gathered_without_links_and_what_is_hidden(tmp_path):
    stick, target = tmp_path / "stick", tmp_path / "target"
    (stick / "gambling").mkdir(parents=True)
    target.mkdir()
    (stick / "gambling" / "domains.gz").write_bytes(gzip.compress(b"a.test\n"))
    (stick / ".Trash").mkdir()
    (stick / ".Trash" / "domains").write_text("old.test\n")
    (stick / "passwd").symlink_to("/etc/passwd")
    files = list(archive.files_of(stick))
    assert files == [PurePosixPath("gambling/domains.gz")]
    assert archive.gather(stick, files, target).files == (PurePosixPath("gambling/domains"),)
    assert (target / "gambling" / "domains").read_bytes() == b"a.test\n"


def test_a_gathered_bomb_is_refused(tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "list.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    (tmp_path / "target").mkdir()
    with pytest.raises(BadArchiveError, match="as a bomb does"):
        archive.gather(tmp_path / "stick", [PurePosixPath("list.gz")], tmp_path / "target")


def test_pieces_of_a_gzip_file_are_bounded(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"a.test\n" * 10))
    assert b"".join(archive.gunzipped(tmp_path / "x.gz")) == b"a.test\n" * 10
    with pytest.raises(BadArchiveError):
        list(archive.gunzipped(tmp_path / "x.gz", Bounds(unpacked=10)))
