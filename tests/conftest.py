"""What holds for every test run: only whole files of coverage are put together."""

from collections.abc import Generator

import pytest

from tests.support import coverage_files


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Drop damaged files after the last test and before pytest-cov, whose wrapper is further out, combines them."""
    result = yield
    if session.config.getoption("cov_source", None):
        coverage_files.drop_damaged(session.config.rootpath)
    return result
