import pytest

from blocklists.formats import Format
from blocklists.rule import PageRule
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    "line",
    [
        "http://gambling.test",
        "https://Gambling.test/",
        "gambling.test/",
        "gambling.test/*",
        "gambling.test",
        "//gambling.test/",
        "ftp://gambling.test:21/",
        "https://gambling.test:8443/ # all of it",
        "https://nobody:secret@gambling.test/",
        "https://g%61mbling.test/",
    ],
)
def test_a_whole_host_is_a_name(line: str):
    assert rules(Format.URLS, line) == listed(["gambling.test"])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("https://gambling.test/play", PageRule("gambling.test", "/play")),
        ("gambling.test/play/", PageRule("gambling.test", "/play/", folder=True)),
        ("gambling.test/play/?id=7", PageRule("gambling.test", "/play/?id=7")),
        ("gambling.test?id=7", PageRule("gambling.test", "/?id=7")),
        ("gambling.test/play # the worst", PageRule("gambling.test", "/play")),
        ("gambling.test/play#top", PageRule("gambling.test", "/play")),
        ("https://gambling.test/#/play", PageRule("gambling.test", "/")),
        ("gambling.test/play/#top", PageRule("gambling.test", "/play/")),
        ("HTTP://GAMBLING.TEST:80/Play/../Bets", PageRule("gambling.test", "/Bets")),
        ("http://192.0.2.7:8080/play", PageRule("192.0.2.7", "/play")),
        ("192.0.2.7/42", PageRule("192.0.2.7", "/42")),
        ("http://192.0.2.7/8", PageRule("192.0.2.7", "/8")),
        ("192.0.2.7/8/", PageRule("192.0.2.7", "/8/", folder=True)),
        ("gambling.test/play/*", PageRule("gambling.test", "/play/", folder=True)),
        ("gambling.test/play?q=a*b", PageRule("gambling.test", "/play?q=a*b")),
        ("gambling.test/play#a*", PageRule("gambling.test", "/play")),
        ("gambling.test/play%2A", PageRule("gambling.test", "/play*")),
        ("bücher.test/käufe", PageRule("xn--bcher-kva.test", "/k%C3%A4ufe")),
    ],
)
def test_a_page_or_a_folder_is_written_in_canonical_form(line: str, rule: PageRule):
    assert rules(Format.URLS, line) == [rule]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gambling.test/a page", "more than one word on a line"),
        ("http://", "not a URL"),
        ("someone@gambling.test", "not a URL"),
        ("mailto:someone@gambling.test", "not a URL"),
        ("javascript:alert", "not a URL"),
        ("http://[gambling.test/", "not a URL"),
        ("http://" + "ж" * 64 + ".test/", "not a URL"),
        ("http://" + "%D0%B6" * 64 + ".test/", "not a URL"),
        ("http://localhost/", "a name with one label"),
        ("gambling.test/play*", "a wildcard in a page's path"),
        ("gambling.test/*/play", "a wildcard in a page's path"),
        ("gambling.test/a*b/*", "a wildcard in a page's path"),
        ("gambling.test/play?*", "a wildcard in a page's path"),
        ("gambling.test/play?q=/*", "a wildcard in a page's path"),
        ("/*", "not a URL"),
        ("192.0.2.7/8", "a network, not a page"),
        ("198.51.100.7/24", "a network, not a page"),
        ("198.51.100.0/24", "a network, not a page"),
        ("2001:db8::/32", "a network, not a page"),
    ],
)
def test_what_is_no_url_is_left_out(line: str, reason: str):
    assert rules(Format.URLS, line) == [reason]


@pytest.mark.parametrize("line", ["", "# a list", "; a list", "! a list", "// a list"])
def test_comments_say_nothing(line: str):
    assert rules(Format.URLS, line) == []
