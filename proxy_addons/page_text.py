"""The words of an answer: which answers have any, how their bytes are read, and what of them a person sees.

This file knows nothing of sockets or of mitmproxy. It reads as browsers do: a byte order mark before the header's
charset, that before a page's own, and names of charsets as the web uses them (WHATWG, Encoding). What is hidden by a
style is read too, and no script is.
"""

import encodings.aliases
import enum
import html
import re
from collections.abc import Iterator

from blocklists.finder import Finder


class Kind(enum.Enum):
    """What an answer is to the scan."""

    HTML = "html"
    JSON = "json"
    PLAIN = "plain"
    UNSURE = "unsure"
    """its first bytes must tell"""
    NONE = "none"
    """nothing to read: pictures, films, fonts, programs"""


_BY_TYPE = {
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "text/xml": Kind.HTML,
    "application/xml": Kind.HTML,
    "image/svg+xml": Kind.HTML,
    "application/json": Kind.JSON,
    "text/json": Kind.JSON,
    "text/plain": Kind.UNSURE,
    "text/css": Kind.NONE,
    "text/javascript": Kind.NONE,
    "application/javascript": Kind.NONE,
    "application/x-javascript": Kind.NONE,
    "application/ecmascript": Kind.NONE,
    "text/event-stream": Kind.NONE,
    "application/wasm": Kind.NONE,
    "application/pdf": Kind.NONE,
    "application/zip": Kind.NONE,
    "application/gzip": Kind.NONE,
    "application/vnd.ms-fontobject": Kind.NONE,
}
_BY_FAMILY = {"image": Kind.NONE, "audio": Kind.NONE, "video": Kind.NONE, "font": Kind.NONE, "text": Kind.PLAIN}

SNIFFED = 1_445
"""Bytes that tell what an answer is (WHATWG, MIME Sniffing, 5)."""
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(
    rb"\s*<(?:!doctype|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|svg|\?xml|!--)\b",
    re.IGNORECASE,
)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def kind_of(content_type: str) -> Kind:
    """The kind of an answer with the header Content-Type *content_type*; "" where there is none."""
    name = content_type.partition(";")[0].strip().lower()
    if found := _BY_TYPE.get(name):
        return found
    if name.endswith("+json"):
        return Kind.JSON
    if name.endswith("+xml"):
        return Kind.HTML
    if name.startswith("application/font"):
        return Kind.NONE
    return _BY_FAMILY.get(name.partition("/")[0], Kind.UNSURE)


def sniffed(start: bytes) -> Kind:
    """The kind of an answer that nothing sound is said of, by its first bytes (unpacked)."""
    head = start[:SNIFFED]
    if any(head.startswith(mark) for mark, _ in _MARKS):
        return Kind.PLAIN
    if _BINARY.search(head):
        return Kind.NONE
    if _MARKUP.match(head):
        return Kind.HTML
    return Kind.JSON if head.lstrip()[:1] in {b"{", b"["} else Kind.PLAIN


# Charsets

