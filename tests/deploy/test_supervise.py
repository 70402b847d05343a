import asyncio
import os
import signal
import socket
import time

from deploy import keep
from deploy.supervise import Spec, Supervisor
from dns_filter.ask import ask
from tests.support.commands import children_of, schoolgate, started, until
from tests.support.gateway import Gateway
from tests.support.scrape import scraped


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_that_dies_is_started_again_and_all_end_with_the_supervisor(tmp_path):
    gateway = Gateway(tmp_path)
    supervisor = Supervisor([Spec("dns-0", ("dns",))], gateway.file, tmp_path)
    ready = asyncio.Event()
    keeping = asyncio.create_task(supervisor.run(ready.set))
    async with asyncio.timeout(30):
        await ready.wait()
    first = supervisor.pids["dns-0"]
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: supervisor.pids["dns-0"] != first)
    assert supervisor.restarts == 1
    second = supervisor.pids["dns-0"]
    keeping.cancel()
    await asyncio.wait([keeping])
    assert not alive(second)
    assert not list(tmp_path.glob("notify-*"))


async def test_a_strange_message_at_the_readiness_socket_ends_nothing(tmp_path):
    gateway = Gateway(tmp_path)
    supervisor = Supervisor([Spec("dns-0", ("dns",))], gateway.file, tmp_path)
    ready = asyncio.Event()
    keeping = asyncio.create_task(supervisor.run(ready.set))
    async with asyncio.timeout(30):
        await asyncio.to_thread(until, lambda: list(tmp_path.glob("notify-*")))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for message in (b"\xff\xfe", b"", b"READY=1", b"=\n=", b"READY=1\nMAINPID=x"):
                sender.sendto(message, str(next(tmp_path.glob("notify-*"))))
        await ready.wait()
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_a_process_that_keeps_dying_is_started_less_and_less_often(tmp_path):
    gateway = Gateway(tmp_path)
    supervisor = Supervisor([Spec("bad", ("dns", "--instance", "nonsense"))], gateway.file, tmp_path)
    keeping = asyncio.create_task(supervisor.run(lambda: None))
    started_at = time.monotonic()
    await asyncio.to_thread(until, lambda: supervisor.restarts == 3)
    assert time.monotonic() - started_at >= 0.5 + 1.0
    keeping.cancel()
    await asyncio.wait([keeping])


def test_ctrl_c_ends_every_process_within_five_seconds(tmp_path):
    gateway = Gateway(tmp_path)
    with started("run", "--config", str(gateway.file), folder=tmp_path) as run:
        children = children_of(run.pid)
        assert len(children) == len(keep.specs(gateway.settings))
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 0
        assert time.monotonic() - began < 5
        assert not any(alive(pid) for pid in children)
    left = sorted(str(path.relative_to(gateway.folder)) for path in (gateway.folder / "run").rglob("*"))
    assert left == ["run/run.lock", "run/signer"]


