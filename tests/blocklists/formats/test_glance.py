import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists import domain, parse
from blocklists.formats import Format, glance

LABELS = st.one_of(
    st.text("abz019-_", min_size=1, max_size=8),
    st.text("aB9.é。 \t", max_size=3),
    st.integers(61, 66).map(lambda size: "a" * size),
    st.sampled_from(["0x7f", "1", "192", "xn--bcher-kva", "localhost", "localdomain", "test"]),
)
NAMES = st.one_of(
    st.lists(LABELS, min_size=1, max_size=5).map(".".join),
    st.integers(248, 256).map(lambda size: ("a" * 49 + ".") * 5 + "b" * (size - 250) if size > 250 else "a" * size),
    st.sampled_from(["localhost.localdomain", "192.0.2.7", "1.2.3.0x4", "x.7", "ads.test"]),
)
FRAMES = st.sampled_from(
    [
        ("", ""),
        ("0.0.0.0 ", ""),
        ("127.0.0.1 ", ""),
        ("0.0.0.0\t", " # c"),
        ("*.", ""),
        (".", ""),
        ("||", "^"),
        ("@@||", "^"),
        ("|", "^"),
        ("address=/", "/#"),
        ("address=/", "/"),
        ("address=/", "/0.0.0.0"),
        ("local=/", "/"),
        ("server=/", "/"),
        ("", "\r"),
        ("||", "^$badfilter"),
    ]
)
LINES = st.lists(st.tuples(FRAMES, NAMES).map(lambda pair: f"{pair[0][0]}{pair[1]}{pair[0][1]}"), max_size=20)


def one_by_one(lines: list[bytes], fmt: Format) -> parse.Parsed:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(glance, "run", lambda _block, position, _shapes: ([], position))
        return parse.parse_lines(lines, fmt)


@given(LINES, st.sampled_from(Format))
@example(["||x.test^", "x.test", "0.0.0.0 x.test", "||x.test^$badfilter"], Format.ADBLOCK)
@example(["127.0.0.1 localhost.localdomain", "0.0.0.0 localhost.localdomain.test"], Format.HOSTS)
def test_what_is_read_at_a_glance_is_what_is_read_line_by_line(lines: list[str], fmt: Format):
    raw = [line.encode() for line in lines]
    assert parse.parse_lines(raw, fmt) == one_by_one(raw, fmt)


@given(LINES, st.sampled_from([glance.shape(), glance.shape(single=True), glance.shape("||", "^")]))
def test_every_name_read_at_a_glance_is_canonical(lines: list[str], shape: glance.Shape):
    block = "".join(f"{line}\n" for line in lines).encode()
    names, end = glance.run(block, 0, [shape])
    assert all(domain.canonical(name) == name for name in names)
    assert block[:end].count(b"\n") == len(names)


def test_a_run_ends_where_a_line_is_of_no_shape():
    block = b"a.test\nb.test\nC.test\nd.test\n"
    assert glance.run(block, 0, [glance.shape()]) == (["a.test", "b.test"], 14)
    assert glance.run(block, 14, [glance.shape()]) == ([], 14)
    assert glance.run(block, 0, []) == ([], 0)
