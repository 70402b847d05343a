import logging

import pytest
from mitmproxy import version
from mitmproxy.proxy.layers.http import _http1, _http2

from proxy_addons import library_words


def test_the_librarys_pages_are_ours_while_installed() -> None:
    before = _http1.make_error_response, _http2.format_error, version.MITMPROXY
    with library_words.own_pages():
        answer = _http1.make_error_response(400, "adjust mitmproxy's tls_version option for host.test")
        page = _http2.format_error(502, "Certificate verify failed: host.test")
        assert "mitmproxy" not in version.MITMPROXY
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"could not prove who it is" in page
    for text in (answer, page):
        assert b"host.test" not in text
        assert b"mitmproxy" not in text
    assert before == (_http1.make_error_response, _http2.format_error, version.MITMPROXY)


def test_of_the_librarys_log_only_the_place_and_the_kind_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    counted: list[int] = []
    theirs = logging.getLogger("mitmproxy.proxy.server")
    with library_words.own_log(lambda: counted.append(1)), caplog.at_level(logging.DEBUG, "schoolgate"):
        theirs.warning("Client TLS handshake failed for sealed.test")
        theirs.error("No TLS context was provided, failing connection.")
        theirs.error("crashed at sealed.test", exc_info=ValueError("sealed.test"))
        theirs.error("plainly wrong at sealed.test")
    assert len(counted) == 2
    assert "ValueError at mitmproxy.proxy.server" in caplog.text
    assert "sealed.test" not in caplog.text
    assert logging.getLogger("mitmproxy").propagate
