"""What a server on loopback shows of itself over TLS."""

import ssl

import trustme


def certificate(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of *authority* for *names*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context
