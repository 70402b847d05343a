import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import domain
from blocklists.suffix import is_public, registrable


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("school.test", "school.test"),
        ("www.maths.school.test", "school.test"),
        ("school.co.uk", "school.co.uk"),
        ("www.school.co.uk", "school.co.uk"),
        ("www.school.county.sch.uk", "school.county.sch.uk"),
        ("class.github.io", "class.github.io"),
        ("www.class.github.io", "class.github.io"),
        ("class.blogspot.com", "class.blogspot.com"),
        ("www.ck", "www.ck"),
        ("a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"),
        ("_sip.school.test", "school.test"),
    ],
)
def test_the_registrable_name_has_one_label_before_the_public_suffix(host: str, name: str):
    assert registrable(host) == name


@pytest.mark.parametrize(
    "host", ["uk", "co.uk", "county.sch.uk", "github.io", "blogspot.com", "any.ck", "xn--55qx5d.cn"]
)
def test_a_public_suffix_is_nobodys_alone(host: str):
    assert registrable(host) is None


@pytest.mark.parametrize("host", ["test", "localhost", "intranet"])
def test_a_top_level_domain_that_the_list_does_not_know_is_a_suffix(host: str):
    assert registrable(host) is None


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::1"])
def test_an_address_is_its_own(host: str):
    assert registrable(host) == host


NAMES = st.from_regex(r"([a-z0-9]{1,3}\.){0,5}(test|uk|co\.uk|com|github\.io|ck|jp|kawasaki\.jp)", fullmatch=True)


@given(NAMES)
def test_a_host_stands_under_its_registrable_name_and_that_is_its_own(host: str):
    name = registrable(host)
    assert name is None or (domain.is_within(host, name) and registrable(name) == name)


@given(st.text(max_size=40))
def test_no_host_raises(text: str):
    host = domain.canonical(text)
    assert host is None or (registrable(host) or host)


def test_a_process_that_asks_for_no_name_has_not_read_the_list():
    program = "import sys; from blocklists import suffix; sys.exit('publicsuffixlist' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("host", "public"),
    [("com", True), ("co.uk", True), ("github.io", True), ("school.co.uk", False), ("lan", False), ("a.lan", False)],
)
def test_a_public_suffix_is_one_that_the_list_names(host, public):
    assert is_public(host) is public
