"""What a person meets when something cannot be done."""

from sqlalchemy import text


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
