"""What the bars of lists say."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from deploy import progress


@pytest.fixture
def shown():
    return Progress(*progress.columns(), console=Console(file=io.StringIO()))


def text(shown):
    console = Console(file=io.StringIO(), width=200)
    console.print(shown.make_tasks_table(shown.tasks))
    return console.file.getvalue()


def test_what_is_fetched_says_how_much_has_come(shown):
    bars = progress.TerminalBars(shown)
    bars.fetching("bets", 500, 1000)
    assert "0.5/1.0 kB" in text(shown)
    assert "fetching" in text(shown)


def test_what_is_imported_says_nothing_of_bytes(shown):
    bars = progress.TerminalBars(shown)
    bars.reading("bets", 5000)
    assert "reading, 5,000 lines" in text(shown)
    assert "bytes" not in text(shown)
    bars.ended("bets", "new")
    assert "bytes" not in text(shown)
