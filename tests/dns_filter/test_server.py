import asyncio
import json
import random
import socket
import subprocess
import sys
import time

import httpx
import pytest
from dnslib import QTYPE, DNSRecord, EDNSOption
from msgspec import structs

from blocklists.profile import Blocked
from blocklists.rulebook import Permit
from dns_filter import batch, resolver
from tests.dns_filter.conftest import HOUR
from tests.support.dns_client import (
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    addresses,
    ask,
    ask_by_tcp,
    exchange,
    extended,
    question,
    reason,
)
from tests.support.eventually import eventually
from tests.support.nameserver import NameServer
from tests.support.school import make_school, profiles, rulebook

KS1, STAFF, VISITOR, STRANGER, KS2 = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.9.9.9", "127.0.0.1"


async def test_an_open_name_is_answered_with_its_own_address(running):
    answer = await ask(running.dns, "www.learning.test")

    assert (answer.header.rcode, addresses(answer)) == (NOERROR, ["192.0.2.8"])
    assert extended(answer) is None


async def test_a_blocked_name_has_the_closed_address_and_says_why(running):
    answer = await ask(running.dns, "www.gambling.test")

    assert addresses(answer) == ["192.0.2.99"]
    assert reason(answer) == (15, "blocked: gambling (ks2)")
    assert answer.rr[0].ttl == 10


@pytest.mark.parametrize("kind", ["AAAA", "MX", "HTTPS", "TXT", "ANY"])
async def test_the_verdict_counts_for_every_type(running, upstream, kind):
    answer = await ask(running.dns, "gambling.test", kind)

    assert (answer.header.rcode, answer.rr, upstream.questions) == (NOERROR, [], [])


@pytest.mark.parametrize("name", ["mask.icloud.com", "use-application-dns.net"])
@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS"])
async def test_a_canary_does_not_exist_for_anybody_and_is_no_breach(running, upstream, name, kind):
    for source in (KS1, STAFF, VISITOR):
        answer = await ask(running.dns, name, kind, source=source)
        assert (answer.header.rcode, answer.rr) == (NXDOMAIN, [])
    assert upstream.questions == []


@pytest.mark.parametrize("kind", ["A", "SVCB", "HTTPS", "TXT"])
@pytest.mark.parametrize("name", ["_dns.resolver.arpa", "_dns.one.one.one.one", "_853._dns.one.one.one.one"])
async def test_whoever_seeks_encrypted_resolvers_finds_that_there_are_none(running, upstream, name, kind):
    answer = await ask(running.dns, name, kind)

    assert (answer.header.rcode, answer.rr, answer.auth[0].rtype) == (NOERROR, [], QTYPE.SOA)
    assert (upstream.questions, running.breaches()) == ([], [])


@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "MX", "TYPE65280"])
@pytest.mark.parametrize(
    ("form", "code", "answer"),
    [("address", NOERROR, ["192.0.2.99"]), ("nxdomain", NXDOMAIN, []), ("nodata", NOERROR, [])],
)
async def test_a_profile_says_how_its_closed_names_are_answered(running, school, form, code, answer, kind):
    closed = {name: structs.replace(profile, blocked=Blocked(form)) for name, profile in profiles().items()}
    school.write_policy(rulebook(profiles=closed))

    async def so():
        heard = await ask(running.dns, "gambling.test", source=VISITOR)
        return (heard.header.rcode, addresses(heard)) == (code, answer)

    await eventually(so)
    heard = await ask(running.dns, "gambling.test", kind, source=VISITOR)
    assert (heard.header.rcode, addresses(heard)) == (code, answer if kind == "A" else [])


async def test_who_filters_and_whom_to_ask_is_told_with_a_closed_name(school, upstream, start):
    contact = ("mailto:office@school.test",)
    async with start(school, (upstream.port,), organisation="Hill School", contact=contact) as running:
        _, text = extended(await ask(running.dns, "gambling.test"))

    said = json.loads(text)
    assert (said["o"], tuple(said["c"])) == ("Hill School", contact)


