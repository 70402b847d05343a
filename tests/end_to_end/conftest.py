"""What tests of whole processes share."""

from collections.abc import Iterator

import pytest

from tests.support.pupil import Pupil, pupil
from tests.support.staff_browser import browser  # noqa: F401 - a fixture of the staff pages' tests
from tests.support.ways import Street, street


@pytest.fixture(scope="session")
def whole_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with street(tmp_path_factory.mktemp("street")) as made:
        yield made


@pytest.fixture
def way(whole_street: Street) -> Street:
    whole_street.forget()
    return whole_street


@pytest.fixture(scope="session")
def whole_pupil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pupil]:
    with pupil(tmp_path_factory.mktemp("pupil")) as made:
        yield made


@pytest.fixture
def child(whole_pupil: Pupil) -> Iterator[Pupil]:
    whole_pupil.forget()
    yield whole_pupil
    if whole_pupil.profile != "ks2":
        whole_pupil.become("ks2")
