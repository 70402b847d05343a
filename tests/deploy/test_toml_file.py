import enum
import os

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from deploy import toml_file


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: int = 1
    names: tuple[str, ...] = ()


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    tables: dict[str, dict[str, Colour]] = {}
    seconds: float = 1.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = 1", "file: title: must be text in quotes, not a whole number"),
        ("", "file: title: this setting is missing"),
        ('title = "x"\ntitel = 1', "file: titel: there is no such setting; did you mean 'title'?"),
        ('title = "x"\n[inner]\nprot = 1', "file: inner.prot: there is no such setting; did you mean 'port'?"),
        (
            'title = "x"\n[inner]\nzzz = 1',
            "file: inner.zzz: there is no such setting; the settings here are names, port",
        ),
        ('title = "x"\n[inner]\nport = "1"', "file: inner.port: must be a whole number, not text in quotes"),
        ('title = "x"\n[inner]\nnames = 3', "file: inner.names: must be a list in [ ], not a whole number"),
        ("title = ", "file: not valid TOML: "),
    ],
)
def test_a_mistake_is_refused_with_the_keys_path_and_a_plain_sentence(text, sentence):
    with pytest.raises(toml_file.RefusedError) as refused:
        toml_file.parse(text, Outer, "file")
    assert refused.value.problems[0].startswith(sentence)


def test_a_mistake_inside_a_list_of_tables_names_the_key():
    with pytest.raises(toml_file.RefusedError, match=r"many\[0\]\.port|many\.port"):
        toml_file.parse('title = "x"\nmany = [{ port = "a" }]', Outer, "file")


def test_a_good_file_is_its_value(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('title = "x"\ninner = { port = 3 }\n')
    assert toml_file.read(path, Outer) == Outer("x", Inner(3))


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path):
    with pytest.raises(toml_file.RefusedError, match="No such file"):
        toml_file.read(tmp_path / "none.toml", Outer)
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(toml_file.RefusedError, match="not UTF-8"):
        toml_file.read(path, Outer)


def test_a_folder_and_what_is_no_ordinary_file_are_refused_without_being_read(tmp_path):
    with pytest.raises(toml_file.RefusedError, match=f"{tmp_path}: this is a folder, not a file"):
        toml_file.read(tmp_path, Outer)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(toml_file.RefusedError, match="pipe: this is not an ordinary file"):
        toml_file.read(tmp_path / "pipe", Outer)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    path = tmp_path / "a.toml"
    path.symlink_to(path)
    with pytest.raises(toml_file.RefusedError, match=r"a\.toml: Too many levels of symbolic links"):
        toml_file.read(path, Outer)


def test_a_file_of_1_mb_is_read_and_a_larger_one_is_refused(tmp_path):
    path = tmp_path / "a.toml"
    good = b'title = "x"\n'
    path.write_bytes(good + b"#" * (toml_file.LARGEST - len(good)))
    assert toml_file.read(path, Outer) == Outer("x")
    path.write_bytes(path.read_bytes() + b"#")
    with pytest.raises(toml_file.RefusedError, match=r"a\.toml: this is larger than 1 MB"):
        toml_file.read(path, Outer)


@pytest.mark.parametrize(
    "text",
    [
        "title = " + "[" * 5000 + "]" * 5000,
        "title = " + "{a = " * 5000 + "1" + "}" * 5000,
        "title" + ".a" * 5000 + " = 1",
        "[tables.a" + ".a" * 5000 + "]",
        "[title" + ".a" * 5000 + "]",
    ],
    ids=["lists", "tables", "a dotted key", "a table's name", "another table's name"],
)
def test_a_file_that_is_nested_5000_deep_is_refused_in_a_sentence(text):
    with pytest.raises(toml_file.RefusedError) as refused:
        toml_file.parse(text, Outer, "file")
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith("file: ")


def test_a_number_of_thousands_of_digits_is_refused():
    with pytest.raises(toml_file.RefusedError, match="file: not valid TOML"):
        toml_file.parse("title = " + "9" * 5000, Outer, "file")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[tables."a.b"]\nx = "green"', "tables.\"a.b\".x: 'green' must be one of red, blue"),
        ('[tables.a]\n"x.y" = "red\\n"', "tables.a.\"x.y\": 'red\\n' must be one of red, blue"),
        ('[tables.a]\nx = "a - at `$.title`"', "tables.a.x: 'a - at `$.title`' must be one of red, blue"),
        ('[named."two\\nlines"]\nport = true', 'named."two\\nlines".port: must be a whole number, not true or false'),
        ('"two\\nlines" = 1', '"two\\nlines": there is no such setting'),
        ('["[...]"]', '"[...]": there is no such setting'),
    ],
)
def test_whatever_a_key_or_a_value_looks_like_the_sentence_names_it_on_one_line(text, sentence):
    with pytest.raises(toml_file.RefusedError) as refused:
        toml_file.parse('title = "x"\n' * (not text.startswith("title")) + text, Outer, "file")
    (problem,) = refused.value.problems
    assert problem.startswith(f"file: {sentence}")
    assert "\n" not in problem


def test_a_mistake_among_many_tables_is_found_without_copying_each_of_them():
    many = "".join(f"[named.n{n}]\nport = 1\n" for n in range(20_000))
    with pytest.raises(toml_file.RefusedError, match=r"named\.last\.port: must be a whole number"):
        toml_file.parse(f'title = "x"\n{many}[named.last]\nport = "1"', Outer, "file")


KEYS = st.sampled_from(["title", "inner", "many", "named", "tables", "seconds", "port", "names", "a.b", "[0]", "x"])
VALUES = st.recursive(
    st.one_of(st.text(st.characters(codec="utf-8"), max_size=5), st.integers(), st.floats(), st.booleans(), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_a_file_says_it_is_read_or_refused(data):
    problems = problems_of(tomli_w.dumps(data))
    assert all(problem.startswith("file: ") and "\n" not in problem for problem in problems)


def problems_of(text):
    try:
        toml_file.parse(text, Outer, "file")
    except toml_file.RefusedError as refused:
        return refused.problems
    return []
