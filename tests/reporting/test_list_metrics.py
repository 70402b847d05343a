"""What Prometheus is told of lists, from files that may be anything."""

import time

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from blocklists import stored
from blocklists.stored import Copy, Meta, Part
from reporting.list_metrics import ListCollector

HOUR = 3600 * 10**9


def copy(*lists, fetched_ns=1):
    return Copy("1", "https://a.test/list", fetched_ns, tuple(Part(list=name, path=name) for name in lists))


@pytest.fixture
def store(tmp_path):
    return tmp_path / "lists"


def note(store, meta):
    (store / meta.label).mkdir(parents=True)
    (store / meta.label / stored.META).write_bytes(msgspec.json.encode(meta))


def scraped(store):
    """The value of each metric, an age rounded to hours."""
    registry = CollectorRegistry()
    registry.register(ListCollector(store))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    found = {
        name.removeprefix("schoolgate_list_"): float(value) for name, value in (line.rsplit(" ", 1) for line in lines)
    }
    return {name: round(value / 3600) if name.startswith("age") else value for name, value in found.items()}


def test_without_lists_nothing_is_held_or_failed(store):
    assert scraped(store) == {"held": 0, "failed": 0}


def test_a_list_is_as_old_as_its_oldest_copy_and_an_import_counts_from_its_day(store):
    now = time.time_ns()
    note(store, Meta("a", asked="x", checked_ns=now - 5 * HOUR, current=copy("games", "video")))
    note(store, Meta("b", asked="x", checked_ns=now - 2 * HOUR, current=copy("games", "social")))
    note(store, Meta("c", checked_ns=now, current=copy("social", "news", fetched_ns=now - 900 * HOUR)))
    assert scraped(store) == {
        'age_seconds{list="games"}': 5,
        'age_seconds{list="news"}': 900,
        'age_seconds{list="social"}': 900,
        'age_seconds{list="video"}': 5,
        "held": 0,
        "failed": 0,
    }


def test_a_list_that_never_came_is_as_old_as_its_first_try(store):
    note(
        store, Meta("a", asked="x", list="games", since_ns=time.time_ns() - 3 * HOUR, problem="the server fell silent")
    )
    assert scraped(store) == {'age_seconds{list="games"}': 3, "held": 0, "failed": 1}


def test_copies_that_are_held_back_are_counted(store):
    note(store, Meta("a", asked="x", checked_ns=time.time_ns(), current=copy("games"), held=copy("games")))
    note(store, Meta("b", held=copy("games")))
    assert scraped(store) == {'age_seconds{list="games"}': 0, "held": 2, "failed": 0}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"asked": 1}', b"[]", b'{"current": {"parts": [1]}}'])
def test_what_cannot_be_read_has_failed_and_raises_nothing(store, content):
    (store / "a").mkdir(parents=True)
    (store / "a" / stored.META).write_bytes(content)
    assert scraped(store)["failed"] == 1


def test_what_is_no_label_and_no_file_is_passed_over(store):
    (store / "a").mkdir(parents=True)
    (store / ".123-4").mkdir()
    (store / ".lock").touch()
    (store / "file").touch()
    (store / "b").mkdir()
    (store / "b" / stored.META).mkdir()
    assert scraped(store) == {"held": 0, "failed": 1}


def test_a_store_that_is_none_is_none(tmp_path):
    (tmp_path / "lists").touch()
    assert scraped(tmp_path / "lists") == {"held": 0, "failed": 0}
