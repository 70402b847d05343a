import asyncio
import re
import signal

import pytest

from deploy.process import _Process, reason
from dns_filter.ask import ask
from tests.support.commands import schoolgate, started, until
from tests.support.gateway import Gateway
from tests.support.scrape import scraped

ELSEWHERE = "203.0.113.9"
"""An address of no machine (RFC 5737): it is well written, and cannot be listened at."""


def changed(gateway, find, replace):
    text = gateway.file.read_text()
    assert find in text
    gateway.file.write_text(text.replace(find, replace))


def says(log, sentence):
    return re.search(sentence, log.read_text()) is not None


async def reloaded(process, log, sentence):
    """Have the configuration read again, and return once the log says *sentence*."""
    process.send_signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: says(log, sentence))


async def closed_by_dns(gateway):
    return (await ask(("127.0.0.1", gateway.dns), "gambling.test")).addresses == ("127.0.0.81",)


async def test_dns_answers_again_after_settings_that_cannot_be_bound(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        changed(gateway, f"127.0.0.1:{gateway.dns}", f"{ELSEWHERE}:5300")
        assert schoolgate("dns", "--check", "--config", str(gateway.file)).returncode == 0
        await reloaded(dns, log, r"(?s)stays in force.*Ready")
        assert says(log, rf"ERROR .*\(cannot listen at {ELSEWHERE}:5300: Cannot assign requested address\)")
        assert await closed_by_dns(gateway)
        assert "schoolgate_config_refused_total 1.0" in scraped(gateway.settings.config.metrics.dns)


async def test_dns_answers_again_after_a_metrics_port_that_is_taken(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with taken:
            port = taken.sockets[0].getsockname()[1]
            changed(gateway, f"dns = {gateway.settings.config.metrics.dns}", f"dns = {port}")
            await reloaded(dns, log, r"(?s)stays in force.*Ready")
        assert says(log, rf"\(metrics cannot be served at 127.0.0.1:{port}: Address already in use\)")
        assert await closed_by_dns(gateway)


async def test_doh_that_is_turned_on_by_a_reload_is_said_to_need_a_restart(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        doh = '\n[dns.doh]\nurl = "https://dns.test/dns-query"\naddresses = ["192.0.2.1"]\n'
        text = gateway.file.read_text()
        assert "[dns.doh]" not in text
        gateway.file.write_text(text.replace(f"127.0.0.1:{gateway.upstream}", "127.0.0.1:5302") + doh)
        await reloaded(dns, log, r"(?s)It takes up the settings\..*Ready")
        assert says(log, r"WARNING Changed, but not in force before a restart: dns\.doh\.url\.")


async def test_settings_that_are_mended_come_into_force_after_those_that_could_not_be_served(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        good = gateway.file.read_text()
        changed(gateway, f"127.0.0.1:{gateway.dns}", f"{ELSEWHERE}:5300")
        await reloaded(dns, log, r"(?s)stays in force.*Ready")
        assert "schoolgate_config_outdated 1.0" in scraped(gateway.settings.config.metrics.dns)
        gateway.file.write_text(good.replace("127.0.0.81", "127.0.0.82"))
        await reloaded(dns, log, r"(?s)stays in force.*Ready.*read again.*Ready")
        heard = await ask(("127.0.0.1", gateway.dns), "gambling.test")
        assert heard.addresses == ("127.0.0.82",)
        assert "schoolgate_config_outdated 0.0" in scraped(gateway.settings.config.metrics.dns)
        assert log.read_text().count("It starts.") == 1
        assert says(log, r"(?s)read again\..*It takes up the settings\..*Ready")


async def test_a_port_that_no_machine_has_is_refused_before_anything_ends(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        changed(gateway, f"dns = {gateway.settings.config.metrics.dns}", "dns = 99999")
        checked = schoolgate("dns", "--check", "--config", str(gateway.file))
        assert checked.returncode == 1
        assert "metrics.dns: 99999 is not a port" in checked.stderr
        await reloaded(dns, log, "The new configuration was refused; the old one stays in force.")
        assert len(re.findall("Ready", log.read_text())) == 1
        assert await closed_by_dns(gateway)
        assert "schoolgate_config_outdated 1.0" in scraped(gateway.settings.config.metrics.dns)
        changed(gateway, "dns = 99999", f"dns = {gateway.settings.config.metrics.dns}")
        await reloaded(dns, log, r"(?s)read again.*Ready")
        assert "schoolgate_config_outdated 0.0" in scraped(gateway.settings.config.metrics.dns)


@pytest.mark.parametrize(
    ("find", "replace", "sentence"),
    [
        ("{0.websites}/ca.crt", "policy.toml", r"policy.toml holds no certificate \(PEM\)"),
        ("{0.websites}/ca.crt", "nowhere.pem", "proxy.upstream_ca: there is no file .*nowhere.pem"),
    ],
)
async def test_the_worker_filters_again_after_settings_that_it_cannot_serve(tmp_path, find, replace, sentence):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    config = ("--config", str(gateway.file))
    with (
        started("signer", *config, folder=tmp_path),
        started("peek", *config, folder=tmp_path),
        started("worker", *config, folder=tmp_path, log=log) as worker,
    ):
        changed(gateway, find.format(gateway), replace)
        await reloaded(worker, log, r"(?s)stays in force.*Ready")
        assert says(log, rf"ERROR .*{sentence}")
        assert await asyncio.to_thread(gateway.blocked_page, "gambling.test") == 403
        assert "schoolgate_config_refused_total 1.0" in scraped(gateway.settings.config.metrics.worker)


async def test_the_front_door_takes_connections_again_after_settings_that_it_cannot_serve(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    config = ("--config", str(gateway.file))
    with (
        started("signer", *config, folder=tmp_path),
        started("worker", *config, folder=tmp_path),
        started("peek", *config, folder=tmp_path, log=log) as peek,
    ):
        changed(gateway, f"127.0.0.1:{gateway.proxy}", f"{ELSEWHERE}:8080")
        await reloaded(peek, log, r"(?s)stays in force.*Ready")
        assert says(log, r"ERROR .*the proxy cannot listen on 203.0.113.9:8080: Cannot assign")
        assert await asyncio.to_thread(gateway.blocked_page, "gambling.test") == 403
        assert "schoolgate_config_refused_total 1.0" in scraped(gateway.settings.config.metrics.peek)


async def test_reporting_serves_its_pages_again_after_a_certificate_that_is_none(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("reporting", "--config", str(gateway.file), folder=tmp_path, log=log) as reporting:
        changed(gateway, "[reporting]\n", '[reporting]\ntls_certificate = "policy.toml"\ntls_key = "keys/ca.key"\n')
        await reloaded(reporting, log, r"(?s)stays in force.*Ready")
        assert says(log, r"ERROR .*reporting.tls_certificate: .*policy.toml holds no certificate \(PEM\)")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.pages)
        writer.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{gateway.pages}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("process", ["dns", "peek", "reporting"])
def test_a_first_start_that_fails_says_why_in_a_sentence(tmp_path, process):
    gateway = Gateway(tmp_path)
    mine = {"dns": gateway.dns, "peek": gateway.proxy, "reporting": gateway.pages}[process]
    changed(gateway, f"127.0.0.1:{mine}", f"{ELSEWHERE}:{mine}")
    if process == "reporting":
        certificate = 'tls_certificate = "keys/ca.crt"\ntls_key = "keys/ca.key"\n'
        changed(gateway, "[reporting]\n", f"[reporting]\n{certificate}")
    failed = schoolgate(process, "--config", str(gateway.file))
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert re.search(
        rf"ERROR It cannot start: .*{ELSEWHERE}:{mine}: .*Cannot assign requested address\.$", failed.stderr
    )


def test_a_worker_that_the_front_door_would_never_ask_says_so(tmp_path):
    failed = schoolgate("worker", "--instance", "1", "--config", str(Gateway(tmp_path).file))
    assert failed.returncode == 1
    assert "run.workers: there are 1, so worker 1 would get no connection; raise the number" in failed.stderr


async def test_old_settings_that_cannot_be_served_any_more_end_the_process(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("signer", "--config", str(gateway.file), folder=tmp_path, log=log) as signer:
        (gateway.folder / "keys" / "ca.key").unlink()
        signer.send_signal(signal.SIGHUP)
        assert await asyncio.to_thread(signer.wait, 30) == 1
        assert says(log, r"(?s)stays in force.*It cannot start: .*there is no file .*ca\.key\.")
        assert not says(log, "Traceback")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(98, "cannot listen: taken"), "cannot listen: taken"),
        (FileNotFoundError(2, "No such file or directory", "/a"), "/a: No such file or directory"),
        (OSError("metrics cannot be served"), "metrics cannot be served"),
        (OSError("another has it open; stop it first."), "another has it open; stop it first"),
        (ExceptionGroup("several", [ExceptionGroup("more", [ValueError("no key")])]), "no key"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_of_a_failure_is_part_of_a_sentence(error, says):
    assert reason(error) == says


@pytest.mark.parametrize(("error", "shown"), [(KeyError("x"), True), (ValueError("no number"), False)])
async def test_a_mistake_of_our_own_at_a_start_still_shows_where_it_was_made(caplog, error, shown):
    async def fails(*_):
        raise error

    assert await _Process(None, fails, None).run() == 1
    (said,) = [record for record in caplog.records if "It cannot start" in record.message]
    assert said.levelname == "ERROR"
    assert any(record.exc_info for record in caplog.records if record.levelname == "ERROR") == shown
