"""A running server for each test of the staff pages."""

import pytest

from tests.support.staff_pages import running


@pytest.fixture
async def pages(tmp_path):
    async with running(tmp_path) as served:
        yield served


@pytest.fixture
async def pages_on_each(tmp_path, where):
    """The same before each database."""
    async with running(tmp_path, where) as served:
        yield served
