"""What a site is called on a server."""

import pytest

from reporting import site_schema
from reporting.site_schema import School


def test_a_schema_is_the_site_in_small_letters():
    assert School("Elm_Wood2").schema == "elm_wood2"
    assert site_schema.quoted('a"b') == '"a""b"'


@pytest.mark.parametrize("site", ["school", "Elmwood", "2nd", "_", "a" * 63, "user"])
def test_most_sites_can_name_a_schema(site):
    assert list(site_schema.problems(site)) == []


@pytest.mark.parametrize(
    ("site", "says"),
    [("a" * 64, "63 characters at most"), ("PG_school", "PostgreSQL's own"), ("Public", "PostgreSQL's own")],
)
def test_a_site_that_cannot_name_one_is_told_what_to_write(site, says):
    (problem,) = site_schema.problems(site)
    assert problem.startswith(f"site: {site!r} ")
    assert says in problem


def test_each_schema_has_a_lock_of_its_own_and_public_the_one_of_versions_before():
    numbers = [site_schema.lock_number(name) for name in ("public", "elmwood", "oakfield", "school")]
    assert len(set(numbers)) == 4
    assert numbers[0] == 0x5363686F6F6C67
    assert all(-(2**63) <= number < 2**63 for number in numbers)


def test_a_locks_number_is_found_in_the_servers_two_halves():
    assert site_schema.lock_halves(0x5363686F6F6C67) == (0x536368, 0x6F6F6C67)
    assert site_schema.lock_halves(-1) == (0xFFFFFFFF, 0xFFFFFFFF)