async def test_without_the_certificate_a_blocked_name_does_not_exist(running):
    answer = await ask(running.dns, "gambling.test", source=VISITOR)
    assert (answer.header.rcode, answer.rr) == (NXDOMAIN, [])


async def test_each_profile_has_its_own_answer(running):
    assert addresses(await ask(running.dns, "games.test", source=STAFF)) == ["192.0.2.1"]
    assert addresses(await ask(running.dns, "games.test")) == ["192.0.2.99"]
    assert addresses(await ask(running.dns, "news.test", source=KS1)) == ["192.0.2.99"]
    assert addresses(await ask(running.dns, "storybook.test", source=KS1)) == ["192.0.2.1"]


async def test_the_same_answer_comes_again_from_memory(running, upstream):
    first = await ask(running.dns, "www.learning.test")
    second = await ask(running.dns, "www.learning.test")

    assert addresses(first) == addresses(second)
    assert len(upstream.questions) == 1


async def test_an_address_in_no_network_is_refused(running, upstream):
    answer = await ask(running.dns, "www.learning.test", source=STRANGER)

    assert (answer.header.rcode, extended(answer)[0], upstream.questions) == (REFUSED, 18, [])


async def test_the_clients_letter_case_comes_back(running):
    for _ in range(2):
        answer = await ask(running.dns, "wWw.LeArNiNg.test")
        assert str(answer.q.qname) == "wWw.LeArNiNg.test."
        assert addresses(answer) == ["192.0.2.8"]


async def test_a_client_without_edns_gets_none(running):
    for name in ("learning.test", "gambling.test"):
        await ask(running.dns, name)
        assert (await ask(running.dns, name, edns=False)).ar == []


async def test_a_cookie_is_no_reason_to_answer_otherwise(running):
    for number in range(3):
        asked = question("gambling.test", options=(EDNSOption(10, number.to_bytes(8)),))
        raw = await exchange(running.dns, bytes(asked.pack()))
        assert raw[:2] == bytes(asked.pack())[:2]
        assert b"\xc0\0\2\x63" in raw


async def test_ttls_are_capped_and_count_down(running, monkeypatch):
    first = (await ask(running.dns, "learning.test")).rr[0].ttl

    async def less():
        return (await ask(running.dns, "learning.test")).rr[0].ttl < first

    assert first == 60
    await eventually(less)


async def test_one_name_of_a_chain_that_is_blocked_blocks(running):
    answer = await ask(running.dns, "cloaked.test")

    assert addresses(answer) == ["192.0.2.99"]
    assert reason(answer) == (15, "blocked: self harm (ks2)")
    assert running.breaches()[-1].host == "cloaked.test"


@pytest.mark.parametrize("target", ["a+b.harm.test.", "x.a b.harm.test."])
async def test_an_odd_byte_in_an_alias_hides_nothing(school, start, target):
    zone = {"odd.test": [target], "*": ["192.0.2.1"]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,)) as running:
        assert reason(await ask(running.dns, "odd.test")) == (15, "blocked: self harm (ks2)")


@pytest.mark.parametrize("source", [KS1, "127.0.0.1"])
async def test_the_schools_own_zones_are_open_to_who_sees_approved_sites_only(school, upstream, start, source):
    async with start(school, (upstream.port,), private_zones=("school.lan",)) as running:
        assert addresses(await ask(running.dns, "dc.school.lan", source=source)) == ["192.0.2.1"]
        assert running.breaches() == []


async def test_an_education_site_that_is_an_alias_of_harm_is_closed(school, start):
    zone = {"www.learning.test": ["x.harm.test."], "*": ["192.0.2.1"]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,)) as running:
        assert reason(await ask(running.dns, "www.learning.test")) == (15, "blocked: self harm (ks2)")


