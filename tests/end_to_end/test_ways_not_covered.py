"""The published list of what is not covered is the list of what was found open, and nothing else."""

import re
from pathlib import Path

import pytest

from tests.support.ways import CONTENT, Street

DOCUMENT = Path(__file__).parents[2] / "docs/explanation/not-covered.md"
ON_THE_LINE = (
    "fronting-behind-a-relayed-site",
    "dns-over-https-at-a-relayed-site",
    "a-detour-without-its-signs",
    "a-vpn-inside-a-websocket",
    "a-vpn-that-looks-like-a-page",
    "a-tunnel-through-dns",
    "a-homograph",
    "a-page-listed-with-other-parameters",
    "a-script-at-a-cloud-that-the-school-uses",
    "a-meeting-that-shares-a-screen",
    "encrypted-files",
    "words-in-pictures",
    "a-permitted-site-that-shows-others",
    "an-open-redirect-at-a-relayed-site",
)
ELSEWHERE = (
    "data-and-blob-pages",
    "a-saved-page",
    "a-usb-stick",
    "an-offline-game-in-one-file",
    "a-browser-extension",
    "another-start-disk",
    "pinned-applications",
    "a-phone-as-a-hotspot",
    "a-mobile-network",
    "a-neighbours-wireless-network",
    "a-cable-past-the-gateway",
    "somebody-elses-sign-in",
    "another-devices-address",
)
"""What a filter on the line never sees, so there is nothing to try."""


def published() -> list[list[str]]:
    """The rows of the tables: way, why, what a school does."""
    rows = re.findall(r"^\| (`[a-z0-9-]+`) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return [[way.strip("`"), why, what] for way, why, what in rows]


@pytest.mark.parametrize("name", [*ON_THE_LINE, *ELSEWHERE])
def test_a_way_that_is_not_covered_is_published_with_what_a_school_does(name: str) -> None:
    assert [bool(why and what) for way, why, what in published() if way == name] == [True]


def test_nothing_is_published_as_open_that_is_not_listed_here() -> None:
    assert {way for way, _, _ in published()} == {*ON_THE_LINE, *ELSEWHERE}


def test_a_name_that_only_looks_like_a_closed_one_is_closed_to_whom_the_unknown_is(way: Street) -> None:
    """The way `a-homograph` as far as it is closed: a letter of another alphabet in place of ours."""
    host = "g\u0430mbling.test".encode("idna").decode()
    for profile in ("ks1", "nobody"):
        assert CONTENT not in way.say(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), profile)
    assert not way.reached
