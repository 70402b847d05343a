"""What a person reads when a page is not closed but cannot be had: the server is away, or cannot be trusted.

There is no way past such a page. It names no address and no program, and says what went wrong in words that help.
"""

import enum

import msgspec

from blocklists.profile import Pages
from proxy_addons import block_page
from proxy_addons.answer import PIXEL, Form


class Trouble(enum.Enum):
    """What is wrong: the status to answer with, a title, and a sentence or two."""

    UNTRUSTED = (
        502,
        "This site could not prove who it is",
        "Somebody might be pretending to be this site, so to keep you safe we did not open it.",
    )
    EXPIRED = (
        502,
        "This site's proof of who it is has run out",
        "Its owner has to renew it, so to keep you safe we did not open it. Try again tomorrow.",
    )
    NOT_YET = (
        502,
        "This site's proof of who it is does not hold yet",
        "Either the site has made a mistake, or a clock is wrong, so to keep you safe we did not open it.",
    )
    ANOTHER_NAME = (
        502,
        "This site proved that it is somebody else",
        "Look at the address again: is every letter right? To keep you safe we did not open it.",
    )
    OWN_WORD = (
        502,
        "Nobody but this site itself says who it is",
        "Somebody might be pretending to be this site, so to keep you safe we did not open it.",
    )
    WEAK = (
        502,
        "This site is not safe enough",
        "What you send to it could be read on the way, as it protects pages in an old way. So we did not open it.",
    )
    NO_TLS = (
        502,
        "This site did not answer in a safe way",
        "It was asked for a protected page and sent something else. Look at the address again.",
    )
    UNREACHABLE = (
        502,
        "This site is not answering",
        "It may be switched off for a moment. Try again in a few minutes.",
    )
    NO_SUCH_NAME = (
        502,
        "We could not find this site",
        "Look at the address again: is every letter right?",
    )
    NO_DNS = (
        503,
        "We could not look this site up",
        "The school's own address book is not answering. Try again in a minute.",
    )
    UPSTREAM = (
        502,
        "The filter behind ours did not let this through",
        "Our internet provider may have closed this site, or it may be busy. Try again in a few minutes.",
    )
    PRIVATE = (
        403,
        "This address is inside a private network",
        "It cannot be opened from here.",
    )
    PORT = (
        403,
        "This is not a web page",
        "Only ordinary web pages can be opened from here.",
    )
    MISDIRECTED = (
        421,
        "This request named two different sites",
        "That can happen when a page or an app is built in an unusual way. Try opening the site again from the start.",
    )
    MALFORMED = (
        400,
        "We could not understand this request",
        "Look at the address again, or try another page.",
    )
    FAILURE = (
        503,
        "We could not check this page",
        "So that everybody stays safe, it stays closed for now. Try again in a minute.",
    )

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]


class Told(msgspec.Struct, frozen=True):
    """What the page says."""

    pages: Pages
    title: str
    words: str


def body(trouble: Trouble, pages: Pages, form: Form) -> bytes:
    """The answer's body in *form*."""
    _, title, words = trouble.value
    if form is Form.PAGE:
        return block_page.render("trouble.html", Told(pages, title, words))
    if form is Form.JSON:
        return msgspec.json.encode({"closed": True, "reason": trouble.name.lower(), "message": f"{title}. {words}"})
    return PIXEL if form is Form.IMAGE else b""


def of_message(message: str) -> Trouble:
    """The trouble behind an error's text, as the resolver and the TLS library word it."""
    for part, trouble in _BY_MESSAGE:
        if part in message:
            return trouble
    return Trouble.UNREACHABLE


_BY_MESSAGE = (
    ("refused HTTP CONNECT", Trouble.UPSTREAM),
    ("certificate has expired", Trouble.EXPIRED),
    ("certificate is not yet valid", Trouble.NOT_YET),
    ("hostname mismatch", Trouble.ANOTHER_NAME),
    ("IP address mismatch", Trouble.ANOTHER_NAME),
    ("self-signed certificate in certificate chain", Trouble.UNTRUSTED),
    ("self-signed certificate", Trouble.OWN_WORD),
    ("too weak", Trouble.WEAK),
    ("cannot agree on a TLS version", Trouble.WEAK),
    ("unsupported protocol", Trouble.WEAK),
    ("handshake failure", Trouble.WEAK),
    ("dh key too small", Trouble.WEAK),
    ("legacy renegotiation", Trouble.WEAK),
    ("does not speak TLS", Trouble.NO_TLS),
    ("Certificate verify failed", Trouble.UNTRUSTED),
    ("an address that may not be reached", Trouble.PRIVATE),
    ("no such name", Trouble.NO_SUCH_NAME),
    ("the DNS service", Trouble.NO_DNS),
)
"""The first part that is in an error's text decides. The texts are OpenSSL's, mitmproxy's and those of `resolve`."""