def test_sighup_is_passed_on_and_ends_nothing(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    with started("run", "--config", str(gateway.file), folder=tmp_path, log=log) as run:
        children = children_of(run.pid)
        run.send_signal(signal.SIGHUP)
        until(lambda: log.read_text().count("The configuration was read again") == len(children))
        until(lambda: log.read_text().count("INFO Ready: ") == 2 * len(children) + 1)
        assert children_of(run.pid).keys() == children.keys()
        assert run.poll() is None


def test_killing_the_supervisor_ends_its_processes(tmp_path):
    gateway = Gateway(tmp_path)
    with started("run", "--config", str(gateway.file), folder=tmp_path) as run:
        children = children_of(run.pid)
        run.kill()
        run.wait(timeout=60)
        until(lambda: not any(alive(pid) for pid in children))


def test_a_second_run_says_so_and_changes_nothing(tmp_path):
    gateway = Gateway(tmp_path)
    with started("run", "--config", str(gateway.file), folder=tmp_path) as run:
        second = schoolgate("run", "--config", str(gateway.file))
        assert second.returncode == 1
        assert f"already running here (process {run.pid})" in second.stderr
        assert len(children_of(run.pid)) == len(keep.specs(gateway.settings))


async def test_a_bad_file_on_sighup_keeps_the_old_settings_and_says_so(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        good = gateway.file.read_text()
        gateway.file.write_text(good + "\nnonsense = 1\n")
        dns.send_signal(signal.SIGHUP)
        await asyncio.to_thread(until, lambda: "the old one stays in force" in log.read_text())
        assert "nonsense: there is no such setting" in log.read_text()
        heard = await ask(("127.0.0.1", gateway.dns), "gambling.test")
        assert heard.addresses == ("127.0.0.81",)
        assert "schoolgate_config_refused_total 1.0" in scraped(gateway.settings.config.metrics.dns)


async def test_a_bad_policy_keeps_the_old_one_and_says_so_in_log_and_metric(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log):
        policy = gateway.folder / "policy.toml"
        policy.write_text(policy.read_text().replace('unknown = "scan"', 'unknown = "perhaps"'))
        refused = schoolgate("policy", "apply", "--config", str(gateway.file))
        assert refused.returncode == 1
        assert "profiles.ks2.unknown: 'perhaps' must be one of open, scan, closed" in refused.stderr
        await asyncio.to_thread(until, lambda: "policy version 1 stays in force" in log.read_text())
        assert "schoolgate_snapshots_refused_total 1.0" in scraped(gateway.settings.config.metrics.dns)
        assert (await ask(("127.0.0.1", gateway.dns), "gambling.test")).addresses == ("127.0.0.81",)


async def test_a_new_policy_is_in_force_at_once(tmp_path):
    gateway = Gateway(tmp_path)
    with started("dns", "--config", str(gateway.file), folder=tmp_path):
        assert (await ask(("127.0.0.1", gateway.dns), "gambling.test")).addresses == ("127.0.0.81",)
        policy = gateway.folder / "policy.toml"
        before, ks2, after = policy.read_text().partition("[profiles.ks2]")
        policy.write_text(before + ks2 + after.replace("certificate = true", "certificate = false", 1))
        assert schoolgate("policy", "apply", "--config", str(gateway.file)).returncode == 0

        def is_in_force():
            return asyncio.run(ask(("127.0.0.1", gateway.dns), "gambling.test")).code == "NXDOMAIN"

        await asyncio.to_thread(until, is_in_force, 5)


def test_a_good_file_on_sighup_comes_into_force(tmp_path):
    gateway = Gateway(tmp_path)
    with started("dns", "--config", str(gateway.file), folder=tmp_path) as dns:
        gateway.file.write_text(gateway.file.read_text().replace('"127.0.0.81"', '"127.0.0.82"'))
        dns.send_signal(signal.SIGHUP)

        def leads_to_the_new_address():
            try:
                heard = asyncio.run(ask(("127.0.0.1", gateway.dns), "gambling.test", seconds=1))
            except (TimeoutError, OSError):
                return False
            return heard.addresses == ("127.0.0.82",)

        until(leads_to_the_new_address)


def test_a_new_log_level_on_sighup_is_in_force(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    text = gateway.file.read_text()
    gateway.file.write_text('log_level = "WARNING"\n' + text)
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        assert "INFO" not in log.read_text()
        gateway.file.write_text('log_level = "INFO"\n' + text)
        dns.send_signal(signal.SIGHUP)
        until(lambda: "INFO Ready: " in log.read_text())


def test_settings_that_cannot_be_served_take_their_log_level_with_them(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        text = gateway.file.read_text().replace(f"127.0.0.1:{gateway.dns}", "192.0.2.1:5300")
        gateway.file.write_text('log_level = "ERROR"\n' + text)
        dns.send_signal(signal.SIGHUP)
        until(lambda: log.read_text().count("INFO Ready: ") == 2)


def test_what_needs_a_restart_is_said_in_one_warning(tmp_path):
    gateway = Gateway(tmp_path)
    log = tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        text = gateway.file.read_text().replace("127.0.0.81", "127.0.0.82")
        gateway.file.write_text('site = "annexe"\n' + text + '\n[paths]\nspool = "elsewhere"\n')
        dns.send_signal(signal.SIGHUP)
        until(lambda: log.read_text().count("INFO Ready: ") == 2)
        warnings = [line.partition(" WARNING ")[2] for line in log.read_text().splitlines() if " WARNING " in line]
    assert warnings == ["Changed, but not in force before a restart: site, paths.spool."]
