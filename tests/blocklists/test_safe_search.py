import msgspec
import pytest

from blocklists import defaults, domain, safe_search
from blocklists.profile import Pages, Profile, Youtube

BOOK = defaults.rulebook("School")
SHIPPED = safe_search.shipped()
PUPIL = Profile("KS2", "ks2", Pages.KS2)
GOOGLE, STRICT, MODERATE = "forcesafesearch.google.com", "restrict.youtube.com", "restrictmoderate.youtube.com"


def target(host: str, **changes: object) -> str | None:
    return safe_search.target(SHIPPED, host, msgspec.structs.replace(PUPIL, **changes))


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("google.com", GOOGLE),
        ("www.google.co.uk", GOOGLE),
        ("www.google.com.hk", GOOGLE),
        ("www.bing.com", "strict.bing.com"),
        ("duckduckgo.com", "safe.duckduckgo.com"),
        ("yandex.kz", "familysearch.yandex.ru"),
        ("pixabay.com", "safesearch.pixabay.com"),
        ("www.ecosia.org", "strict-safe-search.ecosia.org"),
        ("search.brave.com", "forcesafe.search.brave.com"),
        ("www.youtube.com", STRICT),
    ],
)
def test_an_engine_answers_with_its_strict_form(host: str, found: str):
    assert target(host) == found


@pytest.mark.parametrize("host", ["mail.google.com", "classroom.google.com", "youtube.com", "i.ytimg.com", "bbc.co.uk"])
def test_other_names_keep_their_own_addresses(host: str):
    assert target(host) is None


@pytest.mark.parametrize(("mode", "found"), [("strict", STRICT), ("moderate", MODERATE), ("off", None)])
def test_youtube_is_as_strict_as_the_profile_says(mode: str, found: str | None):
    assert target("m.youtube.com", youtube=Youtube(mode), safe_search=False) == found


def test_a_profile_without_safe_search_gets_the_engines_themselves():
    assert target("www.google.com", safe_search=False) is None


def test_every_country_domain_of_google_is_there_bare_and_with_www():
    hosts = {host for host, found in SHIPPED.items() if GOOGLE in found.values()}
    bare = {host for host in hosts if not host.startswith("www.")}
    assert len(bare) >= 190
    assert hosts == bare | {f"www.{host}" for host in bare}


def test_no_target_is_sent_on_to_another_one():
    assert not {name for found in SHIPPED.values() for name in found.values()} & SHIPPED.keys()


def test_a_host_has_either_one_target_or_both_modes_of_youtube():
    assert {frozenset(found) for found in SHIPPED.values()} == {frozenset({""}), frozenset({"strict", "moderate"})}


def test_the_table_is_canonical_and_in_order():
    rows = [tuple(row.values()) for row in defaults.table("safe_search")]
    assert rows == sorted(set(rows))
    assert all(domain.canonical(name) == name for row in rows for name in row[1:3])


@pytest.mark.parametrize(
    ("host", "found", "strength"),
    [
        ("Www.engine.test", "safe.engine.test", ""),
        ("localhost", "safe.engine.test", ""),
        ("engine.test", "engine.test", ""),
        ("engine.test", "safe.engine.test", "off"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(host: str, found: str, strength: str):
    with pytest.raises(ValueError, match=r"safe_search\.csv"):
        safe_search.read([{"host": host, "target": found, "strength": strength}])


def test_the_second_row_of_a_host_is_refused():
    row = {"host": "engine.test", "target": "safe.engine.test", "strength": ""}
    with pytest.raises(ValueError, match=r"safe_search\.csv"):
        safe_search.read([row, row])


def test_every_shipped_profile_is_held_to_strict_search():
    """POLICY.md, "search": strict for everybody; nobody is told that engines show what they like."""
    assert [name for name, profile in BOOK.profiles.items() if not profile.safe_search] == []


def test_the_shipped_profiles_have_youtube_as_the_policy_says():
    modes = {name: str(profile.youtube) for name, profile in BOOK.profiles.items()}
    assert modes == {
        **dict.fromkeys(("eyfs", "ks1", "ks2", "ks3", "byod", "demonstration"), "strict"),
        **dict.fromkeys(("ks4", "ks5", "exam", "visitor", "unregistered", "equipment"), "moderate"),
        **dict.fromkeys(("staff", "office"), "off"),
    }
