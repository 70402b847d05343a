"""Lists of our day, read in place: LISTS names their folder (../shared/lists); without it these tests are skipped."""

import os
from pathlib import Path

import pytest

from blocklists import defaults
from blocklists.formats import Format
from blocklists.parse import parse_file

LISTS = Path(os.environ.get("LISTS", Path(__file__).parents[3] / "shared/lists"))
FORMATS = {
    "sinfonietta-gambling.hosts.gz": Format.HOSTS,
    "sinfonietta-pornography.hosts.gz": Format.HOSTS,
    "sinfonietta-social.hosts.gz": Format.HOSTS,
    "stevenblack.adblock.txt.gz": Format.ADBLOCK,
    "stevenblack.dnsmasq.txt.gz": Format.DNSMASQ,
    "stevenblack.domains.txt.gz": Format.PLAIN,
    "stevenblack.wildcard.txt.gz": Format.WILDCARD,
}

needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason=f"there are no real lists in {LISTS}")


@needs_lists
@pytest.mark.parametrize(("name", "fmt"), FORMATS.items())
def test_a_list_of_our_day_is_recognised_and_understood(name: str, fmt: Format):
    read = parse_file(LISTS / "formats" / name)
    assert read.tally.format is fmt
    assert read.tally.understood >= 0.999, read.tally.reasons


@needs_lists
def test_one_list_in_three_formats_lists_the_same_names():
    adblock, dnsmasq, wildcard = (
        parse_file(LISTS / "formats" / f"stevenblack.{fmt}.txt.gz").names for fmt in ("adblock", "dnsmasq", "wildcard")
    )
    assert adblock == dnsmasq == wildcard
    assert len(adblock) > 80_000


@needs_lists
def test_every_category_of_ut1_is_understood():
    for folder in sorted((LISTS / "ut1").iterdir()):
        tally = parse_file(folder).tally
        assert tally.format is Format.UT1
        assert tally.understood >= 0.999, (folder.name, tally.reasons)


def test_every_shipped_list_is_understood_wholly():
    for name, path in defaults.list_files().items():
        read = parse_file(path)
        assert (name, read.tally.format, read.tally.skipped) == (name, Format.PLAIN, [])
        assert parse_file(path, Format.PLAIN) == read