async def test_a_pass_for_an_alias_of_a_locked_name_opens_nothing(school, start):
    until = time.time_ns() + HOUR
    school.write_permits(Permit(1, opens=True, entries=("cover.test",), until=until, profiles=("ks2",)))
    zone = {"cover.test": ["x.harm.test."], "*": ["192.0.2.1"]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,)) as running:
        assert reason(await ask(running.dns, "cover.test")) == (15, "blocked: self harm (ks2)")


async def test_an_alias_that_nobody_approved_does_not_close_an_approved_name(tmp_path, start):
    school = make_school(tmp_path)
    zone = {"storybook.test": ["cdn.elsewhere.test."], "*": ["192.0.2.1"]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,)) as running:
        assert addresses(await ask(running.dns, "storybook.test", source=KS1)) == ["192.0.2.1"]


async def test_an_answer_in_private_space_is_refused(running):
    answer = await ask(running.dns, "home.test")
    assert (addresses(answer), extended(answer)[0]) == ([], 15)


async def test_a_public_alias_of_a_private_zone_of_ours_is_refused(school, start):
    zone = {"intranet.home.test": ["192.168.1.1"], "evil.test": ["intranet.home.test."], "x.home.test": ["evil.test."]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,), private_zones=("home.test",)) as running:
        assert addresses(await ask(running.dns, "intranet.home.test")) == ["192.168.1.1"]
        for name in ("evil.test", "x.home.test"):
            answer = await ask(running.dns, name)
            assert (addresses(answer), extended(answer)[0]) == ([], 15)


async def test_a_zone_of_ours_may_be_private(school, upstream, start):
    async with start(school, (upstream.port,), private_zones=("home.test",)) as running:
        assert addresses(await ask(running.dns, "home.test")) == ["192.168.1.1"]


async def test_a_long_answer_is_cut_and_whole_over_tcp(running, upstream):
    cut = await ask(running.dns, "long.test", size=512)
    (whole,) = await ask_by_tcp(running.dns, "long.test")

    assert (cut.header.tc, cut.rr) == (1, [])
    assert len(whole.rr) == 89


async def test_any_is_answered_small(running, upstream):
    (record,) = (await ask(running.dns, "learning.test", "ANY")).rr
    assert record.rtype == 13
    assert upstream.questions == []


async def test_other_classes_and_transfers_are_refused(running):
    chaos = question("version.bind", "TXT")
    chaos.q.qclass = 3
    assert DNSRecord.parse(await exchange(running.dns, bytes(chaos.pack()))).header.rcode == REFUSED
    assert (await ask(running.dns, "learning.test", "AXFR")).header.rcode == REFUSED


async def test_a_name_that_no_site_can_have_does_not_exist_and_is_no_breach(running, upstream):
    answer = await ask(running.dns, "a printer.local")

    assert (answer.header.rcode, upstream.questions, running.breaches()) == (NXDOMAIN, [], [])


async def test_a_reverse_name_is_no_breach(running):
    await ask(running.dns, "4.3.2.1.in-addr.arpa", "PTR", source=KS1)
    assert running.breaches() == []


async def test_the_root_is_asked_upstream(running, upstream):
    answer = await ask(running.dns, ".", "NS", source=KS1)
    assert (answer.header.rcode, upstream.questions) == (NOERROR, [("", "NS")])


@pytest.mark.parametrize("packet", [b"", b"\x12\x34", b"\x12\x34\x81\x80" + bytes(8)])
async def test_what_is_no_question_is_met_with_silence(running, packet):
    with pytest.raises(TimeoutError):
        await exchange(running.dns, packet, seconds=0.2)


async def test_a_notify_is_not_implemented(running):
    raw = await exchange(running.dns, b"\x12\x34\x20\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1")
    assert raw[:2] == b"\x12\x34"
    assert raw[3] & 15 == NOTIMP


