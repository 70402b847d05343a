import msgspec
import pytest

from deploy import toml_file


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: int = 1
    names: tuple[str, ...] = ()


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


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