_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_META = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_LOOKED_AT = 1_024
"""Bytes of a page in which its own charset counts (HTML, 13.2.3.2)."""
_DEFAULT = "cp1252"
_AS_THE_WEB_HAS_IT = {
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "ascii": "cp1252",
    "x_user_defined": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "windows_874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "big5": "big5hkscs",
    "utf_16": "utf-16-le",
    "utf_16_le": "utf-16-le",
    "utf_16_be": "utf-16-be",
    "utf_8": "utf-8",
    "macintosh": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
}
_SAME = frozenset(
    [f"iso8859_{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)]
    + [f"cp{number}" for number in (866, 874, 932, 949, *range(1250, 1259))]
    + ["koi8_r", "koi8_u", "euc_jp", "iso2022_jp", "gb18030", "big5hkscs", "mac_roman", "mac_cyrillic"]
)


def codec_of(label: str) -> str | None:
    """Python's codec for the charset *label* as the web means it; None for one that browsers do not know."""
    plain = label.strip().lower().replace("-", "_").replace(":", "_")
    name = encodings.aliases.aliases.get(plain, plain)
    return _AS_THE_WEB_HAS_IT.get(name) or (name if name in _SAME else None)


def charset(start: bytes, content_type: str) -> str | None:
    """The codec that a mark at the *start* of a body, its header or the page itself names; None where nothing does."""
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return codec
    said = _CHARSET.search(content_type)
    return (codec_of(said[1]) if said else None) or _own_codec(start)


def decoded(body: bytes, content_type: str) -> str:
    """*body* as text; never raises: what is no character becomes U+FFFD."""
    marked = next((len(mark) for mark, _ in _MARKS if body.startswith(mark)), 0)
    named = charset(body, content_type)
    return body[marked:].decode(named, "replace") if named else _unnamed(body)


def piece_decoded(piece: bytes, named: str | None) -> str:
    """A *piece* out of a body's midst as text, in the codec that is *named* for the body, if one is."""
    return piece.decode(named, "replace") if named else _unnamed(_BROKEN_START.sub(b"", piece))


_BROKEN_START = re.compile(rb"\A[\x80-\xbf]{1,3}")
"""The rest of a character of UTF-8 that began before a piece."""


def _unnamed(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        cut = error.end == len(body) and len(body) - error.start < 4  # a character at the end that is not whole
        return body[: error.start].decode() if cut else body.decode(_DEFAULT, "replace")


def _own_codec(body: bytes) -> str | None:
    """The codec that a page itself names; one of UTF-16 cannot be meant, as its name was read in ASCII."""
    found = _META.search(body, 0, _LOOKED_AT)
    codec = codec_of(found[1].decode("ascii", "replace")) if found else None
    return "utf-8" if codec and codec.startswith("utf-16") else codec


# Words

_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|mark|nobr|q|s|samp|small|span|strike|strong"
    "|sub|sup|tt|u|var|wbr"
)
"""Tags that part no words: p<b>a</b>ge is one."""


def _either_case(word: str) -> str:
    """A pattern for *word* in capitals or not; unlike with the flag for that, a wrong letter is passed over at once."""
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


def _one_of(words: str) -> str:
    """A pattern for one of *words* (bars between them), in which each first letter is tried once."""
    ends: dict[str, list[str]] = {}
    for word in sorted(words.split("|"), key=len, reverse=True):
        ends.setdefault(word[0], []).append(_either_case(word[1:]))
    return "|".join(f"{_either_case(first)}(?:{'|'.join(rest)})" for first, rest in ends.items())


_UNSEEN = re.compile(
    rf"<(?:!--(?:.*?-->|.*)|({_one_of('script|style')})\b(?:.*?</(?i:\1)\b[^<>]*>?|.*)"
    rf"|/?(?:{_one_of(_INLINE)})(?:[\s/][^<>]*)?>|([/!?a-zA-Z])[^<>]*>?)",
    re.DOTALL,
)
"""What shows nothing: first what parts nothing either, and behind it, with a group of its own, all other tags. What is
not ended goes on to the page's end, here as in a browser. A "<" before anything else is shown as it is."""
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*>?")
_NAMES = Finder([b"alt=", b"title=", b"placeholder=", b"aria-label=", b"content="])
_LONGEST_VALUE = 800
"""Bytes of an attribute's value that are read."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


def words_of(kind: Kind, text: str) -> str:
    """What a person reads of *text*."""
    if kind is Kind.HTML:
        return of_html(text)
    return of_json(text) if kind is Kind.JSON else text


def of_html(text: str) -> str:
    """The title, the text, what pictures and fields are called, and what the page says of itself.

    One pass over the source, in time linear in it. A tree would be more exact and is no bound: the best parser at hand
    takes 0.4 s for 80 KB of nested <div>, four times that for twice as many, and some markup makes a tree a thousand
    times larger than its page (ADR 10).
    """
    parts = _UNSEEN.split(text)
    del parts[1::3]
    parts[1::2] = [" " if parting else "" for parting in parts[1::2]]
    shown = "".join(parts)
    return html.unescape(" \n ".join((shown, *_values(text))))


def _values(text: str) -> Iterator[str]:
    """What stands in the attributes of *text* that are shown, or that say what the page is about."""
    source = text.encode("utf-8", "replace")
    for _, place in _NAMES.matches(source):
        value = source[place : place + _LONGEST_VALUE].decode("utf-8", "ignore")
        if (quote := value[:1]) in {'"', "'"}:
            yield value[1:].partition(quote)[0]


def of_json(text: str) -> str:
    """The strings of *text*, read loosely: its escapes undone, markup in it left out."""
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    return _TAG.sub(" ", text) if "<" in text else text


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return found[2] if found[2] in '"\\/' else " "
