"""The examples that Safe Browsing v4 publishes under "URLs and Hashing", and where we differ on purpose.

https://developers.google.com/safe-browsing/v4/urls-hashing
"""

import pytest

from blocklists import url

VALUE = "updateuserdataxplimnbqmn-xplmvalidateinfoswqpcmlx=hgplmcx/"
AS_PUBLISHED = [
    ("http://host/%25%32%35", "http://host/%25"),
    ("http://host/%25%32%35%25%32%35", "http://host/%25%25"),
    ("http://host/%2525252525252525", "http://host/%25"),
    ("http://host/asdf%25%32%35asd", "http://host/asdf%25asd"),
    ("http://host/%%%25%32%35asd%%", "http://host/%25%25%25asd%25%25"),
    ("http://www.google.com/", "http://www.google.com/"),
    (
        "http://%31%36%38%2e%31%38%38%2e%39%39%2e%32%36/%2E%73%65%63%75%72%65/%77%77%77%2E%65%62%61%79%2E%63%6F%6D/",
        "http://168.188.99.26/.secure/www.ebay.com/",
    ),
    (
        f"http://195.127.0.11/uploads/%20%20%20%20/.verify/.eBaysecure={VALUE}",
        f"http://195.127.0.11/uploads/%20%20%20%20/.verify/.eBaysecure={VALUE}",
    ),
    ("http://3279880203/blah", "http://195.127.0.11/blah"),
    ("http://www.google.com/blah/..", "http://www.google.com/"),
    ("www.google.com/", "http://www.google.com/"),
    ("www.google.com", "http://www.google.com/"),
    ("http://www.evil.com/blah#frag", "http://www.evil.com/blah"),
    ("http://www.GOOgle.com/", "http://www.google.com/"),
    ("http://www.google.com.../", "http://www.google.com/"),
    ("http://www.google.com/foo\tbar\rbaz\n2", "http://www.google.com/foobarbaz2"),
    ("http://www.google.com/q?", "http://www.google.com/q?"),
    ("http://www.google.com/q?r?", "http://www.google.com/q?r?"),
    ("http://www.google.com/q?r?s", "http://www.google.com/q?r?s"),
    ("http://evil.com/foo#bar#baz", "http://evil.com/foo"),
    ("http://evil.com/foo;", "http://evil.com/foo;"),
    ("http://evil.com/foo?bar;", "http://evil.com/foo?bar;"),
    ("http://notrailingslash.com", "http://notrailingslash.com/"),
    ("  http://www.google.com/  ", "http://www.google.com/"),
    ("https://www.securesite.com/", "https://www.securesite.com/"),
    ("http://host.com/ab%23cd", "http://host.com/ab%23cd"),
    ("http://host.com//twoslashes?more//slashes", "http://host.com/twoslashes?more//slashes"),
]

NO_NAME = "no DNS name has that character, so it is nobody's host, and the proxy refuses what names no host"
DIFFERENT = [
    (
        "http://host%23.com/%257Ea%2521b%2540c%2523d%2524e%25f%255E00%252611%252A22%252833%252944_55%252B",
        "http://host%23.com/~a!b@c%23d$e%25f^00&11*22(33)44_55+",
        None,
        NO_NAME,
    ),
    ("http://\x01\x80.com/", "http://%01%80.com/", None, NO_NAME),
    ("http:// leadingspace.com/", "http://%20leadingspace.com/", None, NO_NAME),
    ("http://%20leadingspace.com/", "http://%20leadingspace.com/", None, NO_NAME),
    ("%20leadingspace.com/", "http://%20leadingspace.com/", None, NO_NAME),
    (
        "http://www.gotaport.com:1234/",
        "http://www.gotaport.com/",
        "http://www.gotaport.com:1234/",
        "the proxy must know the port that it refuses; expressions have none, so a list names the page all the same",
    ),
]


@pytest.mark.parametrize(("written", "form"), AS_PUBLISHED)
def test_a_published_example_has_its_published_form(written, form):
    assert str(url.canonical(written)) == form


@pytest.mark.parametrize(("written", "published", "ours"), [row[:3] for row in DIFFERENT])
def test_a_published_example_has_another_form_here_for_a_reason(written, published, ours):
    found = url.canonical(written)
    assert (found and str(found)) == ours != published


def test_the_escapes_of_the_example_that_names_no_host_have_their_published_form():
    written, published, *_ = DIFFERENT[0]
    found = url.canonical(written.replace("%23.com", ".com"))
    assert str(found) == published.replace("%23.com", ".com")


EXPRESSIONS = {
    "http://a.b.c/1/2.html?param=1": [
        "a.b.c/1/2.html?param=1",
        "a.b.c/1/2.html",
        "a.b.c/",
        "a.b.c/1/",
        "b.c/1/2.html?param=1",
        "b.c/1/2.html",
        "b.c/",
        "b.c/1/",
    ],
    "http://a.b.c.d.e.f.g/1.html": [
        "a.b.c.d.e.f.g/1.html",
        "a.b.c.d.e.f.g/",
        "c.d.e.f.g/1.html",
        "c.d.e.f.g/",
        "d.e.f.g/1.html",
        "d.e.f.g/",
        "e.f.g/1.html",
        "e.f.g/",
        "f.g/1.html",
        "f.g/",
    ],
    "http://1.2.3.4/1/": ["1.2.3.4/1/", "1.2.3.4/"],
}


@pytest.mark.parametrize("written", EXPRESSIONS)
def test_the_expressions_are_the_published_ones_in_their_order(written):
    found = url.canonical(written)
    assert found is not None
    assert list(url.expressions(found)) == EXPRESSIONS[written]
