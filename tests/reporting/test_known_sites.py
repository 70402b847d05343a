"""Sites that were found clean: three different pages within fourteen days, from the journal to the policy."""

from pathlib import Path

import pytest

from blocklists import known, snapshot
from blocklists.known import Known
from reporting.breach import Clean
from reporting.known_sites import KnownSites

DAY = 86_400_000_000_000
NOW = 100 * DAY


def clean(page: int, at_ns: int = NOW, site: str = "river.test") -> Clean:
    return Clean(1, at_ns, "proxy", site, page.to_bytes(8))


def sites(path: Path) -> frozenset[str]:
    return known.sites(snapshot.read(path, Known).body)


def kept(path: Path, now_ns: int = NOW) -> KnownSites:
    return KnownSites(path, now_ns=lambda: now_ns)


@pytest.mark.parametrize(("pages", "is_known"), [([1, 2], False), ([1, 1, 1], False), ([1, 2, 3], True)], ids=str)
def test_three_different_pages_make_a_site_known(tmp_path: Path, pages: list[int], *, is_known: bool) -> None:
    found = kept(tmp_path / "known")
    found.take(map(clean, pages))
    assert found.write()
    assert sites(tmp_path / "known") == ({"river.test"} if is_known else frozenset())


def test_what_was_found_before_a_start_counts(tmp_path: Path) -> None:
    first = kept(tmp_path / "known")
    first.take(map(clean, [1, 2]))
    first.write()
    second = kept(tmp_path / "known")
    second.take([clean(3)])
    second.write()
    assert sites(tmp_path / "known") == {"river.test"}


def test_pages_older_than_fourteen_days_count_no_more(tmp_path: Path) -> None:
    first = kept(tmp_path / "known")
    first.take([clean(1, NOW - 13 * DAY), clean(2), clean(3)])
    first.write()
    assert sites(tmp_path / "known") == {"river.test"}
    later = kept(tmp_path / "known", NOW + 2 * DAY)
    later.take([clean(2, NOW + DAY)])
    later.write()
    assert sites(tmp_path / "known") == frozenset()
    last = kept(tmp_path / "known", NOW + 40 * DAY)
    assert last.write()
    assert snapshot.read(tmp_path / "known", Known).body.pages == {}


def test_without_news_nothing_is_written(tmp_path: Path) -> None:
    found = kept(tmp_path / "known")
    assert not found.write()
    found.take([clean(1, NOW + DAY), clean(1, site="NO Host"), clean(1, site="")])
    assert not found.write()
    assert not (tmp_path / "known").exists()


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "known").write_bytes(b"no snapshot")
    found = kept(tmp_path / "known")
    found.take(map(clean, [1, 2, 3]))
    found.write()
    assert sites(tmp_path / "known") == {"river.test"}


def test_a_site_keeps_its_newest_pages_only(tmp_path: Path) -> None:
    found = kept(tmp_path / "known")
    found.take(map(clean, range(50)))
    found.write()
    assert len(snapshot.read(tmp_path / "known", Known).body.pages["river.test"]) == 8
