"""What a person meets when something cannot be done."""

import socket

from sqlalchemy import text

from reporting.web.app import create_app, furnished
from reporting.web.form_key import kept_form_key
from tests.support.staff_pages import TOKEN_FIELD, served


async def test_an_unknown_path_has_a_page_in_our_style(pages):
    async with pages.logged_in("dsl") as browser:
        for path in ("/nothing", "/breaches/1", "/alerts/1/2/3", "/../etc/passwd", "/%00", "/%ff", "/style.css/x"):
            answer = await browser.get(path)
            assert answer.status_code == 404, path
            assert "There is no such page" in answer.text
            assert "/style.css" in answer.text


async def test_a_number_that_no_alert_has_is_not_found(pages):
    async with pages.logged_in("dsl") as browser:
        for number in ("0", "9" * 30, "9" * 5000, "-1", "1e3", "x", "%00", "\N{ARABIC-INDIC DIGIT ONE}"):
            assert (await browser.get(f"/alerts/{number}")).status_code == 404, number


async def test_a_fault_of_ours_shows_no_trace_and_is_logged(pages, caplog):
    async with pages.logged_in("dsl") as browser:
        async with pages.database.writing() as session:
            await session.execute(text("DROP TABLE outbox"))
        answer = await browser.get("/")
    assert answer.status_code == 500
    assert "on our side" in answer.text
    assert "Traceback" not in answer.text
    assert "outbox" not in answer.text
    [record] = [r for r in caplog.records if r.name == "schoolgate.web"]
    assert record.exc_info


async def test_json_that_fails_is_no_trace_either(pages):
    async with pages.browser() as browser:
        answer = await browser.get("/breaches?format=json", headers={"accept": "application/json"})
    assert answer.status_code == 303


async def test_a_form_that_was_open_when_the_pages_started_again_is_taken(pages):
    number = await pages.alert(await pages.breach())
    async with pages.logged_in("dsl") as browser:
        form = TOKEN_FIELD.search((await browser.get(f"/alerts/{number}")).text)
        again = furnished(
            live=pages.live, database=pages.database, accounts=pages.accounts, sessions=pages.folder / "sessions",
            secure=False,
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as listener:
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            async with served(create_app(again, hosts=(host,), refuses=lambda _: False), listener):
                where = f"http://{host}/alerts/{number}/note"
                answer = await browser.post(where, data={"note": "Rang home.", "_csrf_token": form[1]})
        assert answer.status_code == 303, answer.text
        assert "Rang home." in (await browser.get(f"/alerts/{number}")).text


def test_a_damaged_key_of_forms_is_made_anew(tmp_path):
    file = tmp_path / "database" / "forms.key"
    first = kept_form_key(file)
    assert kept_form_key(file) == first
    file.write_bytes(b"half")
    assert kept_form_key(file) != first
    assert file.stat().st_mode & 0o777 == 0o600
