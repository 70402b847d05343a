"""What holds for every test run: laws are not judged by time, and only whole files of coverage are put together."""

from collections.abc import Generator

import hypothesis
import pytest

from tests.support import coverage_files

hypothesis.settings.register_profile(
    "laws", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # a busy machine breaks no law
hypothesis.settings.load_profile("laws")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Drop damaged files after the last test and before pytest-cov, whose wrapper is further out, combines them."""
    result = yield
    if session.config.getoption("cov_source", None):
        coverage_files.drop_damaged(session.config.rootpath)
    return result
