import datetime
import os
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from blocklists import compile as compiler
from blocklists import index, sealed, snapshot
from blocklists.calendar import Calendar, Span, Window
from blocklists.clients import Client, Clients, Network
from blocklists.known import Known
from blocklists.live import Files, Live
from blocklists.policy import Action, Kind, Reason, Request, decide
from blocklists.profile import Code, Pages, Profile, Unknown
from blocklists.rulebook import Category, ListUse, Permit, Permits, Role, Rulebook

BOOK = Rulebook(
    school="Testbury School",
    time_zone="Europe/London",
    calendar=Calendar((Window(datetime.time(8, 30), datetime.time(15, 30)),)),
    profiles={"ks2": Profile("KS2", "ks2", Pages.KS2, unknown=Unknown.OPEN)},
    categories={"gambling": Category("Gambling", "about betting", {"ks2": Code.CLOSED})},
    lists={"gambling": ListUse(Role.CATEGORY, "gambling")},
)
CLIENTS = Clients((Network("127.0.0.0/8", "ks2"),))
NOW = 1_770_000_000_000_000_000


class School:
    """A state folder and what stands in it."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "state", folder / "keys", folder / "spool")
        self.builds = 0

    def whole(self) -> "School":
        self.write("policy", BOOK)
        self.write("clients", CLIENTS)
        self.compile("gambling.test")
        return self

    def write(self, part: str, body: object, *, version: int = 1, written_ns: int = 1) -> None:
        snapshot.write(getattr(self.files, part), body, version=version, written_ns=written_ns)

    def compile(self, *names: str) -> Path:
        self.builds += 1
        self.files.keys.mkdir(exist_ok=True)
        path = self.files.keys / "gambling.txt"
        path.write_text("\n".join(names))
        return compiler.compile_lists(
            {"gambling": (compiler.Source(path),)}, self.files.index, built_ns=self.builds
        ).folder

    def seal(self, *lines: str) -> None:
        key = sealed.new_key(self.files.sealing_key)
        self.write("sealed", sealed.SealedLists({"watch": sealed.seal([x.encode() for x in lines], key)[0]}))

    def damage(self, part: str) -> None:
        path = getattr(self.files, part)
        raw = path.read_bytes()
        replaced = path.with_name("replaced")
        replaced.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        replaced.replace(path)


def action(live: Live, host: str) -> Action:
    assert live.policy is not None
    return decide(live.policy, Request(Kind.DNS, Client("127.0.0.1", "ks2"), host, NOW)).action


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path).whole()


def test_nothing_is_decided_before_everything_was_read(tmp_path: Path):
    school = School(tmp_path)
    live = Live(school.files)
    assert live.refresh() == set()
    school.write("policy", BOOK, version=7)
    assert live.refresh() == {"policy"}
    assert (live.ready, live.policy, live.version) == (False, None, 7)
    school.compile("gambling.test")
    assert live.refresh() == {"index"}
    assert not live.ready
    school.write("clients", CLIENTS)
    assert live.refresh() == {"clients"}
    assert live.ready
    assert live.refused == 0


def test_everything_is_read_once(school: School):
    live = Live(school.files)
    assert live.refresh() == {"policy", "clients", "index"}
    assert live.refresh() == set()
    assert live.reloads == 1
    assert action(live, "www.gambling.test") is Action.BLOCK
    assert action(live, "plain.test") is Action.ALLOW
    assert live.clients is not None
    assert live.clients.of("127.0.0.9") == Client("127.0.0.9", "ks2")


def test_each_part_is_read_again_when_it_is_replaced(school: School):
    live = Live(school.files)
    live.refresh()
    for part, body in {"policy": BOOK, "clients": CLIENTS, "permits": Permits()}.items():
        school.write(part, body, version=2)
        assert live.refresh() == {part}
    school.seal("harm.test")
    assert live.refresh() == {"sealed"}
    assert live.version == 2


def test_new_clients_leave_the_policy_object_as_it_is(school: School):
    live = Live(school.files)
    live.refresh()
    before = live.policy
    school.write("clients", CLIENTS, version=2)

    assert live.refresh() == {"clients"}
    assert live.policy is before


def test_a_pass_and_a_sealed_list_are_in_force_once_they_are_written(school: School):
    live = Live(school.files)
    live.refresh()
    school.write(
        "permits", Permits((Permit(1, opens=True, entries=("gambling.test",), until=2**62, profiles=("ks2",)),))
    )
    school.seal("harm.test")
    assert action(live, "harm.test") is Action.ALLOW
    assert live.refresh() == {"permits", "sealed"}
    assert action(live, "gambling.test") is Action.ALLOW
    assert action(live, "harm.test") is Action.BLOCK


def test_a_new_build_is_noticed_and_the_old_policy_object_still_answers(school: School):
    live = Live(school.files)
    live.refresh()
    old = live.policy
    school.compile("bets.test")
    assert live.refresh() == {"index"}
    assert action(live, "bets.test") is Action.BLOCK
    assert action(live, "gambling.test") is Action.ALLOW
    live.policy = old
    assert action(live, "gambling.test") is Action.BLOCK


@pytest.mark.parametrize("part", ["policy", "clients", "permits", "sealed"])
def test_a_damaged_snapshot_is_refused_counted_once_and_changes_nothing(
    school: School, part: str, caplog: pytest.LogCaptureFixture
):
    emergency = Permit(1, opens=False, entries=("plain.test",), until=2**62)
    school.write("permits", Permits((emergency,)))
    school.seal("harm.test")
    live = Live(school.files)
    live.refresh()
    before = live.policy
    school.damage(part)
    assert live.refresh() == live.refresh() == set()
    assert live.refused == 1
    assert live.policy is before
    assert f"The new {part} was refused, the last good one stays in force" in caplog.text
    assert [action(live, host) for host in ("plain.test", "harm.test", "gambling.test")] == [Action.BLOCK] * 3


@pytest.mark.parametrize("part", ["policy", "clients", "permits", "sealed"])
def test_a_part_that_was_damaged_from_the_start_keeps_the_filter_closed(school: School, part: str):
    school.write("permits", Permits())
    school.seal("harm.test")
    school.damage(part)
    live = Live(school.files)
    live.refresh()
    assert not live.ready
    assert live.refused == 1


def test_a_policy_file_that_was_refused_is_told_with_its_first_mistake(
    school: School, caplog: pytest.LogCaptureFixture
):
    live = Live(school.files)
    live.refresh()
    school.files.policy_refused.write_text("policy.toml: school: this setting is missing\nand another\n")
    live.refresh()
    live.refresh()
    assert live.refused == 1
    assert "stays in force. policy.toml: school: this setting is missing" in caplog.text
    assert "and another" not in caplog.text


def test_a_policy_file_that_was_refused_is_outdated_until_one_is_applied(school: School):
    live = Live(school.files)
    live.refresh()
    school.files.policy_refused.write_text("policy.toml: school: this setting is missing\n")
    live.refresh()
    assert live.outdated == {"policy file"}
    school.write("policy", BOOK, version=2)
    live.refresh()
    assert live.outdated == set()


def test_a_policy_file_that_was_mended_before_anybody_looked_is_counted_and_not_outdated(school: School):
    live = Live(school.files)
    live.refresh()
    school.files.policy_refused.write_text("policy.toml: school: this setting is missing\n")
    school.write("policy", BOOK, version=2)
    live.refresh()
    assert (live.refused, live.outdated) == (1, set())


def test_a_damaged_file_of_known_sites_closes_nothing_else(school: School):
    school.write("known", Known({"plain.test": {bytes([n]): 1 for n in range(3)}}))
    live = Live(school.files)
    live.refresh()
    assert live.policy.known == {"plain.test"}
    school.damage("known")
    assert live.refresh() == live.refresh() == set()
    assert live.policy.known == {"plain.test"}
    new = Live(school.files)
    new.refresh()
    assert new.ready
    assert new.refused == 1
    assert new.policy.known == frozenset()


def test_a_sealed_list_without_its_key_keeps_the_filter_closed_until_the_key_is_there(school: School):
    school.seal("harm.test")
    key = school.files.sealing_key.read_bytes()
    school.files.sealing_key.unlink()
    live = Live(school.files)
    assert "sealed" not in live.refresh() | live.refresh()
    assert (live.ready, live.refused) == (False, 1)
    school.files.sealing_key.write_bytes(key)
    assert live.refresh() == {"sealed"}
    assert live.ready
    assert action(live, "harm.test") is Action.BLOCK


def test_a_process_that_decides_nothing_has_the_policy_without_the_sealed_lists_key(school: School):
    school.seal("harm.test")
    school.files.sealing_key.unlink()
    live = Live(school.files, sealed_lists=False)
    live.refresh()
    assert (live.ready, live.refused) == (True, 0)
    assert live.policy is not None
    assert live.policy.sealed is sealed.NOTHING


def test_a_policy_with_a_problem_is_refused_and_its_version_is_not_in_force(
    school: School, caplog: pytest.LogCaptureFixture
):
    live = Live(school.files)
    live.refresh()
    school.write("policy", msgspec.structs.replace(BOOK, time_zone="Nowhere/Town"), version=2)
    assert live.refresh() == set()
    assert (live.refused, live.version) == (1, 1)
    assert live.outdated == {"policy"}
    assert "is not a time zone" in caplog.text
    school.write("policy", BOOK, version=3)
    assert live.refresh() == {"policy"}
    assert (live.version, live.outdated) == (3, set())


def test_a_calendar_that_has_run_out_is_said_when_its_policy_comes_into_force(
    school: School, caplog: pytest.LogCaptureFixture
):
    live = Live(school.files)
    live.refresh()
    assert "calendar" not in caplog.text
    long_ago = (Span(datetime.date(2020, 1, 6), datetime.date(2020, 2, 14)),)
    over = msgspec.structs.replace(BOOK, calendar=msgspec.structs.replace(BOOK.calendar, terms=long_ago))
    school.write("policy", over, version=2)
    assert live.refresh() == {"policy"}
    assert "the calendar has run out: the last term ended on 2020-02-14" in caplog.text


def test_a_bad_network_is_refused(school: School):
    live = Live(school.files)
    live.refresh()
    school.write("clients", Clients((Network("127.0.0.0/99", "ks2"),)))
    assert live.refresh() == set()
    assert live.refused == 1
    assert live.clients is not None
    assert live.clients.of("127.0.0.9")


@pytest.mark.parametrize("name", [*index.FILES[:2], index.MANIFEST])
def test_a_damaged_build_is_refused_and_the_old_one_stays(school: School, name: str):
    live = Live(school.files)
    live.refresh()
    old = school.files.index / (school.files.index / index.CURRENT).readlink()
    bad = school.files.index / "9-bad"
    shutil.copytree(old, bad)
    raw = (bad / name).read_bytes()
    (bad / name).write_bytes(raw[:20] + bytes([raw[20] ^ 1]) + raw[21:] if len(raw) > 20 else b"\7\0")
    compiler.make_current(school.files.index, bad)
    assert live.refresh() == live.refresh() == set()
    assert live.refused == 1
    assert action(live, "gambling.test") is Action.BLOCK


def test_a_half_written_build_is_refused_once_and_read_when_it_is_whole(school: School):
    live = Live(school.files)
    live.refresh()
    old = school.files.index / (school.files.index / index.CURRENT).readlink()
    half = school.files.index / "9-half"
    shutil.copytree(old, half)
    names = (half / index.FILES[0]).read_bytes()
    (half / index.FILES[0]).unlink()
    compiler.make_current(school.files.index, half)
    assert live.refresh() == live.refresh() == set()
    assert live.refused == 1
    assert action(live, "gambling.test") is Action.BLOCK
    assert live.outdated == {"index"}
    (half / index.FILES[0]).write_bytes(names)
    assert live.refresh() == {"index"}
    assert live.outdated == set()


@pytest.mark.parametrize("part", ["policy", "clients", "permits", "sealed", "index"])
def test_what_is_removed_stays_in_force(school: School, part: str):
    school.write("permits", Permits((Permit(1, opens=False, entries=("plain.test",), until=2**62),)))
    school.seal("harm.test")
    live = Live(school.files)
    live.refresh()
    path = getattr(school.files, part)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert live.refresh() == set()
    assert [action(live, host) for host in ("plain.test", "harm.test", "gambling.test")] == [Action.BLOCK] * 3


def test_a_file_that_cannot_be_looked_at_is_not_a_file_that_is_not_there(school: School):
    sealed_file = school.files.state / "sealed"
    sealed_file.symlink_to(sealed_file.name)  # a loop: stat fails, and for root too
    live = Live(school.files)
    live.refresh()
    assert (live.ready, live.refused) == (False, 1)


def test_the_clock_is_believed_until_it_is_earlier_than_something_written(school: School):
    live = Live(school.files)
    assert live.clock_ok()
    school.files.spool.mkdir()
    assert live.clock_ok()
    journal = school.files.spool / "testbury-dns-0-00.journal"
    journal.write_bytes(b"")
    assert live.clock_ok()
    ahead = time.time_ns() + 10**12
    os.utime(journal, ns=(ahead, ahead))
    (school.files.spool / "gone.journal").symlink_to("nowhere")
    assert not live.clock_ok()


@pytest.mark.parametrize("part", ["policy", "index"])
def test_the_clock_is_not_believed_before_the_policy_or_the_build(school: School, part: str):
    live = Live(school.files)
    live.refresh()
    assert live.clock_ok()
    school.builds = ahead = time.time_ns() + 10**12
    if part == "policy":
        school.write("policy", BOOK, written_ns=ahead)
    else:
        school.compile("gambling.test")
    live.refresh()
    assert not live.clock_ok()


def test_a_reason_is_given_for_a_block_of_the_policy_that_was_read(school: School):
    live = Live(school.files)
    live.refresh()
    assert live.policy is not None
    verdict = decide(live.policy, Request(Kind.DNS, Client("127.0.0.1", "ks2"), "gambling.test", NOW))
    assert (verdict.reason, verdict.list, verdict.rule) == (Reason.CATEGORY, "gambling", "gambling.test")


def test_at_a_start_a_damaged_build_gives_way_to_the_whole_one_before_it(
    school: School, caplog: pytest.LogCaptureFixture
):
    bad = school.files.index / "9-bad"
    shutil.copytree((school.files.index / index.CURRENT).resolve(), bad)
    (bad / index.FILES[0]).write_bytes(b"x")
    compiler.make_current(school.files.index, bad)
    live = Live(school.files)
    assert "index" in live.refresh()
    assert action(live, "gambling.test") is Action.BLOCK
    assert live.refused == 1
    assert "the build before it is used" in caplog.text
    assert live.refresh() == set()


def test_at_a_start_a_build_that_was_never_judged_is_not_gone_back_to(school: School):
    bad = school.files.index / "9-bad"
    shutil.copytree((school.files.index / index.CURRENT).resolve(), bad)
    (bad / index.FILES[0]).write_bytes(b"x")
    compiler.make_current(school.files.index, bad)
    for build in school.files.index.iterdir():
        (build / index.JUDGED).unlink(missing_ok=True)
    live = Live(school.files)
    live.refresh()
    assert not live.ready


def test_at_a_start_without_a_whole_build_nothing_is_decided(school: School):
    for build in [one for one in school.files.index.iterdir() if one.name != index.CURRENT]:
        (build / index.FILES[0]).write_bytes(b"x")
    live = Live(school.files)
    live.refresh()
    assert not live.ready
