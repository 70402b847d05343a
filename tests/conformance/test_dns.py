"""DNS as its documents say, asked of a running worker and judged by dnspython; each case names its document."""

import asyncio
import socket

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from tests.dns_filter.conftest import worker
from tests.support.school import make_school
from tests.support.zone import LONG, Zone, rrset

RECORDS = (
    "learning.test. 300 IN A 192.0.2.8",
    "learning.test. 300 IN MX 10 mail.learning.test.",
    'learning.test. 300 IN TXT "text" "of two"',
    'learning.test. 300 IN CAA 0 issue "ca.test"',
    "learning.test. 300 IN SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789",
    "learning.test. 300 IN TLSA 3 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c",
    'learning.test. 300 IN NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:a@learning.test!" .',
    "learning.test. 300 IN LOC 51 30 12.748 N 0 7 39.611 W 0.00m 0.00m 0.00m 0.00m",
    "learning.test. 300 IN DNSKEY 257 3 13 bm90IGEga2V5LCBidXQgYXMgbG9uZyBhcyBvbmUgb2YgdGhhdCBhbGdvcml0aG0gaXM=",
    'learning.test. 300 IN SVCB 1 svc.learning.test. alpn="h2" port=8443',
    "learning.test. 300 IN TYPE65280 \\# 4 0a000001",
    "learning.test. 300 IN TYPE731 \\# 6 abcdef012345",
    "learning.test. 300 IN TYPE65534 \\# 0",
    "_sip._tcp.learning.test. 300 IN SRV 0 5 5060 sip.learning.test.",
    "other.learning.test. 300 IN CNAME learning.test.",
    "8.2.0.193.in-addr.arpa. 300 IN PTR learning.test.",
)
MOST = {0: 512, 511: 512, 512: 512, 1231: 1231, 1232: 1232, 4096: 1232, 65535: 1232}
"""By the size that a client announces: the longest answer over UDP (RFC 6891, 6.2.3; RFC 9715)."""


@pytest.fixture
async def zone():
    async with Zone(RECORDS) as running:
        yield running


@pytest.fixture
async def server(tmp_path, zone):
    async with worker(make_school(tmp_path), (zone.port,)) as started:
        yield started.dns


async def exchange(server, packet: bytes, *, seconds: float = 5) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.connect(server)
        async with asyncio.timeout(seconds):
            await loop.sock_sendall(peer, packet)
            return await loop.sock_recv(peer, 65535)


async def ask(server, query: dns.message.Message) -> dns.message.Message:
    """The answer over UDP, which must answer *query*."""
    answer = dns.message.from_wire(await exchange(server, query.to_wire()))
    assert query.is_response(answer)
    return answer


def made(name="learning.test.", kind="A", klass="IN", **more) -> dns.message.Message:
    return dns.message.make_query(name, kind, klass, **more)


def with_options(*options: dns.edns.Option, **more) -> dns.message.Message:
    return made(use_edns=0, options=list(options), **more)


async def by_tcp(server, *packets: bytes, half_close: bool = False) -> list[dns.message.Message]:
    """The answers to *packets* asked on one connection at once, in the order in which they came."""
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(b"".join(len(packet).to_bytes(2) + packet for packet in packets))
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(60):
            return [
                dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
                for _ in packets
            ]
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("line", RECORDS, ids=lambda line: " ".join(line.split()[0:4:3]))
async def test_records_of_every_type_come_through_untouched(server, line):
    """RFC 3597, 3 and 4."""
    wanted = rrset(line)
    answer = await ask(server, made(wanted.name, wanted.rdtype))

    assert answer.answer == [wanted]
    assert 0 < answer.answer[0].ttl <= 60


@pytest.mark.parametrize("name", ["learning.test.", "LEARNING.TEST.", "lEaRnInG.tEsT.", "gAmBlInG.test."])
async def test_the_question_comes_back_in_its_own_letters(server, name):
    """RFC 4343, and the habit called 0x20."""
    answer = await ask(server, made(name))
    assert answer.question[0].name.labels == dns.name.from_text(name).labels