async def test_after_5000_random_packets_a_good_one_is_answered(running):
    chance = random.Random(7)
    good = bytes(question("learning.test").pack())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.bind((KS2, 0))
        peer.connect(running.dns)
        for number in range(5000):
            if number % 2:
                packet = chance.randbytes(chance.randrange(1, 120))
            else:
                place = chance.randrange(len(good))
                packet = good[:place] + chance.randbytes(chance.randrange(1, 4)) + good[place + 1 :]
            peer.send(packet)
            if number % 50 == 0:
                await asyncio.sleep(0)

    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    assert not running.task.done()


async def test_a_name_from_outside_may_not_have_an_address_of_the_school_that_looks_public(school, start):
    school.write_clients({"127.0.0.0/8": "staff", "2a00:1451::/48": "staff"})
    inside = ["2a00:1450::1", "2a00:1450::2", "2a00:1451::77"]
    zone = {f"evil{place}.test": [address] for place, address in enumerate(inside)} | {"fine.test": ["2a00:1452::1"]}
    own = {"own_addresses": (inside[0],), "closed_address_v6": inside[1]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,), **own) as running:
        found = [addresses(await ask(running.dns, name, kind="AAAA")) for name in zone]

    assert found == [[], [], [], ["2a00:1452::1"]]


async def test_memory_is_bounded_under_distinct_names(school, upstream, start, monkeypatch):
    kept = []

    class Watched(resolver.Resolver):
        def __init__(self, **fields):
            super().__init__(**fields)
            kept.append(self)

    monkeypatch.setattr("dns_filter.server.Resolver", Watched)
    async with start(school, (upstream.port,), finished_mb=1, cache_mb=1) as running:
        for number in range(0, 600, 20):
            await asyncio.gather(*(ask(running.dns, f"n{n}.test", source=STAFF) for n in range(number, number + 20)))
            await asyncio.gather(*(ask(running.dns, f"n{n}.gambling.test") for n in range(number, number + 20)))
    (watched,) = kept

    assert 0 < watched.school.size <= 1 << 20
    assert 0 < watched.lookups.known.answers.size <= 1 << 20


async def test_a_sealed_host_is_closed_for_staff_and_nobody_reads_its_name(running, school):
    school.write_sealed("sealed.test")

    async def closed():
        return reason(await ask(running.dns, "sealed.test", source=STAFF)) == (16, "blocked")

    await eventually(closed)
    breach = running.breaches()[-1]
    assert (breach.host, breach.category) == ("", "illegal")
    assert b"sealed.test" not in running.journal.path.read_bytes()


async def test_the_inner_listener_gives_real_addresses(running):
    answer = await ask(running.inner, "gambling.test")

    assert addresses(answer) == ["192.0.2.1"]
    assert running.breaches() == []


async def test_the_inner_listener_keeps_sealed_hosts_and_private_space_closed(running, school):
    school.write_sealed("sealed.test")

    async def closed():
        return (await ask(running.inner, "www.sealed.test")).header.rcode == NXDOMAIN

    await eventually(closed)
    assert addresses(await ask(running.inner, "home.test")) == []
    assert running.breaches() == []


async def test_two_workers_share_a_port(school, upstream, start):
    async with start(school, (upstream.port,)) as first:
        listen = (f"127.0.0.1:{first.dns[1]}",)
        async with start(school, (upstream.port,), listen=listen, inner="") as second:
            assert second.dns == first.dns
            answers = await asyncio.gather(*(ask(first.dns, f"n{n}.gambling.test") for n in range(60)))
            assert all(addresses(answer) == ["192.0.2.99"] for answer in answers)
            shares = [len(one.breaches()) + one.recorder.repeats for one in (first, second)]
            assert sum(shares) == 60
            assert min(shares) > 0


