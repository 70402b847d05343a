"""What a client reads of services, strangers' records, aliases and signatures, from a nameserver over real sockets."""

import pytest
from dnslib import CNAME, QTYPE, RD, RR, A, DNSHeader, DNSRecord

from tests.support.dns_client import NOERROR, SERVFAIL, addresses, ask, exchange, extended, question, reason
from tests.support.nameserver import NameServer

HTTPS, RRSIG = 65, 46
TAMED = b"\0\1\0" + b"\0\1\0\3\2h2"
WILD = b"\0\1\0" + b"\0\0\0\2\0\5" + b"\0\1\0\6\2h3\2h2" + b"\0\4\0\4\xc0\0\2\1" + b"\0\5\0\3key"


def alias(owner: str, target: str) -> RR:
    return RR(owner, QTYPE.CNAME, ttl=300, rdata=CNAME(target))


def service(owner: str, data: bytes) -> RR:
    return RR(owner, HTTPS, ttl=300, rdata=RD(data))


def signature(owner: str, kind: int) -> RR:
    return RR(owner, RRSIG, ttl=300, rdata=RD(kind.to_bytes(2) + bytes(16) + b"\0signature"))


RECORDS = {
    "service.test": [service("service.test", WILD), signature("service.test", HTTPS)],
    "tame.test": [service("tame.test", TAMED), signature("tame.test", HTTPS)],
    "lead.test": [service("lead.test", b"\0\1\6server\4harm\4test\0")],
    "inward.test": [service("inward.test", b"\0\1\0" + b"\0\6\0\x10" + bytes(10) + b"\xff\xff\x0a\0\0\1")],
    "odds.test": [service("odds.test", TAMED + b"\0\4\0\4\xcb\0\x71\x42")],
    "poisoned.test": [
        RR("bank.test", QTYPE.A, ttl=300, rdata=A("192.0.2.66")),
        RR("poisoned.test", QTYPE.A, ttl=300, rdata=A("192.0.2.5")),
    ],
    "circle.test": [alias("circle.test", "turn.test"), alias("turn.test", "circle.test")],
    "long.test": [alias(f"{'x' * n}long.test", f"{'x' * (n + 1)}long.test") for n in range(17)],
    "a.renamed.test": [
        RR("renamed.test", 39, ttl=300, rdata=RD(b"\4harm\4test\0")),
        alias("a.renamed.test", "a.harm.test"),
        RR("a.harm.test", QTYPE.A, ttl=300, rdata=A("192.0.2.5")),
    ],
}


class Validating(NameServer):
    """Answers with the records above, and says that it has validated them."""

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        query = DNSRecord.parse(packet)
        name = str(query.q.qname).rstrip(".").lower()
        if name not in RECORDS:
            return super().reply(packet, tcp=tcp)
        self.questions.append((name, QTYPE.get(query.q.qtype)))
        answer = DNSRecord(DNSHeader(id=query.header.id, qr=1, ra=1, rd=1, ad=1), q=query.q)
        for record in RECORDS[name]:
            answer.add_answer(record)
        return bytes(answer.pack())


@pytest.fixture
async def upstream():
    async with Validating({"*": ["192.0.2.1"]}) as server:
        yield server


async def signed(server: tuple[str, int], name: str, kind: str = "HTTPS") -> tuple[bytes, DNSRecord]:
    """The answer, as bytes and read, to a client that sets DO."""
    packet = bytearray(question(name, kind).pack())
    packet[-4] |= 0x80
    raw = await exchange(server, bytes(packet))
    return raw, DNSRecord.parse(raw)


async def test_ech_and_http3_go_and_with_them_the_signature_and_ad(running):
    for _ in range(2):
        raw, answer = await signed(running.dns, "service.test")
        assert ([rr.rtype for rr in answer.rr], answer.header.ad) == ([HTTPS], 0)
        assert TAMED in raw
        assert b"h3" not in raw


async def test_a_service_that_needs_no_change_keeps_its_signature_and_ad(running):
    raw, answer = await signed(running.dns, "tame.test")
    assert ([rr.rtype for rr in answer.rr], answer.header.ad) == ([HTTPS, RRSIG], 1)
    assert TAMED in raw


async def test_ad_is_passed_on_to_who_asks_for_it_alone(running):
    assert (await ask(running.dns, "tame.test", "HTTPS")).header.ad == 0
    packet = bytearray(question("tame.test", "HTTPS").pack())
    packet[3] |= 0x20
    assert DNSRecord.parse(await exchange(running.dns, bytes(packet))).header.ad == 1


async def test_a_closed_name_is_never_authentic(running):
    _, answer = await signed(running.dns, "harm.test", "A")
    assert answer.header.ad == 0


@pytest.mark.parametrize(("name", "kind"), [("lead.test", "HTTPS"), ("a.renamed.test", "A")])
async def test_who_leads_to_a_closed_server_is_closed_by_its_rule(running, name, kind):
    assert reason(await ask(running.dns, name, kind)) == (15, "blocked: self harm (ks2)")


@pytest.mark.parametrize(("name", "left"), [("inward.test", b"\0\1\0"), ("odds.test", TAMED)])
async def test_no_hint_of_an_address_goes_out(running, name, left):
    raw, answer = await signed(running.dns, name)
    assert ([rr.rtype for rr in answer.rr], raw.count(left + b"\0\0\x29")) == ([HTTPS], 1)


async def test_a_strangers_record_is_neither_passed_on_nor_kept(running):
    answer = await ask(running.dns, "poisoned.test")
    assert addresses(answer) in (["192.0.2.5"], [])
    assert addresses(await ask(running.dns, "bank.test")) == ["192.0.2.1"]


@pytest.mark.parametrize("name", ["circle.test", "long.test"])
async def test_aliases_without_an_end_are_servfail(running, name):
    answer = await ask(running.dns, name)
    assert (answer.header.rcode, answer.rr, extended(answer)[0]) == (SERVFAIL, [], 23)


async def test_other_records_of_an_open_name_are_as_they_came(running):
    answer = await ask(running.dns, "open.test")
    assert (answer.header.rcode, addresses(answer)) == (NOERROR, ["192.0.2.1"])