@pytest.mark.parametrize("size", MOST)
@pytest.mark.parametrize("name", [LONG, "learning.test.", "gambling.test."])
async def test_an_answer_fits_the_buffer_that_the_client_announces(server, size, name):
    """RFC 6891, 6.2.3 to 6.2.5: less than 512 counts as 512; more than we send is our own limit."""
    query = made(name, "TXT" if name == LONG else "A", use_edns=0, payload=size)
    raw = await exchange(server, query.to_wire())
    answer = dns.message.from_wire(raw)

    assert len(raw) <= MOST[size]
    assert bool(answer.flags & dns.flags.TC) is (name == LONG)
    assert answer.payload == 1232


async def test_without_edns_an_answer_has_at_most_512_bytes_and_no_opt_record(server):
    """RFC 1035, 4.2.1; RFC 6891, 7: no OPT record for who sent none."""
    raw = await exchange(server, made(LONG, "TXT").to_wire())
    answer = dns.message.from_wire(raw)

    assert len(raw) <= 512
    assert answer.flags & dns.flags.TC
    assert answer.edns == -1


async def test_what_was_cut_is_whole_over_tcp(server):
    """RFC 7766, 5."""
    (answer,) = await by_tcp(server, made(LONG, "TXT", use_edns=0).to_wire())

    assert not answer.flags & dns.flags.TC
    assert sum(len(found) for found in answer.answer) == 40


@pytest.mark.parametrize("version", [1, 42, 255])
async def test_another_version_of_edns_is_refused_by_its_own_code(server, version):
    """RFC 6891, 6.1.3: BADVERS, and the version that we know."""
    query = made(use_edns=version)
    answer = dns.message.from_wire(await exchange(server, query.to_wire()))

    assert (answer.id, answer.rcode(), answer.edns, answer.answer) == (query.id, dns.rcode.BADVERS, 0, [])


@pytest.mark.parametrize(
    "option",
    [
        pytest.param(dns.edns.GenericOption(10, b"cookie12"), id="a client's cookie, RFC 7873"),
        pytest.param(dns.edns.GenericOption(10, b"cookie12" + bytes(16)), id="a cookie of another server"),
        pytest.param(dns.edns.GenericOption(8, b"\0\1\x18\0\xc0\0\2"), id="a client's subnet, RFC 7871"),
        pytest.param(dns.edns.GenericOption(11, b""), id="keepalive over UDP, RFC 7828"),
        pytest.param(dns.edns.GenericOption(12, bytes(64)), id="padding, RFC 7830"),
        pytest.param(dns.edns.GenericOption(3, b""), id="the server's name, RFC 5001"),
        pytest.param(dns.edns.GenericOption(65001, b"x"), id="one that nobody knows, RFC 6891"),
    ],
)
async def test_an_option_that_we_do_not_know_is_left_alone(server, option):
    """RFC 6891, 6.1.2."""
    answer = await ask(server, with_options(option))

    assert (answer.rcode(), len(answer.answer)) == (dns.rcode.NOERROR, 1)
    assert answer.options == ()


async def test_flags_of_edns_that_nobody_knows_are_cleared(server):
    """RFC 6891, 6.1.4: Z is zero in our answer; DO comes back (RFC 3225, 3)."""
    answer = await ask(server, made(use_edns=0, ednsflags=0xFFFF))
    assert answer.ednsflags & 0xFFFF == dns.flags.DO


@pytest.mark.parametrize("count", [0, 2])
async def test_a_message_without_a_single_question_is_a_format_error(server, count):
    """RFC 9619, 4."""
    query = made()
    query.question *= count
    answer = dns.message.from_wire(await exchange(server, query.to_wire()))

    assert (answer.id, answer.rcode()) == (query.id, dns.rcode.FORMERR)


