import msgspec
import pytest

from blocklists import defaults, named

BOOK = defaults.rulebook("School")


def problems(*, profile: dict[str, object] | None = None, **changes: object) -> list[str]:
    profiles = BOOK.profiles | {"ks2": msgspec.structs.replace(BOOK.profiles["ks2"], **(profile or {}))}
    return list(named.problems(msgspec.structs.replace(BOOK, profiles=profiles, **changes)))


def test_the_shipped_policy_names_only_what_there_is():
    assert not problems()


@pytest.mark.parametrize("key", ["closed_downloads", "closed_uploads"])
def test_a_kind_that_there_is_not_is_named_with_the_one_that_was_meant(key: str):
    assert problems(profile={key: ("programs",)}) == [
        f"profiles.ks2.{key}: there is no kind of file 'programs'; did you mean program?"
    ]


def test_and_with_all_that_there_are_if_none_is_near():
    assert "the kinds are program, disk_image" in problems(profile={"closed_downloads": ("xyzzy",)})[0]


def test_tenants_and_parts_are_held_against_their_tables_too():
    assert len(problems(tenants={"nobody": "x"}, embedded={"nodot": ()})) == 2
