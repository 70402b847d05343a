"""The log as a file."""

import csv
import io

import pytest
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting.log_models import ExportRow
from reporting.web import export

SELF_HARM = {
    "host": "harm.test", "path": "/forum", "rule": "harm.test", "category": "self_harm", "theme": "self-harm",
    "severity": Severity.URGENT, "list": "self-harm", "terms": "planted words", "samples": "planted.test",
}  # fmt: skip


@pytest.fixture
def pages(pages_on_each):
    return pages_on_each


async def rows(browser, **query):
    answer = await browser.get("/breaches.csv", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="breaches-')
    assert answer.content.startswith("\ufeff".encode())
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_both_files_hold_what_the_search_finds_however_many_pages_it_has(pages, monkeypatch):
    monkeypatch.setattr(export, "PIECE", 3)
    wanted = [await pages.breach(host=f"{number}.test", profile="ks3") for number in range(8)]
    await pages.breach(host="other.test")
    async with pages.logged_in("technician") as browser:
        lines = await rows(browser, profile="ks3")
        listed = (await browser.get("/breaches.json", params={"profile": "ks3"})).json()
    assert [int(line["Number"]) for line in lines] == wanted[::-1]
    assert [entry["number"] for entry in listed] == wanted[::-1]
    assert lines[0]["Site"] == "7.test"
    async with pages.database.reading() as session:
        taken = list(await session.scalars(select(ExportRow).order_by(ExportRow.id)))
    assert [(row.form, row.query, row.entries) for row in taken] == [
        ("csv", "profile=ks3", 8),
        ("json", "profile=ks3", 8),
    ]


async def test_what_is_held_on_the_page_is_held_in_the_file(pages):
    await pages.breach(**SELF_HARM)
    for role, reads in (("technician", False), ("headteacher", False), ("dsl", True)):
        async with pages.logged_in(role) as browser:
            for path in ("/breaches.csv", "/breaches.json"):
                text = (await browser.get(path)).text
                for planted in ("harm.test", "/forum", "planted"):
                    assert (planted in text) is reads, (role, path, planted)


async def test_an_empty_search_makes_a_file_without_entries(pages):
    async with pages.logged_in("technician") as browser:
        assert await rows(browser) == []
        assert (await browser.get("/breaches.json")).json() == []


@pytest.mark.parametrize("planted", ["=cmd|' /C calc'!A0", "+1.test", "\u202e=1", "a\r\nb", "\x1b[31mred"], ids=ascii)
async def test_a_planted_name_is_text_in_the_file(pages, planted):
    await pages.breach(host=planted, rule=planted, list=planted, path=planted)
    async with pages.logged_in("technician") as browser:
        [line] = await rows(browser)
        answer = (await browser.get("/breaches.json")).text
    for name in ("Site", "Rule", "List", "Path"):
        assert line[name].lstrip()[0] not in "=+-@", name
        assert not set(line[name]) & set("\x1b\u202e\r\n"), name
    assert "\u202e" not in answer
    assert "\\u001b" not in answer
