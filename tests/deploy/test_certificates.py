import asyncio
import ssl
import stat

import pytest

from deploy.certificates import Authority


async def handshake(authority, tmp_path, host):
    """Serve *host* with a leaf of *authority* and connect as a device that trusts it."""
    chain, trusted = tmp_path / "leaf.pem", tmp_path / "ca.crt"
    chain.write_bytes(authority.leaf([host]))
    authority.write(trusted, tmp_path / "ca.key")
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(chain)

    async def answer(reader, writer):
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    async with server:
        address = server.sockets[0].getsockname()[:2]
        trust = ssl.create_default_context(cafile=str(trusted))
        _, writer = await asyncio.open_connection(*address, ssl=trust, server_hostname=host)
        writer.close()
        await writer.wait_closed()


async def test_a_device_that_trusts_the_authority_accepts_its_leaf(tmp_path):
    await handshake(Authority.new("School"), tmp_path, "games.test")


async def test_the_authority_cannot_stand_in_for_what_is_never_opened(tmp_path):
    authority = Authority.new("School", never=["bank.test"])
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(excluded|permitted) subtree"):
        await handshake(authority, tmp_path, "www.bank.test")


def test_the_key_is_its_owners_and_nothing_is_overwritten(tmp_path):
    authority = Authority.new("School")
    authority.write(tmp_path / "ca.crt", tmp_path / "ca.key")
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        authority.write(tmp_path / "ca.crt", tmp_path / "ca.key")
    read = Authority.read(tmp_path / "ca.crt", tmp_path / "ca.key")
    assert read.fingerprint() == authority.fingerprint()
    assert len(authority.fingerprint().split(":")) == 32
