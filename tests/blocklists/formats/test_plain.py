import pytest

from blocklists.formats import Format
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("gambling.test", "gambling.test"),
        ("  Gambling.TEST.  ", "gambling.test"),
        ("gambling.test # the best known", "gambling.test"),
        ("gambling.test#the best known", "gambling.test"),
        ("gambling.test:8080", "gambling.test"),
        ("http://gambling.test", "gambling.test"),
        ("HTTPS://gambling.test:443/", "gambling.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("gambling。test", "gambling.test"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]:8080", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("_dmarc.gambling.test", "_dmarc.gambling.test"),
        ("gov", "gov"),
    ],
)
def test_a_line_is_a_name_whatever_it_wears(line: str, name: str):
    assert rules(Format.PLAIN, line) == listed([name])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not a name", "more than one word on a line"),
        ("bad..name", "not the name of a host"),
        ("x" * 64 + ".test", "not the name of a host"),
        ("ж" * 64 + ".test", "not the name of a host"),
        ("*.gambling.test", "not the name of a host"),
        ("someone@gambling.test", "not the name of a host"),
        ("gambling.test:port", "not the name of a host"),
        ("gambling.test/page", "a page, in a list of names"),
        ("https://gambling.test/page", "a page, in a list of names"),
        (".", "not the name of a host"),
        ("<b>gambling.test</b>", "a page, in a list of names"),
    ],
)
def test_a_line_that_is_no_name_is_left_out(line: str, reason: str):
    assert rules(Format.PLAIN, line) == [reason]


@pytest.mark.parametrize("line", ["", "  \t", "# a list", "; a list", "! a list", "// a list", "\r"])
def test_comments_and_blank_lines_say_nothing(line: str):
    assert rules(Format.PLAIN, line, "gambling.test") == listed(["gambling.test"])
