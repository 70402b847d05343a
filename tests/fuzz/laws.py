"""What holds for every bytes that are read as a list or a URL: checked by tests on a few, by the fuzzer on many."""

from blocklists import domain, parse, url
from blocklists.formats import Format, recognise
from blocklists.formats.pattern import MAX_PATTERN
from blocklists.rule import NameRule, PageRule, Rule

MOST_RULES = 2
"""Rules for a byte, at most: a line of names one letter long has one for two bytes, and a zone lists each twice."""


def check_list(raw: bytes, fmt: Format) -> None:
    """Read *raw* as a list: nothing raises, each rule is canonical, each line is counted once."""
    lines = raw.split(b"\n")
    read = parse.parse_lines(lines, fmt)
    tally = read.tally
    assert all(domain.canonical(name) == name for name in read.names), read.names
    assert all(map(is_canonical, read.rules)), read.rules
    assert tally.lines == len(lines) or recognise.is_page(raw.removeprefix(b"\xef\xbb\xbf")), tally
    assert 0 <= tally.skipped_count == sum(tally.reasons.values()) <= tally.said <= max(tally.lines, 1), tally
    assert len(read.names) + len(read.rules) <= tally.rules <= MOST_RULES * len(raw), tally
    assert all(reason.isascii() and len(reason) < 80 for reason in tally.reasons), tally.reasons


def is_canonical(rule: Rule) -> bool:
    """Whether *rule* is of the form that an index can hold."""
    match rule:
        case NameRule(name=name):
            return domain.canonical(name) == name
        case PageRule(host=host, path=path):
            found = url.canonical(f"http://{f'[{host}]' if ':' in host else host}{path}")
            return found is not None and found.host == host and found.path_and_query == path
    text = rule.pattern
    return 0 < len(text) <= MAX_PATTERN and text.isascii() and text.isprintable()


def check_url(text: str) -> None:
    """Read *text* as a URL: nothing raises, and the canonical form is its own."""
    found = url.canonical(text)
    if found is None:
        return
    again = url.canonical(str(found))
    assert again is not None, found
    assert str(again) == str(found), (str(found), str(again))
    assert domain.canonical(found.host) == found.host, found
