"""Where a browser goes for whatever its own URL parser accepts (https://url.spec.whatwg.org), as tables of our own.

`test_chromium.py` asks a real browser about generated ones; these are here to be read.
"""

import pytest

from blocklists import url

GOES_TO = {
    # slashes, and what stands for one
    "https://school.test/": "school.test",
    "https:school.test": "school.test",
    "https:/school.test": "school.test",
    "https:////school.test": "school.test",
    "https:\\\\school.test\\a": "school.test",
    "https:\\/school.test": "school.test",
    "HTTPS:///school.test": "school.test",
    # tabs and line ends anywhere, blanks and controls at the ends
    "ht\ttps://sch\nool.te\rst/": "school.test",
    "https:/\t/school.test": "school.test",
    "\x00\x1f https://school.test \x00": "school.test",
    # who is in front of the @
    "https://user@school.test": "school.test",
    "https://user:pass@school.test": "school.test",
    "https://www.bbc.test@school.test": "school.test",
    "https://a@b@school.test": "school.test",
    "https://:@school.test": "school.test",
    "https://www.bbc.test%2F@school.test": "school.test",
    "https://school.test\\@www.bbc.test": "school.test",
    "https://school.test/@www.bbc.test": "school.test",
    "https://school.test?@www.bbc.test": "school.test",
    "https://school.test#@www.bbc.test": "school.test",
    # case, width, escapes, dots
    "https://SCHOOL.Test": "school.test",
    "https://\uff33\uff23\uff28\uff2f\uff2f\uff2c.test": "school.test",
    "https://school\u3002test": "school.test",
    "https://school\uff0etest": "school.test",
    "https://school\uff61test": "school.test",
    "https://\u24e2\u24d2hool.test": "school.test",
    "https://%73chool.test": "school.test",
    "https://school%2Etest": "school.test",
    "https://school%E3%80%82test": "school.test",
    "https://%EF%BD%93chool.test": "school.test",
    "https://\uff05\uff17\uff13chool.test": "school.test",
    "https://sch\u00adool.test": "school.test",
    "https://sch\u200bool.test": "school.test",
    "https://\u00ad.school.test": "school.test",
    "https://school.test.": "school.test",
    "https://school.test..": "school.test",
    "https://school..test": "school.test",
    "https://.school.test": "school.test",
    # other scripts; the deviations of IDNA 2003 are letters of their own
    "https://b\u00fccher.test": "xn--bcher-kva.test",
    "https://B\u00dcCHER.test": "xn--bcher-kva.test",
    "https://bu\u0308cher.test": "xn--bcher-kva.test",
    "https://xn--bcher-kva.test": "xn--bcher-kva.test",
    "https://XN--BCHER-KVA.test": "xn--bcher-kva.test",
    "https://fa\u00df.test": "xn--fa-hia.test",
    "https://FA\u1e9e.test": "xn--fa-hia.test",
    "https://\u03c3\u03c2.test": "xn--3xab.test",
    "https://\u0dc1\u0dca\u200d\u0dbb\u0dd3.test": "xn--10cl1a0b660p.test",
    "https://\u0130.test": "xn--i-9bb.test",
    "https://\u212aelvin.test": "kelvin.test",
    "https://\U0001f600.test": "xn--e28h.test",
    # ports
    "https://school.test:443": "school.test",
    "https://school.test:0443": "school.test",
    "https://school.test:": "school.test",
    "https://school.test:8\t443": "school.test",
    # IPv4
    "https://192.0.2.7": "192.0.2.7",
    "https://192.0.2.7.": "192.0.2.7",
    "https://192.0.519": "192.0.2.7",
    "https://192.519": "192.0.2.7",
    "https://3221225991": "192.0.2.7",
    "https://0xC0000207": "192.0.2.7",
    "https://0300.0.02.7": "192.0.2.7",
    "https://0300.0x0.2.0x7": "192.0.2.7",
    "https://\uff11\uff19\uff12.0.2.7": "192.0.2.7",
    "https://%31%39%32.0.2.7": "192.0.2.7",
    "https://192\u30020\u30022\u30027": "192.0.2.7",
    "https://0x.0": "0.0.0.0",
    # IPv6
    "https://[2001:DB8::0:1]:8443": "2001:db8::1",
    "https://[2001:db8:0:0:0:0:0:1]": "2001:db8::1",
    "https://[2001:db8::192.0.2.7]": "2001:db8::c000:207",
    "https://[::ffff:c000:207]": "192.0.2.7",
    "https://u@%5B2001:db8::1%5D:443": "2001:db8::1",
    # names of services, and what is no public name
    "https://_dmarc.school.test": "_dmarc.school.test",
    "https://ab--c.school.test": "ab--c.school.test",
    "https://localhost": "localhost",
}

GOES_NOWHERE = {
    "https://": "there is no host",
    "https://.": "there is no host",
    "https://user@": "there is no host",
    "https://a b.test": "a blank in a name",
    "https:// school.test": "the same",
    "https://\u00a0school.test": "a blank of another width",
    "https://sch\x00ool.test": "a NUL",
    "https://school%00.test": "a NUL",
    "https://school%2F.test": "a slash in a name",
    "https://sch\u2100ool.test": "maps to a slash",
    "https://school.test%40b": "an @ in a name",
    "https://%FF.test": "no UTF-8",
    "https://\ud800.test": "half of a character",
    "https://school.test:65536": "no port",
    "https://school.test:x": "no port",
    "https://school.test:\uff18": "no port",
    "https://[::1": "no end of the brackets",
    "https://[::1]x": "more than an address",
    "https://[school.test]": "no address",
    "https://[192.0.2.7]": "brackets are IPv6's",
    "https://::1": "brackets are missing",
    "https://::1:80": "brackets are missing",
    "https://%5B::1%5D": "the last colon is a port's",
}

BEYOND_DNS = {
    "https://a!b.test": "a sign that no DNS name has",
    "https://a,b.test": "a sign that no DNS name has",
    "https://a*b.test": "a sign that no DNS name has",
    "https://" + "a" * 64 + ".test": "a label that no DNS message can hold",
    "https://" + "abc." * 80 + "test": "a name that no DNS message can hold",
    "https://" + "a@" * 5000 + "school.test": "longer than any address that is looked at",
}
"""What a browser calls a host and nothing can be asked for: named by none here, and so refused by the proxy."""


@pytest.mark.parametrize("written", GOES_TO, ids=ascii)
def test_the_host_is_the_one_that_a_browser_goes_to(written):
    found = url.canonical(written)
    assert found is not None
    assert found.host == GOES_TO[written]


@pytest.mark.parametrize("written", GOES_NOWHERE, ids=ascii)
def test_what_takes_a_browser_nowhere_names_no_host(written):
    assert url.canonical(written) is None


@pytest.mark.parametrize("written", BEYOND_DNS, ids=lambda text: ascii(text)[:40])
def test_a_host_that_no_resolver_can_be_asked_for_is_none(written):
    assert url.canonical(written) is None
