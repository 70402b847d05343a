"""Apps that do not take our certificate: told apart, counted, and written down without a name of anybody."""

import msgspec
import pytest

from proxy_addons import distrust
from proxy_addons.distrust import Distrust, Group, Seen, app_of, is_refusal, merged, shape_of
from tests.support.commands import until
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, Running, School, running

DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("agent", "app"),
    [
        ("Dropbox/187.4 (Linux)", "Dropbox"),
        ("com.example.App_v2 CFNetwork/1", "com.example.App_v2 CFNetwork"),
        ("", "unnamed (ab)"),
        ("\x1b[31mred", "unnamed (ab)"),
        ("A" * 99, "A" * 40),
        ("x-. /1", "x"),
    ],
)
def test_an_app_is_called_as_it_calls_itself_or_by_its_handshake(agent: str, app: str) -> None:
    assert app_of(agent, "ab") == app


def test_a_handshake_has_one_shape_whatever_stands_for_nothing_and_in_whatever_order() -> None:
    assert shape_of([0x1A1A, 0x1301], [0, 43, 0x2A2A]) == shape_of([0x1301], [43, 0])
    assert shape_of([0x1301], [0]) != shape_of([0x1302], [0])


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        ("tlsv1 alert unknown ca", True),
        ("sslv3 alert bad certificate", True),
        ("connection closed", False),
        ("", False),
    ],
)
def test_only_a_word_about_the_certificate_is_a_refusal(error: str, refusal: bool) -> None:
    assert is_refusal(error) is refusal


def test_refusals_are_counted_by_app_host_and_profile() -> None:
    book = Distrust()
    for device in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
        book.note("App", "api.test", "ks2", device, 5)
    book.note("App", "api.test", "staff", "10.0.0.9", 6)
    first, second = book.seen(7).groups
    assert first == Group("App", "api.test", "ks2", 3, 2, 5, 5)
    assert second.profile == "staff"
    assert "10.0.0" not in repr(book.seen(7))


def test_what_is_kept_is_bounded_in_groups_devices_and_days() -> None:
    book = Distrust()
    for number in range(distrust.MOST + 10):
        book.note("App", f"h{number}.test", "ks2", "10.0.0.1", 0)
    assert len(book.seen(0).groups) == distrust.MOST
    for number in range(distrust.MOST_DEVICES + 5):
        book.note("App", "h509.test", "ks2", f"10.0.1.{number}", DAY)
    (last,) = book.seen(distrust.KEPT_DAYS * DAY + 1).groups
    assert last.devices == distrust.MOST_DEVICES


def test_a_worker_goes_on_from_what_the_one_before_it_saw() -> None:
    book = Distrust()
    book.note("App", "api.test", "ks2", "10.0.0.1", 9)
    book.take_up(Seen((Group("App", "api.test", "ks2", 4, 2, 1, 2), Group("B", "b.test", "ks2", 1, 1, 1, 1))))
    assert [(g.app, g.count) for g in book.seen(9).groups] == [("App", 1), ("B", 1)]


def test_groups_of_several_workers_are_one() -> None:
    one = Seen((Group("App", "api.test", "ks2", 4, 2, 1, 2), Group("B", "b.test", "ks2", 1, 1, 1, 1)))
    other = Seen((Group("App", "api.test", "ks2", 1, 3, 5, 9),))
    assert merged([one, other]) == [
        Group("App", "api.test", "ks2", 5, 3, 1, 9),
        Group("B", "b.test", "ks2", 1, 1, 1, 1),
    ]


def seen_by(school: School) -> tuple[Group, ...]:
    path = school.folder / "status" / "refusals-0.json"
    return msgspec.json.decode(path.read_bytes(), type=Seen).groups if path.exists() else ()


def test_an_app_that_refuses_our_certificate_is_written_down_and_what_is_closed_is_not(school: School) -> None:
    tls = tls_context(school.servers, *HOSTS)
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        for host in ("gambling.test", "sealed.test", "wiki.test", "unknown.test"):
            refuse(worker, school, f"https://{host}:{origin.port}/")
        assert worker.stop() == 0
    (group,) = seen_by(school)
    assert (group.app, group.host, group.profile, group.count, group.devices) == (
        "Lessons",
        "unknown.test",
        "ks2",
        1,
        1,
    )
    assert "127.0.0" not in (school.folder / "status" / "refusals-0.json").read_text()


def refuse(worker: Running, school: School, url: str) -> None:
    done = worker.curled("-A", "Lessons/3.1", url, ca=school.folder / "servers.pem")
    assert done.returncode == 60, done.stderr


def test_it_is_written_down_while_the_worker_runs(school: School) -> None:
    tls = tls_context(school.servers, *HOSTS)
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        refuse(worker, school, f"https://unknown.test:{origin.port}/")
        until(lambda: seen_by(school))
