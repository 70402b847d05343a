"""Why a name is closed, in the form that a browser can read: the text of an extended error as JSON.

The form is draft-ietf-dnsop-structured-dns-error's: *c* whom to ask (URIs), *j* why, *s* a code for the sort of why,
*o* who filters, *l* the language. This file does no I/O.

The text goes to every client that speaks EDNS, not only to one that asks for it by the draft's own option: a technician
with dig asks without it, there is nothing in it that only some may know, who does not know the form ignores it, and one
answer for all is one cached answer. Without a contact the draft's clients disregard it; people read it all the same.
"""

import msgspec

MALWARE, NETWORK_POLICY = 1, 5
"""Sub-errors: malicious software; the policy of whoever runs the local network."""
LANGUAGE = "en"
_START = 60
LONGEST = 400
"""Bytes of a text at most; a question, a record and this leave a packet of 1,232 bytes far from full."""


class Text(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields by the draft's names; what is empty is left out."""

    c: tuple[str, ...] = ()
    j: str = ""
    s: int = 0
    o: str = ""
    l: str = ""  # noqa: E741 - the draft's name


_write = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Text).decode


def written(why: str, *, contact: tuple[str, ...] = (), organisation: str = "", sub: int = 0) -> str:
    """The text for *why*; where it would be longer than `LONGEST` bytes it says the start of why and no more."""
    whole = _write(Text(contact, why, sub, organisation, LANGUAGE))
    return (whole if len(whole) <= LONGEST else _write(Text(j=why[:_START]))).decode()


def justification(text: str) -> str:
    """Why, as *text* says it, whether it is in this form or in words."""
    try:
        return _read(text).j
    except msgspec.MsgspecError:
        return text
