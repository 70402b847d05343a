"""A worker's start, and what it leaves behind."""

import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from reporting.runs import ROWS
from tests.proxy_addons.conftest import House
from tests.support.origin import Origin
from tests.support.proxy_school import Nameserver, School, running


def test_an_address_that_is_taken_is_an_error_that_names_it(school: School) -> None:
    with socket.socket() as taken, Nameserver() as dns:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        start = running(school, school.settings(dns, listen=(address,)))
        with pytest.raises(AssertionError, match=f"the proxy cannot listen on {address}"):
            start.__enter__()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"upstream_ca": "/nonexistent"}, "No such file"),
        ({"inner_dns": "nowhere"}, "proxy.inner_dns"),
        ({"listen": ("nowhere",)}, "proxy.listen"),
    ],
)
def test_settings_that_cannot_be_used_end_the_start(school: School, more: dict[str, object], words: str) -> None:
    with Nameserver() as dns:
        start = running(school, school.settings(dns, **more))
        with pytest.raises(AssertionError, match=re.escape(words)):
            start.__enter__()


def test_a_worker_leaves_nothing_behind_and_says_nothing_wrong(school: School, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if "spool" not in path.parts}
    with Nameserver() as dns, running(school, school.settings(dns)) as worker:
        assert "403" in worker.curl("http://gambling.test/")
        assert worker.stop() == 0
    after = {path for path in tmp_path.rglob("*") if "spool" not in path.parts}
    assert {path.name for path in after - before} == {"worker-0.json", "worker-0.log"}
    log = (school.folder / "worker-0.log").read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


def test_killed_in_the_middle_every_answered_refusal_is_in_the_journal_once(school: School) -> None:
    asked = ROWS  # more are counted onto one row, and a kill may lose a count
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        answered: list[int] = []

        def ask(numbers: range) -> None:
            for number in numbers:
                done = subprocess.run(
                    [
                        *("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "", "-x", worker.url),
                        f"http://n{number}.gambling.test:{origin.port}/",
                    ],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.stdout == "403":
                    answered.append(number)

        threads = [threading.Thread(target=ask, args=(range(n, asked, 3),)) for n in range(3)]
        for thread in threads:
            thread.start()
        while len(answered) < asked // 3:
            time.sleep(0.005)
        worker.process.kill()
        for thread in threads:
            thread.join()
        assert asked // 3 <= len(answered) < asked
        hosts = [b.host for b in school.breaches()]
        assert {f"n{number}.gambling.test" for number in answered} <= set(hosts)
        assert len(hosts) == len(set(hosts))


def test_no_page_of_the_library_is_ever_seen(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        answer = connection.recv(65536)
    assert b" 400 " in answer
    assert b"mitmproxy" not in answer
    assert b"could not understand" in answer
