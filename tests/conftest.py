"""What holds for every test run: laws are not judged by time, and only whole files of coverage are put together.

Tests of whole processes come first, so that what is left for the end is short and keeps every core busy.
"""

import os
from collections.abc import Generator

import hypothesis
import pytest

from tests.support import coverage_files, temporary

hypothesis.settings.register_profile(
    "laws", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # a busy machine breaks no law
hypothesis.settings.load_profile("laws")

if in_memory := temporary.folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(in_memory))  # pytest's own variable: tmp_path is below it

SLOWEST_FIRST = ("end_to_end", "proxy_addons", "deploy", "reporting", "conformance", "dns_filter", "fuzz")
"""Folders of tests by what one of their files takes; what is not named comes last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order folders by SLOWEST_FIRST, and leave the tests of each in their order."""
    places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: min((places[part] for part in item.path.parts if part in places), default=len(places)))


def pytest_xdist_auto_num_workers() -> int | None:
    """Half as many processes again as there are cores: a good part of a test of sockets is waiting for its peer.

    pytest-xdist's own variable goes before it.
    """
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (len(os.sched_getaffinity(0)) * 3 + 1) // 2


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Drop damaged files after the last test and before pytest-cov, whose wrapper is further out, combines them.

    Of several processes with tests only the one that leads does: the others' files are still being written.
    """
    result = yield
    if session.config.getoption("cov_source", None) and not hasattr(session.config, "workerinput"):
        coverage_files.drop_damaged(session.config.rootpath)
    return result


def pytest_make_parametrize_id(val, argname):
    """Call long bytes by what they are for: those that hold a clock or chance would have another name each time."""
    return argname if isinstance(val, bytes) and len(val) > LONG else None


LONG = 24
"""Bytes that a person still reads in the name of a test."""
