import re
from pathlib import Path

import pytest

from blocklists.policy import Verdict
from proxy_addons import block_page, words
from proxy_addons.block_page import notice_of
from proxy_addons.form import Form
from proxy_addons.portal import Portal
from proxy_addons.settings import ProxySettings
from reporting import page_link
from reporting.page_link import Link, Purpose
from tests.proxy_addons.test_block_page import GAMBLING, HARM, SEALED
from tests.support.proxy_school import rulebook

KEY = bytes(range(32))
NOW = 1_800_000_123
URL = "https://schoolgate.internal"


def links(profile: str, verdict: Verdict, host: str = "gambling.test") -> dict[Purpose, Link | None]:
    notice = notice_of(rulebook(), profile, host, verdict, ProxySettings())
    html = block_page.body(Portal(f"{URL}/", KEY).on(notice, host, profile, NOW), Form.PAGE, words.of("en")).decode()
    found = re.findall(rf'href="{URL}/(\w+)/([\w-]+)"', html)
    return {Purpose(kind): page_link.read(KEY, Purpose(kind), text, NOW) for kind, text in found}


@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3", "staff"])
def test_both_buttons_lead_to_the_portal_with_host_profile_and_time(profile: str) -> None:
    link = Link("gambling.test", profile, NOW // 600 * 600)
    assert links(profile, GAMBLING) == {Purpose.OPEN: link, Purpose.SAW: link}


@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3", "staff"])
def test_a_sealed_page_tells_no_host_and_nobody_asks_to_have_it_opened(profile: str) -> None:
    assert links(profile, SEALED, "sealed.test") == {Purpose.SAW: Link("", profile, NOW // 600 * 600)}


def test_a_pupil_who_needs_help_is_asked_for_no_reason() -> None:
    assert set(links("ks3", HARM)) == {Purpose.SAW}
    assert set(links("staff", HARM)) == {Purpose.OPEN, Purpose.SAW}


def test_without_a_portal_there_is_no_button() -> None:
    notice = notice_of(rulebook(), "ks2", "gambling.test", GAMBLING, ProxySettings())
    assert Portal.of(ProxySettings()).on(notice, "gambling.test", "ks2", NOW) is notice
    assert 'class="button"' not in block_page.body(notice, Form.PAGE, words.of("en")).decode()


def test_the_key_is_read_from_its_file(tmp_path: Path) -> None:
    key = tmp_path / "portal.key"
    settings = ProxySettings(portal_url=URL, portal_key=str(key))
    with pytest.raises(FileNotFoundError):
        Portal.of(settings)
    key.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"portal\.key holds no key of 32 bytes"):
        Portal.of(settings)
    key.write_bytes(KEY)
    notice = notice_of(rulebook(), "ks2", "gambling.test", GAMBLING, settings)
    assert Portal.of(settings).on(notice, "gambling.test", "ks2", NOW) == Portal(URL, KEY).on(
        notice, "gambling.test", "ks2", NOW
    )