def opt(size=1232, data=b"") -> bytes:
    return b"\0" + bytes((0, 41)) + size.to_bytes(2) + bytes(4) + len(data).to_bytes(2) + data


@pytest.mark.parametrize(
    ("tail", "additionals"),
    [
        pytest.param(opt() * 2, 2, id="two OPT records"),
        pytest.param(b"\1a" + opt(), 1, id="an OPT record with a name"),
        pytest.param(opt(data=b"\0\x0a\0\x08cook"), 1, id="an option that is not whole"),
        pytest.param(opt() + b"\0", 1, id="a byte behind it"),
        pytest.param(b"", 1, id="an OPT record that is not there"),
    ],
)
async def test_a_broken_opt_record_is_a_format_error(server, tail, additionals):
    """RFC 6891, 6.1.1 and 7."""
    packet = made().to_wire()
    packet = packet[:10] + additionals.to_bytes(2) + packet[12:] + tail
    answer = dns.message.from_wire(await exchange(server, packet))

    assert (answer.id.to_bytes(2), answer.rcode()) == (packet[:2], dns.rcode.FORMERR)


@pytest.mark.parametrize("opcode", [dns.opcode.IQUERY, dns.opcode.STATUS, dns.opcode.NOTIFY, dns.opcode.UPDATE, 15])
async def test_other_operations_are_not_implemented(server, opcode):
    """RFC 1035, 4.1.1; RFC 1996; RFC 2136: NOTIMP, with the operation in it."""
    query = made()
    query.flags |= opcode << 11
    answer = await exchange(server, query.to_wire())

    assert (answer[2] >> 3 & 15, answer[3] & 15) == (opcode, dns.rcode.NOTIMP)


@pytest.mark.parametrize("klass", ["CH", "HS", "NONE", "ANY", "CLASS65280"])
@pytest.mark.parametrize("name", ["version.bind.", "learning.test."])
async def test_other_classes_are_refused(server, klass, name):
    """RFC 1035, 3.2.4; what we run on is nobody's business."""
    answer = await ask(server, made(name, "TXT", klass, use_edns=0))
    assert (answer.rcode(), answer.answer) == (dns.rcode.REFUSED, [])


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
async def test_zone_transfers_are_refused(server, kind):
    """RFC 5936, 2.2.1."""
    packet = made("test.", 252 if kind == "AXFR" else 251).to_wire()
    (answer,) = await by_tcp(server, packet)
    assert answer.rcode() == dns.rcode.REFUSED


async def test_a_question_for_any_type_has_a_small_answer(server, zone):
    """RFC 8482, 4.2; upstream is not asked."""
    answer = await ask(server, made(kind="ANY"))

    assert [(found.rdtype, len(found)) for found in answer.answer] == [(dns.rdatatype.HINFO, 1)]
    assert zone.asked == []


@pytest.mark.parametrize("packet", [b"\0\1\x81\0\0\1\0\0\0\0\0\0\0\0\1\0\1", b"", bytes(11)])
async def test_what_is_no_question_meets_silence(server, packet):
    """An answer to an answer could go on for ever."""
    with pytest.raises(TimeoutError):
        await exchange(server, packet, seconds=0.2)


@pytest.mark.parametrize("flags", [0, dns.flags.RD, dns.flags.RD | dns.flags.CD])
async def test_rd_and_cd_come_back_and_ra_is_said(server, flags):
    """RFC 1035, 4.1.1; RFC 4035, 3.2.2."""
    query = made()
    query.flags = flags
    answer = await ask(server, query)

    assert answer.flags & (dns.flags.RD | dns.flags.CD) == flags
    assert answer.flags & dns.flags.RA
    assert not answer.flags & dns.flags.AA


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({}, False, id="not asked for"),
        pytest.param({"flags": dns.flags.RD | dns.flags.AD}, True, id="by AD, RFC 6840 5.7"),
        pytest.param({"use_edns": 0, "want_dnssec": True}, True, id="by DO, RFC 6840 5.8"),
    ],
)
async def test_ad_is_passed_on_to_who_asks_for_it(server, more, said):
    answer = await ask(server, made(**more))
    assert bool(answer.flags & dns.flags.AD) is said


