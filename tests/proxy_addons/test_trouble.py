import json

import pytest

from blocklists.profile import Pages
from proxy_addons import trouble, words
from proxy_addons.form import PIXEL, Form
from proxy_addons.trouble import Trouble

ENGLISH = words.of("en")


@pytest.mark.parametrize("why", list(Trouble))
@pytest.mark.parametrize("pages", list(Pages))
def test_every_trouble_has_a_page_in_words_of_its_own(why: Trouble, pages: Pages) -> None:
    html = trouble.body(why, pages, Form.PAGE, ENGLISH).decode()
    assert ENGLISH.plain(f"{why.key}.words") in html or pages is Pages.KS1
    assert ("Tell your teacher" in html or "try again" in html) or pages is not Pages.KS1
    assert "mitmproxy" not in html


def test_troubles_are_told_apart() -> None:
    assert len({why.value for why in Trouble}) == len(list(Trouble))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Certificate verify failed: certificate has expired", Trouble.EXPIRED),
        ("Certificate verify failed: unable to get local issuer certificate", Trouble.UNTRUSTED),
        ("Certificate verify failed: self-signed certificate in certificate chain", Trouble.UNTRUSTED),
        ("Certificate verify failed: EE certificate key too weak", Trouble.WEAK),
        ("Connection killed: an address that may not be reached", Trouble.PRIVATE),
        ("no such name", Trouble.NO_SUCH_NAME),
        ("the DNS service did not answer", Trouble.NO_DNS),
        ("[Errno 111] Connect call failed", Trouble.UNREACHABLE),
    ],
)
def test_an_errors_text_leads_to_its_trouble(message: str, why: Trouble) -> None:
    assert trouble.of_message(message) is why


def test_what_shows_no_page_gets_what_it_can_use() -> None:
    told = json.loads(trouble.body(Trouble.UNTRUSTED, Pages.KS2, Form.JSON, ENGLISH))
    assert told["reason"] == "untrusted"
    assert trouble.body(Trouble.UNTRUSTED, Pages.KS2, Form.IMAGE, ENGLISH) == PIXEL
    assert trouble.body(Trouble.UNTRUSTED, Pages.KS2, Form.SCRIPT, ENGLISH) == b""
