import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import kinds

KINDS = kinds.shipped()
ROW = {"kind": "tool", "words": "a tool", "extensions": "exe", "types": "application/x-tool", "starts": "4d5a"}


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/x-msdownload", "program"),
        ("APPLICATION/X-MSDownload; charset=x", "program"),
        ("video/mp4", "video"),
        ("video/x-unheard-of", "video"),
        ("application/pdf", "document"),
        ("text/html", ""),
        ("text/javascript", ""),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_a_type_declares_a_kind(content_type: str, kind: str):
    assert KINDS.of_type(content_type) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("setup.exe", "program"),
        ("SETUP.EXE", "program"),
        ("setup.exe.", "program"),
        ("setup.exe ", "program"),
        ("homework.pdf.exe", "program"),
        ("/files/v1.2/archive.tar.gz", "archive"),
        ("/setup.exe/page", ""),
        ("homework.pdf", "document"),
        ("exe", ""),
        ("", ""),
        ("/", ""),
        ("a.", ""),
    ],
)
def test_a_name_says_its_kind_by_what_stands_behind_the_last_dot(name: str, kind: str):
    assert KINDS.of_name(name) == kind


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"MZ\x90\0", "program"),
        (b"MZ is no program", ""),
        (b"\x7fELF", "program"),
        (b"7z\xbc\xaf\x27\x1c", "archive"),
        (b"PK\3\4", ""),
        (b"d8:announce35", "torrent"),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_a_start_says_a_kind(start: bytes, kind: str):
    assert KINDS.of_start(start) == kind


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"", True),
        (b"M", True),
        (b"MZ", True),
        (b"MZ is no", True),
        (b"MZ\0", False),
        (b"MZ" + b"x" * 62, False),
        (b"\x7fE", True),
        (b"\x7fELF!", False),
        (b"<", False),
        (b"x" * 64, False),
    ],
)
def test_it_is_known_whether_more_is_needed(start: bytes, more: bool):
    assert KINDS.needs_more(start) is more


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_what_needs_no_more_is_not_changed_by_more(start: bytes, more: bytes):
    if not KINDS.needs_more(start):
        assert KINDS.of_start(start + more) == KINDS.of_start(start)


@given(st.text(), st.text())
def test_nothing_raises(one: str, other: str):
    KINDS.of_name(one)
    KINDS.of_type(other)
    kinds.file_name(f"{one};{other}")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="setup.exe"', "setup.exe"),
        ("attachment; filename=setup.exe", "setup.exe"),
        ("attachment; FileName = setup.exe ", "setup.exe"),
        ('attachment; filename="a; filename=b.exe"', "a; filename=b.exe"),
        ("attachment; filename=a.pdf; filename*=UTF-8''b%2Eexe", "b.exe"),
        ("attachment; filename*=utf-8'en'b.exe", "b.exe"),
        ("attachment; filename=a.exe; filename=b.pdf", "a.exe"),
        ("inline", ""),
        ("", ""),
    ],
)
def test_a_disposition_names_a_file(disposition: str, name: str):
    assert kinds.file_name(disposition) == name


def test_what_is_to_be_saved_is_told_from_what_is_shown():
    assert kinds.is_attached("Attachment; filename=x")
    assert not kinds.is_attached("inline; filename=attachment")
    assert kinds.is_unshown("Application/Octet-Stream; x")
    assert not kinds.is_unshown("text/html")


@pytest.mark.parametrize(
    "rows",
    [
        [ROW | {"kind": ""}],
        [ROW | {"words": ""}],
        [ROW, ROW],
        [ROW, ROW | {"kind": "other"}],
        [ROW | {"extensions": "exe exe"}],
    ],
)
def test_a_row_that_says_nothing_or_what_another_says_is_refused(rows: list[dict[str, str]]):
    with pytest.raises(ValueError, match=r"kinds\.csv"):
        kinds.read(rows)


def test_every_kind_has_words_and_a_sign():
    assert all(kind.extensions and kind.words for kind in KINDS.by_name.values())
