"""TLS at the closed address: the name that a client gives is read, and then a certificate for it is had.

A certificate comes from whoever has the school's key (`Leaf`); this process has a key of its own and signs nothing.
"""

import asyncio
import contextlib
import os
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy_addons.target import host_of

type Leaf = Callable[[str, bytes], Awaitable[bytes]]
"""The certificate chain (PEM) for a host and a public key (DER, SubjectPublicKeyInfo); ValueError if there is none."""

_CHUNK = 16_384
_HELD = 256
"""Names whose certificates are remembered (about 30 KB each); a school's popular closed names are fewer."""


class Certificates:
    """A TLS context for each name that is asked for, made once while it is remembered."""

    def __init__(self, leaf: Leaf) -> None:
        """Make this process's own key."""
        self._leaf = leaf
        key = ec.generate_private_key(ec.SECP256R1())
        self._public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._made: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    async def context(self, host: str) -> ssl.SSLContext:
        """The context for *host*; ValueError or OSError if no certificate can be had."""
        if host in self._made:
            self._made.move_to_end(host)
            return self._made[host]
        made = _context(self._private + await self._leaf(host, self._public))
        self._made[host] = made
        if len(self._made) > _HELD:
            self._made.popitem(last=False)
        return made

    def forget(self) -> None:
        """Have every certificate made anew, as they end some day."""
        self._made.clear()


def _context(pem: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.num_tickets = 0
    with os.fdopen(os.memfd_create("leaf"), "wb") as file:  # the library reads certificates from files only
        file.write(pem)
        file.flush()
        made.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return made


class Tls:
    """One client's connection: `name`, then `begin`, then `read` and `write`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nothing is read yet."""
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object: ssl.SSLObject

    async def name(self) -> str | None:
        """The canonical host that the client names in its first message; None if it names none, or it is no TLS."""
        heard: list[str | None] = []
        listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

        def hear(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int:
            heard.append(name)
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        listening.sni_callback = hear
        copy = ssl.MemoryBIO()
        first = listening.wrap_bio(copy, ssl.MemoryBIO(), server_side=True)
        while not heard:
            chunk = await self._received()
            copy.write(chunk)
            self._incoming.write(chunk)
            try:
                first.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:  # it has heard, or it is no TLS
                break
        return host_of(heard[0]) if heard and heard[0] else None

    async def begin(self, context: ssl.SSLContext) -> None:
        """Do the handshake; ssl.SSLError if the client does not take it."""
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        await self._until_done(self._object.do_handshake)

    async def read(self) -> bytes:
        """Some bytes; EOFError if no more come."""
        got = await self._until_done(lambda: self._object.read(_CHUNK))
        if not got:
            raise EOFError
        return got

    async def write(self, content: bytes) -> None:
        """Send *content*, and that it was the last."""
        self._object.write(content)
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        await self._flush()

    async def _until_done[T](self, step: Callable[[], T]) -> T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._received())
            except ssl.SSLError:
                await self._flush()  # the alert that tells the client why
                raise
            else:
                await self._flush()
                return done

    async def _received(self) -> bytes:
        if chunk := await self._reader.read(_CHUNK):
            return chunk
        raise EOFError

    async def _flush(self) -> None:
        if pending := self._outgoing.read():
            self._writer.write(pending)
            await self._writer.drain()
