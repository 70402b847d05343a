"""What tests of whole processes share."""

from collections.abc import Iterator

import pytest

from tests.support.ways import Street, street


@pytest.fixture(scope="session")
def whole_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with street(tmp_path_factory.mktemp("street")) as made:
        yield made


@pytest.fixture
def way(whole_street: Street) -> Street:
    whole_street.forget()
    return whole_street
