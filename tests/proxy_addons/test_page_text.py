"""The words of an answer, as somebody sees them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.page_text import Kind, codec_of, decoded, kind_of, piece_decoded, sniffed, words_of


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/html; charset=utf-8", Kind.HTML),
        ("Text/HTML", Kind.HTML),
        ("application/rss+xml", Kind.HTML),
        ("image/svg+xml", Kind.HTML),
        ("application/json", Kind.JSON),
        ("application/ld+json", Kind.JSON),
        ("text/markdown", Kind.PLAIN),
        ("text/plain", Kind.UNSURE),
        ("", Kind.UNSURE),
        ("nonsense", Kind.UNSURE),
        ("application/octet-stream", Kind.UNSURE),
        ("image/png", Kind.NONE),
        ("video/mp4", Kind.NONE),
        ("font/woff2", Kind.NONE),
        ("application/font-woff", Kind.NONE),
        ("text/javascript", Kind.NONE),
        ("text/css", Kind.NONE),
    ],
)
def test_a_type_says_whether_there_are_words(content_type: str, kind: Kind) -> None:
    assert kind_of(content_type) is kind


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"", Kind.PLAIN),
        (b"words", Kind.PLAIN),
        (b" <!DOCTYPE html>", Kind.HTML),
        (b"<p>words", Kind.HTML),
        (b'{"a": 1}', Kind.JSON),
        (b"[1]", Kind.JSON),
        (b"\xff\xfew\0", Kind.PLAIN),
        (b"\x89PNG\r\n\x1a\n\0\0", Kind.NONE),
        (b"MZ\0", Kind.NONE),
    ],
)
def test_first_bytes_tell_what_the_type_does_not(start: bytes, kind: Kind) -> None:
    assert sniffed(start) is kind


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("latin1", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("iso-8859-2", "iso8859_2"),
        ("windows-1250", "cp1250"),
        ("gb2312", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("koi8-r", "koi8_r"),
        ("utf-16", "utf-16-le"),
        ("utf-7", None),
        ("unicode_escape", None),
        ("idna", None),
        ("", None),
    ],
)
def test_charsets_are_what_the_web_means_by_them(label: str, codec: str | None) -> None:
    assert codec_of(label) == codec
    assert codec is None or "\u0105".encode(codec, "replace")


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("\u0105".encode(), "", "\u0105"),
        (b"\xb1", "text/html; charset=iso-8859-2", "\u0105"),
        (b'<meta charset="iso-8859-2">\xb1', "text/html", '<meta charset="iso-8859-2">\u0105'),
        (b'<?xml encoding="iso-8859-2"?>\xb1', "text/xml", '<?xml encoding="iso-8859-2"?>\u0105'),
        (b'<meta charset="utf-16">\xc4\x85', "", '<meta charset="utf-16">\u0105'),
        (b"\xef\xbb\xbf\xc4\x85", "text/html; charset=iso-8859-2", "\u0105"),
        ("\ufeff\u0105".encode("utf-16-le"), "", "\u0105"),
        ("\ufeff\u0105".encode("utf-16-be"), "", "\u0105"),
        (b"\xe9t\xe9", "", "\u00e9t\u00e9"),
        (b"\xc4\x85 and \xc4", "", "\u0105 and "),
        (b"\xc4\x85\xff", "text/html; charset=utf-8", "\u0105\ufffd"),
        (b"\xc4\x85", "text/html; charset=utf-7", "\u0105"),
    ],
    ids=ascii,
)
def test_bytes_are_read_as_a_browser_reads_them(body: bytes, content_type: str, text: str) -> None:
    assert decoded(body, content_type) == text


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>one</p><p>two</p>", ["one", "two"]),
        ("<td>one</td><td>two</td><br>three", ["one", "two", "three"]),
        ("o<b>n</B >e t<span class='x'>w</span>o<!-- not seen -->s", ["one", "twos"]),
        ("<a href=/x>one</a> <article>two</article>", ["one", "two"]),
        ("<script>var x = '<p>three</p>'</script>one<style>p {}</style>", ["one"]),
        ("<!-- <script> -->one<!-- </script> -->", ["one"]),
        ("one<!-- no end <p>two", ["one"]),
        ("one<script> no end", ["one"]),
        ("1 < 2 and 3 > 2", ["1", "<", "2", "and", "3", ">", "2"]),
        ("&#111;n&#x65; &amp; tw&shy;o", ["one", "&", "tw\u00ado"]),
        ("<img alt='a cat' title=\"two dogs\">", ["a", "cat", "two", "dogs"]),
        ("<input placeholder='name'><img alt=bare><p", ["name"]),
        ("<meta name=description content='about us'>", ["about", "us"]),
        ("<title>the title</title>", ["the", "title"]),
    ],
)
def test_what_is_shown_of_a_page_is_read(html: str, words: list[str]) -> None:
    assert words_of(Kind.HTML, html).split() == words


@pytest.mark.parametrize(
    ("json", "words"),
    [
        ('{"a": "one"}', '{"a": "one"}'),
        (r'{"a": "\u006fne\ntwo\/three\""}', '{"a": "one two/three""}'),
        ('{"a": "<b>one</b>"}', '{"a": " one "}'),
    ],
)
def test_the_strings_of_json_are_read(json: str, words: str) -> None:
    assert words_of(Kind.JSON, json) == words


@pytest.mark.parametrize(
    ("piece", "named", "text"),
    [
        (b"words", None, "words"),
        ("é words".encode()[1:], None, " words"),
        ("€ words".encode()[1:], None, " words"),
        (b"caf\xe9 words", None, "café words"),
        (b"\xcb\xce\xe2\xee", "cp1251", "ЛОво"),
        ("words".encode("utf-16-le"), "utf-16-le", "words"),
    ],
)
def test_a_piece_is_read_in_the_charset_of_its_body(piece: bytes, named: str | None, text: str) -> None:
    assert piece_decoded(piece, named) == text


def test_plain_text_is_itself() -> None:
    assert words_of(Kind.PLAIN, "one <two>") == "one <two>"


@given(st.text(alphabet="<>/!-abps ript\"'=&;#x\n"), st.sampled_from(Kind))
def test_no_text_makes_it_raise(text: str, kind: Kind) -> None:
    words_of(kind, text)


@pytest.mark.parametrize("unit", ["<div>", "<b>", "<!--", "<", "<script>", "<b x=", "&amp;", "<p alt='", "alt="])
def test_time_grows_with_the_page_and_no_faster(unit: str) -> None:
    def taken(size: int) -> float:
        text = (unit * size)[:size]
        start = time.process_time()
        words_of(Kind.HTML, text)
        return time.process_time() - start

    assert min(taken(800_000) for _ in range(2)) < 40 * max(min(taken(100_000) for _ in range(3)), 0.002)
