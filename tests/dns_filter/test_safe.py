"""Search engines and video sites answer with their strict form: the rewriting itself, and over real sockets."""

import ipaddress
import time

import pytest
from dnslib import QTYPE, DNSRecord
from msgspec import structs

from blocklists.profile import Youtube
from blocklists.rulebook import Permit
from dns_filter import answer, reply, safe, wire
from dns_filter.answer import Answer
from dns_filter.reply import Body
from tests.dns_filter.conftest import ZONE
from tests.support.dns_client import NOERROR, SERVFAIL, addresses, ask, ask_by_tcp, extended, question, reason
from tests.support.eventually import eventually
from tests.support.nameserver import NameServer
from tests.support.school import profiles, rulebook

STRICT, ENGINE = "forcesafesearch.google.com", "www.google.com"
SAFE, SAFE_V6 = "192.0.2.120", "2001:db8::120"
STAFF = "127.0.0.3"
ENGINES = {
    **ZONE,
    STRICT: [SAFE, SAFE_V6],
    ENGINE: ["198.51.100.1", "2001:db8::1"],
    "strict.bing.com": ["192.0.2.121"],
    "restrict.youtube.com": ["192.0.2.122"],
    "restrictmoderate.youtube.com": ["192.0.2.123"],
    "safe.duckduckgo.com": ["192.168.0.1"],
}


def asked(kind: str) -> tuple[bytes, wire.Question]:
    packet = bytes(question(ENGINE, kind).pack())
    return packet, wire.read(packet)


def found(*texts: str, ttl: int = 300) -> Answer:
    parsed = tuple(map(ipaddress.ip_address, texts))
    return Answer(Body(), ttl, ttls=(ttl,) * len(texts), addresses=parsed)


@pytest.mark.parametrize(("kind", "data"), [("A", SAFE), ("AAAA", SAFE_V6)])
def test_the_engine_is_an_alias_of_its_strict_form(kind, data):
    packet, one = asked(kind)
    rewritten = safe.rewritten(found(SAFE, SAFE_V6), one, STRICT)
    heard = DNSRecord.parse(reply.message(packet, one, rewritten.body, limit=1232))

    assert [(str(rr.rname), rr.rtype, str(rr.rdata)) for rr in heard.rr] == [
        (f"{ENGINE}.", QTYPE.CNAME, f"{STRICT}."),
        (f"{STRICT}.", getattr(QTYPE, kind), data),
    ]


def test_the_ttls_of_the_rewritten_records_stand_where_the_offsets_say():
    _, one = asked("A")
    rewritten = safe.rewritten(found(SAFE, "192.0.2.121", ttl=77), one, STRICT)
    records = rewritten.body.records

    assert [int.from_bytes(records[place : place + 4]) for place in rewritten.offsets] == [77, 77, 77]
    assert rewritten.ttls == (77, 77, 77)


def test_a_strict_form_without_an_address_of_the_family_has_no_data():
    rewritten = safe.rewritten(found(SAFE, ttl=20), asked("AAAA")[1], STRICT)
    assert (rewritten.body, rewritten.life) == (reply.no_data(20), 20)


def test_no_data_ages_from_what_upstream_said_and_not_from_what_a_client_may_be_told():
    rewritten = safe.rewritten(found(SAFE, ttl=300), asked("AAAA")[1], STRICT)
    assert (rewritten.body, rewritten.life, rewritten.ttls) == (reply.no_data(60), 300, (300,))


@pytest.mark.parametrize(("kind", "given"), [("A", [SAFE]), ("AAAA", [])])
def test_the_strict_form_and_what_it_leads_to_are_names_of_the_answer(kind, given):
    came = structs.replace(found(SAFE), names=("edge.test",))
    rewritten = safe.rewritten(came, asked(kind)[1], STRICT)
    assert (rewritten.names, list(map(str, rewritten.addresses))) == ((STRICT, "edge.test"), given)


@pytest.mark.parametrize("code", [reply.SERVFAIL, reply.NXDOMAIN, reply.REFUSED])
def test_a_strict_form_that_cannot_be_had_is_a_failure(code):
    rewritten = safe.rewritten(Answer(Body(code), 300), asked("A")[1], STRICT)
    assert (rewritten.body.code, rewritten.life, rewritten.note.code) == (reply.SERVFAIL, answer.FAILED, 22)


def test_nobody_in_the_school_is_sent_nowhere():
    assert safe.target(None, ENGINE) is None


@pytest.fixture
async def upstream():
    async with NameServer(ENGINES) as server:
        yield server