async def test_a_failure_in_us_is_servfail_and_the_next_question_is_answered(running, monkeypatch):
    await ask(running.dns, "gambling.test")
    monkeypatch.setattr("dns_filter.wire.read", lambda _: 1 / 0)
    assert (await ask(running.dns, "other.test", edns=False)).header.rcode == SERVFAIL
    monkeypatch.undo()

    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]


async def test_a_decision_that_fails_is_a_block_counted_and_said_once_without_a_host(school, upstream, start, caplog):
    school.write_clients({"127.0.0.0/8": "gone"})
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running:
        for _ in range(3):
            answer = await ask(running.dns, "learning.test")
            assert reason(answer) == (0, "blocked: no decision could be made")
        host, port = running.endpoints["metrics"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            text = (await browser.get(f"http://{host}:{port}/metrics")).text

    assert "schoolgate_dns_failures_total 3.0" in text.splitlines()
    said = [record.getMessage() for record in caplog.records if "decision failed" in record.getMessage()]
    assert said == ["A decision failed with KeyError and is a block (failures so far: 1)."]


async def test_metrics_say_how_much_and_never_who(school, upstream, start):
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running:
        for _ in range(3):
            await ask(running.dns, "gambling.test")
            await ask(running.dns, "helpline.test")
        await ask(running.dns, "learning.test", source=STRANGER)
        host, port = running.endpoints["metrics"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            text = (await browser.get(f"http://{host}:{port}/metrics")).text

    lines = set(text.splitlines())
    assert 'schoolgate_dns_questions_total{cache="hit",profile="ks2",verdict="block"} 2.0' in lines
    assert 'schoolgate_dns_questions_total{cache="hit",profile="ks2",verdict="allow"} 2.0' in lines
    assert 'schoolgate_dns_questions_total{cache="miss",profile="none",verdict="refuse"} 1.0' in lines
    assert 'schoolgate_dns_upstream_answers_total{upstream="0"} 1.0' in lines
    assert "schoolgate_dns_miss_seconds_count 1.0" in lines
    assert ".test" not in text
    assert "127.0.0" not in text


@pytest.mark.parametrize("target", ["0x7f.1.", "192.0.1.", "a printer.local."])
async def test_an_alias_to_what_no_site_can_be_called_is_no_failure_of_ours(school, start, caplog, target):
    zone = {"odd.test": [target], "*": ["192.0.2.1"]}
    async with NameServer(zone) as upstream, start(school, (upstream.port,)) as running:
        assert addresses(await ask(running.dns, "odd.test", source=STAFF)) == ["192.0.2.1"]
    assert not [record for record in caplog.records if "failed" in record.getMessage()]


async def test_ending_gives_every_port_back(school, upstream, start):
    async with start(school, (upstream.port,)) as running:
        port = running.dns[1]
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize("together", [True, False], ids=["in batches", "one by one"])
async def test_ending_answers_what_waits_by_then(school, upstream, start, monkeypatch, together):
    monkeypatch.setattr(batch, "usable", batch.usable and together)
    async with start(school, (upstream.port,)) as running:
        await ask(running.dns, "gambling.test")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(running.dns)
            client.settimeout(5)
            for _ in range(100):
                client.send(question("gambling.test").pack())
            running.task.cancel()
            await asyncio.wait([running.task])
            assert len([client.recv(4096) for _ in range(100)]) == 100


@pytest.mark.parametrize(
    ("allowed", "most", "listeners", "at_once"),
    [(1024, 8192, 2, 2000), (1024, 1024, 2, 524), (1024, 1024, 9, 100), (64, 8192, 2, 2000)],
)
def test_as_many_questions_go_out_at_once_as_the_process_may_have_sockets(allowed, most, listeners, at_once):
    script = (
        "import resource, sys; from dns_filter import server; a, m, n = map(int, sys.argv[1:]);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (a, m)); print(server._questions_at_once(n))"
    )
    arguments = map(str, (allowed, most, listeners))
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, check=True, text=True)
    assert int(done.stdout) == at_once
