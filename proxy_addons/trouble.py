"""What a person reads when a page is not closed but cannot be had: the server is away, or cannot be trusted.

There is no way past such a page. It names no address and no program, and says what went wrong in words that help.
"""

import enum
from functools import lru_cache

import msgspec

from blocklists.profile import Pages
from proxy_addons import block_page
from proxy_addons.form import PIXEL, Form
from proxy_addons.words import Words


class Trouble(enum.Enum):
    """What is wrong: the status to answer with, and the key of what is said (`words`, table "trouble")."""

    UNTRUSTED = (502, "untrusted")
    EXPIRED = (502, "expired")
    NOT_YET = (502, "not_yet")
    ANOTHER_NAME = (502, "another_name")
    OWN_WORD = (502, "own_word")
    WEAK = (502, "weak")
    NO_TLS = (502, "no_tls")
    UNREACHABLE = (502, "unreachable")
    NO_SUCH_NAME = (502, "no_such_name")
    NO_DNS = (503, "no_dns")
    UPSTREAM = (502, "upstream")
    PRIVATE = (403, "private")
    PORT = (403, "port")
    MISDIRECTED = (421, "misdirected")
    MALFORMED = (400, "malformed")
    FAILURE = (503, "failure")
    OPEN_BY_NOW = (503, "open_by_now")
    OUR_OWN = (404, "our_own")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def key(self) -> str:
        """Where its title and its words are."""
        return f"trouble.{self.value[1]}"


_NOBODYS_FAULT = frozenset({Trouble.OPEN_BY_NOW, Trouble.OUR_OWN})
"""Pages that nobody could take for a fault of theirs."""


class Told(msgspec.Struct, frozen=True):
    """What the page says. *waiting*: a little later it is well; *comforting*: it is said that nobody did wrong."""

    pages: Pages
    key: str
    waiting: bool = False
    comforting: bool = True


@lru_cache(maxsize=256)
def body(trouble: Trouble, pages: Pages, form: Form, language: Words) -> bytes:
    """The answer's body in *form*."""
    if form is Form.PAGE:
        told = Told(pages, trouble.key, trouble is Trouble.OPEN_BY_NOW, trouble not in _NOBODYS_FAULT)
        return block_page.render("trouble.html", told, language)
    if form is Form.JSON:
        message = f"{language.plain(f'{trouble.key}.title')}. {language.plain(f'{trouble.key}.words')}"
        return msgspec.json.encode({"closed": True, "reason": trouble.value[1], "message": message})
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