async def test_a_blocked_answer_is_never_authentic(server):
    answer = await ask(server, made("gambling.test.", use_edns=0, want_dnssec=True))

    assert not answer.flags & dns.flags.AD
    assert answer.answer[0][0].address == "192.0.2.99"


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        pytest.param({"use_edns": 0, "want_dnssec": True}, (dns.flags.DO, 0), id="DO"),
        pytest.param({"flags": dns.flags.RD | dns.flags.CD}, (0, dns.flags.CD), id="CD"),
        pytest.param({}, (0, 0), id="neither"),
    ],
)
async def test_upstream_hears_do_and_cd_as_the_client_said_them(server, zone, more, seen):
    """RFC 4035, 3.2.1 and 3.2.2."""
    await ask(server, made(**more))
    (asked,) = zone.asked
    assert (asked.ednsflags & dns.flags.DO, asked.flags & dns.flags.CD) == seen


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        pytest.param("missing.learning.test.", "A", dns.rcode.NXDOMAIN, id="no such name"),
        pytest.param("learning.test.", "AAAA", dns.rcode.NOERROR, id="no such type"),
        pytest.param("gambling.test.", "TXT", dns.rcode.NOERROR, id="a blocked name's other types"),
        pytest.param("use-application-dns.net.", "A", dns.rcode.NXDOMAIN, id="a canary"),
    ],
)
async def test_what_is_missing_has_an_soa_record_that_says_for_how_long(server, name, kind, code):
    """RFC 2308, 3; RFC 8020."""
    answer = await ask(server, made(name, kind))

    assert (answer.rcode(), answer.answer) == (code, [])
    (soa,) = answer.authority
    assert soa.rdtype == dns.rdatatype.SOA
    assert dns.name.from_text(name).is_subdomain(soa.name)
    assert soa.ttl <= 60


B63 = b"b" * 63
NAMES = {
    "the root": (b"",),
    "a label of 63 bytes": (B63, b"learning", b"test", b""),
    "255 bytes": (B63, B63, B63, b"b" * 61, b""),
    "127 labels": (b"a",) * 126 + (b"",),
    "a dot inside": (b"www.learning", b"test", b""),
    "a blank inside": (b"a printer", b"local", b""),
    "a zero byte inside": (b"\0", b"learning", b"test", b""),
    "bytes above 127": (b"\xc3\xbc\xff", b"learning", b"test", b""),
    "a slash inside": (b"0/25", b"2", b"0", b"192", b"in-addr", b"arpa", b""),
}


@pytest.mark.parametrize("labels", NAMES.values(), ids=NAMES)
async def test_any_name_has_an_answer_with_its_own_question(server, labels):
    """RFC 2181, 11: any bytes can be a label."""
    answer = await ask(server, made(dns.name.Name(labels)))
    assert answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


async def test_several_questions_on_one_connection_are_all_answered_even_after_a_half_close(server):
    """RFC 7766, 6.2.1 and 7."""
    queries = [made(name, id=place) for place, name in enumerate(("learning.test.", "gambling.test.", "a.test."), 1)]
    answers = await by_tcp(server, *(query.to_wire() for query in queries), half_close=True)

    assert sorted(answer.id for answer in answers) == [1, 2, 3]
    assert all(queries[answer.id - 1].is_response(answer) for answer in answers)


async def test_a_client_that_asks_is_told_how_long_its_connection_is_kept(server):
    """RFC 7828, 3.3.2."""
    query = with_options(dns.edns.GenericOption(11, b""))
    for answer in await by_tcp(server, *[query.to_wire()] * 2):
        assert answer.options == (dns.edns.GenericOption(11, (100).to_bytes(2)),)
