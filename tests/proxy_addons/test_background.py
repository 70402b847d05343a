import pytest
from mitmproxy.http import Headers

from proxy_addons.background import is_background

HOST = "img.bad.test"
ELSEWHERE, SAME = "http://news.test/today", "http://www.bad.test/"


def said(**headers):
    return Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("headers", "background"),
    [
        ({"Sec_Fetch_Dest": "document", "Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Dest": "document", "Sec_Fetch_Site": "none", "Sec_Fetch_User": "?1"}, False),
        ({"Sec_Fetch_Dest": "image", "Sec_Fetch_Site": "cross-site"}, True),
        ({"Sec_Fetch_Dest": "iframe", "Sec_Fetch_Site": "cross-site"}, True),
        ({"Sec_Fetch_Dest": "script", "Sec_Fetch_Site": "cross-site"}, True),
        ({"Sec_Fetch_Dest": "empty", "Sec_Fetch_Site": "same-origin"}, False),
        ({"Sec_Fetch_Dest": "image", "Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Dest": "image"}, False),
        ({"Sec_Fetch_Dest": "document", "Sec_Purpose": "prefetch;prerender"}, True),
        ({"Purpose": "prefetch"}, True),
        ({"X_Moz": "prefetch"}, True),
        ({"Accept": "image/webp,*/*", "Referer": ELSEWHERE}, True),
        ({"Accept": "image/webp,*/*", "Referer": SAME}, False),
        ({"Accept": "image/webp,*/*", "Referer": "no address"}, False),
        ({"Accept": "image/webp,*/*"}, False),
        ({"Accept": "*/*", "Referer": ELSEWHERE}, True),
        ({"Accept": "*/*"}, False),
        ({"Accept": "text/html,*/*", "Referer": ELSEWHERE}, False),
        ({"Referer": ELSEWHERE}, False),
        ({}, False),
    ],
)
def test_what_a_request_says_tells_a_program_from_a_person(headers, background):
    assert is_background(HOST, said(**headers)) is background