@pytest.mark.parametrize(("kind", "data"), [("A", SAFE), ("AAAA", SAFE_V6)])
async def test_an_engine_answers_with_the_addresses_of_its_strict_form(running, upstream, kind, data):
    for _ in range(2):
        heard = await ask(running.dns, ENGINE, kind)
        assert (str(heard.rr[0].rdata), addresses(heard)) == (f"{STRICT}.", [data])
    (whole,) = await ask_by_tcp(running.dns, ENGINE)
    assert addresses(whole) == [SAFE]
    assert {name for name, _ in upstream.questions} == {STRICT}


async def test_every_profile_asks_upstream_for_the_strict_form_only_once(running, upstream):
    for source in ("127.0.0.1", STAFF, "127.0.0.4"):
        assert addresses(await ask(running.dns, "google.co.uk", source=source)) == [SAFE]
    assert upstream.questions == [(STRICT, "A")]


@pytest.mark.parametrize("kind", ["HTTPS", "SVCB", "MX", "TXT", "CNAME"])
async def test_no_other_record_of_an_engine_leads_around_it(running, upstream, kind):
    heard = await ask(running.dns, ENGINE, kind)
    assert (heard.header.rcode, heard.rr, heard.auth[0].rtype) == (NOERROR, [], QTYPE.SOA)
    assert upstream.questions == []


async def test_a_strict_form_that_cannot_be_found_is_servfail_and_never_the_engine(school, start):
    # No wildcard: whatever is not named does not exist.
    async with NameServer({ENGINE: ["198.51.100.1"]}) as upstream, start(school, (upstream.port,)) as running:
        heard = await ask(running.dns, ENGINE)
    assert (heard.header.rcode, heard.rr, extended(heard)[0]) == (SERVFAIL, [], 22)


async def test_a_strict_form_in_private_space_is_no_answer(running):
    assert addresses(await ask(running.dns, "duckduckgo.com")) == []


async def test_a_strict_form_that_leads_to_a_closed_name_is_closed(school, start):
    async with (
        NameServer({**ENGINES, STRICT: ["x.casino.test."]}) as upstream,
        start(school, (upstream.port,)) as running,
    ):
        assert reason(await ask(running.dns, ENGINE)) == (15, "blocked: gambling (ks2)")


async def test_an_emergency_block_of_a_strict_form_is_obeyed(school, start, upstream):
    school.write_permits(Permit(1, opens=False, entries=(STRICT,), until=time.time_ns() + 3600 * 10**9))
    async with start(school, (upstream.port,)) as running:
        assert reason(await ask(running.dns, ENGINE)) == (15, "blocked: emergency (ks2)")


async def test_our_own_proxies_get_the_engines_own_addresses(running):
    assert addresses(await ask(running.inner, ENGINE)) == ["198.51.100.1"]


async def test_a_blocked_engine_stays_blocked(running, school):
    school.write_permits(Permit(1, opens=False, entries=("bing.com",), until=time.time_ns() + 3600 * 10**9))

    async def blocked():
        return reason(await ask(running.dns, "www.bing.com")) == (15, "blocked: emergency (ks2)")

    await eventually(blocked)


@pytest.mark.parametrize(
    ("mode", "data"), [("strict", "192.0.2.122"), ("moderate", "192.0.2.123"), ("off", "192.0.2.1")]
)
async def test_youtube_is_as_strict_as_the_profile_says_and_follows_a_new_policy(running, school, mode, data):
    assert addresses(await ask(running.dns, "www.youtube.com", source=STAFF)) == ["192.0.2.122"]
    changed = {"staff": structs.replace(profiles()["staff"], youtube=Youtube(mode))}
    school.write_policy(rulebook(profiles=profiles() | changed))

    async def so():
        return addresses(await ask(running.dns, "www.youtube.com", source=STAFF)) == [data]

    await eventually(so)
    assert addresses(await ask(running.dns, "www.youtube.com")) == ["192.0.2.122"]


async def test_a_rewritten_answer_does_not_outlive_the_pass_that_opened_the_engine(running, school):
    async def closed():
        return [extended(await ask(running.dns, "www.bing.com", kind)) is not None for kind in ("A", "HTTPS")]

    async def shut():
        return all(await closed())

    async def opened():
        return not any(await closed())

    profile = structs.replace(profiles()["ks2"], block=("bing.com",))
    school.write_policy(rulebook(profiles={**profiles(), "ks2": profile}))
    await eventually(shut)
    until = time.time_ns() + 2 * 10**9
    school.write_permits(Permit(1, opens=True, entries=("bing.com",), until=until, profiles=("ks2",)))
    await eventually(opened, 1.9)

    heard = [await ask(running.dns, "www.bing.com", kind) for kind in ("A", "HTTPS")]
    assert max(rr.ttl for answer in heard for rr in answer.rr or answer.auth) <= 2
    await eventually(shut)
    assert time.time_ns() < until + 10**9
