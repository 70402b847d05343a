"""Planted values at the outputs of G28 that no page is: a picture, a PDF, a mail's head, a chat, a terminal, a metric.

Pages, JSON and CSV have theirs beside their own tests (tests/reporting/web: test_log, test_alerts, test_incidents,
test_export, test_cells, test_api), lines of the log in test_logline, commands in tests/deploy/test_list_status.
"""

import io
import re
import time
import zlib
from xml.etree import ElementTree as ET

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.progress import Progress

from blocklists import stored
from blocklists.stored import Copy, Meta, Part
from deploy import progress
from reporting import channels, mail
from reporting.list_metrics import ListCollector
from reporting.models import OutboxRow
from reporting.web import charts, incident_export
from reporting.web.incident_export import Sheet
from reporting.web.render import LONGEST_PROSE
from tests.support.planted import IDS, PLANTED, UNSEEN

each = pytest.mark.parametrize("planted", PLANTED, ids=IDS)
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


@each
def test_a_chart_holds_it_as_text_and_nothing_more(planted):
    made = str(charts.bars([planted, "Mon"], [1, 2], kind="stopped", says=planted))
    assert not UNSEEN & set(made)
    root = ET.fromstring(made)
    assert {part.tag.rpartition("}")[2] for part in root.iter()} <= {"svg", "g", "rect", "text", "path", "line"}
    assert not [name for part in root.iter() for name in part.attrib if name.startswith("on")]
    assert len(made) < 20_000


@pytest.fixture(params=["own font", "built-in font"])
def font(request, monkeypatch, tmp_path):
    if request.param == "built-in font":
        monkeypatch.setattr(incident_export, "FONTS", (tmp_path / "none",))


@each
def test_a_pdf_holds_it_as_text_and_nothing_that_acts(planted, font):
    sheet = Sheet(planted, [(planted, planted)], [(planted, planted)], [planted], [(planted, planted, planted)])
    made = incident_export.as_pdf(sheet)
    outside = STREAM.sub(b"", made)
    strings = re.compile(rb"\((?:[^()\\]|\\.)*\)", re.DOTALL)
    for word in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/Annot", b"/S "):
        assert word not in strings.sub(b"", outside), word
    drawn = b"".join(_unpacked(part) for part in STREAM.findall(made))
    assert b"x" * 5_000 not in drawn
    assert b"\x1b" not in outside, "nor in the title"
    assert b"\x1b[31m" not in drawn


def _unpacked(part):
    try:
        return zlib.decompress(part)
    except zlib.error:
        return part


@each
def test_a_cell_of_an_incident_is_text(planted):
    made = incident_export.as_csv(Sheet("t", [("a", planted)], [("b", f" {planted}")], [planted], [("", "", planted)]))
    text = made.decode("utf-8-sig")
    assert not (UNSEEN - {"\r"}) & set(text)
    assert not re.search(r'"\s*[=+\-@|%]', text)
    assert "x" * (LONGEST_PROSE + 1) not in text, "a whole field leaves, and no more; a spreadsheet takes 32,767"


def row(text):
    body = f"Alert\n\nPlease act: {text}\n\nOpen the alert: https://s.test/alerts/1001\nWho: a child\n"
    return OutboxRow(
        id=1, alert=1, kind="alert", recipient="dsl", address="", subject=text, body=body, created_ns=10**18
    )


@each
def test_a_mails_head_has_it_on_one_line_or_the_mail_does_not_go(planted):
    try:
        letter = mail.message(row(planted), "dsl@s.test", "school@s.test")
    except mail.MailRefusedError:
        assert not planted.isprintable()
    else:
        assert letter["Bcc"] is None
        assert [name for name, _ in letter.items() if name == "Subject"] == ["Subject"]
        assert letter["Subject"] == planted


@each
def test_a_chat_gets_plain_lines_of_the_kind_that_it_is_to_have(planted):
    said = channels.line(row(planted)).split("\n")
    assert all(line.isprintable() and len(line) < 1_000 for line in said)
    assert all(line.startswith(("Please act:", "Open the alert:")) for line in said)


@each
def test_a_bar_on_a_terminal_shows_it_as_it_is(planted):
    shown, console = Progress(*progress.columns()), Console(file=io.StringIO(), width=400, force_terminal=True)
    progress.TerminalBars(shown).ended(planted[:80], planted[:80])
    console.print(shown.make_tasks_table(shown.tasks))
    printed = console.file.getvalue()
    assert "\x1b[31mred" not in printed
    assert ("[bold]loud[/bold]" in printed) is planted.startswith("[bold]")


@each
def test_a_metrics_label_forges_no_line(planted, tmp_path):
    copy = Copy("1", "https://a.test/list", time.time_ns(), (Part(list=planted, path="x"),))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / stored.META).write_bytes(msgspec.json.encode(Meta("a", current=copy)))
    registry = CollectorRegistry()
    registry.register(ListCollector(tmp_path))
    text = generate_latest(registry).decode()
    assert not UNSEEN & set(text)
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert "forged" not in families
    [sample] = families["schoolgate_list_age_seconds"]
    assert sample.labels["list"].isprintable()
    assert len(sample.labels["list"]) <= 300
