import pytest

from blocklists.formats import Format
from blocklists.formats.hosts import LOCAL_NAMES
from tests.support.lists import listed, rules


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("0.0.0.0 gambling.test", ["gambling.test"]),
        ("127.0.0.1\tgambling.test\t# the best known", ["gambling.test"]),
        (":: gambling.test", ["gambling.test"]),
        ("::1 gambling.test", ["gambling.test"]),
        ("fe80::1%lo0 gambling.test", ["gambling.test"]),
        ("10.0.0.7 gambling.test", ["gambling.test"]),
        ("0 gambling.test", ["gambling.test"]),
        ("127.1\tgambling.test", ["gambling.test"]),
        ("0x7f000001 gambling.test", ["gambling.test"]),
        ("  0.0.0.0   gambling.test  www.gambling.test bets.test", ["gambling.test", "www.gambling.test", "bets.test"]),
        ("0.0.0.0 Bücher.test.", ["xn--bcher-kva.test"]),
        ("0.0.0.0 192.0.2.7", ["192.0.2.7"]),
        ("0.0.0.0 2001:db8::7", ["2001:db8::7"]),
        (f"127.0.0.1 {' '.join(LOCAL_NAMES)}", []),
        ("127.0.0.1 LocalHost localhost.localdomain", []),
    ],
)
def test_a_line_is_an_address_and_names(line: str, names: list[str]):
    assert rules(Format.HOSTS, line) == listed(names)


@pytest.mark.parametrize(
    ("line", "names", "reason"),
    [
        ("gambling.test 0.0.0.0", [], "a hosts line opens with an address"),
        ("0.0.0.0", [], "an address without a name"),
        ("0.0.0.0 bad..name fine.test worse..name", ["fine.test"], "not the name of a host"),
        ("0.0.0.0 snap-test", [], "a name with one label"),
        ("0.0.0.0 http://gambling.test/", [], "not the name of a host"),
    ],
)
def test_what_is_no_name_is_left_out_and_the_rest_of_the_line_stays(line: str, names: list[str], reason: str):
    assert rules(Format.HOSTS, line) == [*listed(names), reason]
