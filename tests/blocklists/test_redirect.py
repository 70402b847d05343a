"""Where a redirect may lead."""

import pytest

from blocklists.redirect import MOST, RedirectError, next_url


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b.txt", "https://a.test/b.txt"),
        ("c.txt?x=1#y", "https://a.test/lists/c.txt?x=1"),
        ("//mirror.test/b.txt", "https://mirror.test/b.txt"),
        ("https://203.1.113.7/b.txt", "https://203.1.113.7/b.txt"),
        ("https://a.test:8443/b.txt", "https://a.test:8443/b.txt"),
    ],
)
def test_a_redirect_is_followed(location, leads_to):
    assert next_url(["https://a.test/lists/a.txt"], location) == leads_to


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("http://a.test/b.txt", "from https to http"),
        ("ftp://a.test/b.txt", "to what is no web address"),
        ("file:///etc/passwd", "to what is no web address"),
        ("https://[b.txt", "to what is no web address"),
        ("https://a.test:99999/", "to what is no web address"),
        ("https://127.0.0.1:8600/", "to an address of this machine or of a private network"),
        ("https://2130706433/", "to an address of this machine"),
        ("https://[::ffff:169.254.169.254]/", "to an address of this machine"),
        ("https://10.0.0.1/", "to an address of this machine"),
        ("https://localhost/", "to an address of this machine"),
        ("https://x.localhost/", "to an address of this machine"),
        ("https://router/", "to an address of this machine"),
    ],
)
def test_a_redirect_is_not_followed(location, sentence):
    with pytest.raises(RedirectError, match=sentence):
        next_url(["https://a.test/lists/a.txt"], location)


def test_a_subscription_of_an_inner_server_may_be_redirected_on_it():
    assert next_url(["http://10.0.0.1/a"], "/b") == "http://10.0.0.1/b"


def test_a_chain_of_redirects_ends():
    assert next_url(["https://a.test/"] * MOST, "/b")
    with pytest.raises(RedirectError, match="more than 5 times"):
        next_url(["https://a.test/"] * (MOST + 1), "/b")
