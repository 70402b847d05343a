"""The signer: what it signs, what it refuses, and what of it is told."""

import asyncio
import logging
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy_addons import signer, signing
from proxy_addons.signer import Allowance
from proxy_addons.signing import Answer, Ask
from tests.support.commands import until
from tests.support.proxy_school import School
from tests.support.signing_school import asked, signing_for

KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)


async def test_a_host_gets_a_leaf_for_the_askers_key_and_is_in_the_log(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "schoolgate.signer")
    async with signing_for(school) as path:
        answer = await asked(path, Ask("games.test", KEY))
    made = x509.load_der_x509_certificate(answer.certificate)
    authority = x509.load_pem_x509_certificate(school.ca.read_bytes())
    made.verify_directly_issued_by(authority)
    assert caplog.messages == ["Signed games.test."]


async def test_a_name_that_may_not_be_told_is_a_hash_that_stays_the_same(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "schoolgate.signer")
    async with signing_for(school) as path:
        for _ in range(2):
            assert (await asked(path, Ask("sealed.test", KEY, unnamed=True))).certificate
    assert "sealed.test" not in caplog.text
    assert caplog.messages[0] == caplog.messages[1]
    assert "a name that is not told (keyed hash " in caplog.messages[0]


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (Ask("help.test", KEY), "never opened"),
        (Ask("www.help.test", KEY), "never opened"),
        (Ask("Games.test", KEY), "no host"),
        (Ask("*.games.test", KEY), "no host"),
        (Ask("games.test\nSigned other.test", KEY), "no host"),
        (Ask("", KEY), "no host"),
        (Ask("games.test", b"no key"), "no key"),
    ],
    ids=["listed", "under-a-listed", "capitals", "wildcard", "line", "empty", "key"],
)
async def test_what_may_not_be_signed_is_refused(school: School, ask: Ask, why: str) -> None:
    async with signing_for(school) as path:
        assert await asked(path, ask) == Answer(refused=why)


async def test_nothing_is_signed_for_what_the_certificate_excludes_whatever_the_lists_say(tmp_path: Path) -> None:
    from deploy.certificates import Authority as Made
    from proxy_addons import leaf

    Made.new("Oak Lane School", ["bank.test"]).write(tmp_path / "ca.crt", tmp_path / "ca.key")
    held = leaf.read_authority(tmp_path / "ca.crt", tmp_path / "ca.key")
    asking = signer.Signer(held, lambda _: False)
    assert (await asking.answer(Ask("www.bank.test", KEY))).refused == "never opened"
    assert (await asking.answer(Ask("games.test", KEY))).certificate


@pytest.mark.parametrize(
    "sent", [b"\xff\xff", b"\x00\x03abc", b"\x00", b"\x00\x01\xc0"], ids=["long", "junk", "cut", "null"]
)
async def test_what_is_no_question_ends_its_connection_and_no_other(school: School, sent: bytes) -> None:
    async with signing_for(school) as path:
        reader, writer = await signing.connected(path)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert (await asked(path, Ask("games.test", KEY))).certificate


async def test_more_leaves_than_may_be_made_are_refused(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "BURST", 3)
    async with signing_for(school, rate=0.1) as path:
        answers = [await asked(path, Ask("games.test", KEY)) for _ in range(4)]
    assert [a.refused for a in answers] == ["", "", "", signing.TOO_MANY]


def test_turns_come_at_the_rate_once_the_burst_is_used() -> None:
    allowance = Allowance(10, 5)
    assert [allowance.turn(100.0) for _ in range(5)] == pytest.approx([0] * 5)
    waits = []
    while (wait := allowance.turn(100.0)) is not None:
        waits.append(wait)
    assert waits == pytest.approx([n / 10 for n in range(1, 31)])
    assert allowance.turn(200.0) == 0


def test_the_socket_is_its_owners_and_its_groups(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30) / "signer.sock"
    for _ in range(2):
        with signing.listening(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert not path.exists()


async def test_a_socket_that_a_killed_signer_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signer.sock"
    leaving = signing.listening(path)
    leaving.__enter__()
    with signing.listening(path) as made:
        made.listen()
        _, writer = await signing.connected(path)
        writer.close()
    leaving.__exit__(None, None, None)


@pytest.mark.parametrize("missing", ["ca.key", "other"])
async def test_without_its_authority_it_does_not_start(school: School, missing: str) -> None:
    key = school.folder / "keys" / "ca.key"
    if missing == "ca.key":
        key.unlink()
    else:
        key.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    with pytest.raises((OSError, ValueError)):
        async with signing_for(school):
            pass


async def test_it_is_not_ready_and_signs_nothing_without_a_policy(school: School) -> None:
    hidden = school.files.policy.rename(school.files.policy.with_name("hidden"))
    path, school_signs = school.folder / "signer.sock", signing_for(school)
    starting = asyncio.create_task(school_signs.__aenter__())
    await asyncio.to_thread(until, lambda: asyncio.run(is_answered(path)))
    assert await asked(path, Ask("games.test", KEY)) == Answer(refused="never opened")
    assert not starting.done()
    hidden.rename(school.files.policy)
    assert await starting == path
    assert (await asked(path, Ask("games.test", KEY))).certificate
    await school_signs.__aexit__(None, None, None)


async def is_answered(path: Path) -> bool:
    try:
        await asked(path, Ask("", KEY))
    except OSError:
        return False
    return True
