"""What holds for every test run: laws are not judged by time, and only whole files of coverage are put together."""

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
