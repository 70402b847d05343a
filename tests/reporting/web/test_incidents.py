"""Incidents, and what people do about alerts."""

import csv
import io
import re

import pytest

from reporting.web.incident_export import Sheet, as_csv, as_pdf
from tests.support.staff_pages import CODES, PASSWORD, log_in, submit

REASON = "Her teacher is worried about her"


async def made(browser, alert):
    """An incident of *alert*; returns its path."""
    path = f"/alerts/{alert}"
    answer = await submit(browser, f"{path}/incident", {"incident": "new"}, page=path)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_an_alert_is_judged_noted_given_and_its_history_says_who_did_what(pages):
    number = await pages.alert()
    await pages.person("dora", "deputy")
    async with pages.logged_in("dsl") as browser:
        path = f"/alerts/{number}"
        page = (await browser.get(path)).text
        dora = re.search(r'<option value="(\d+)">dora<', page)[1]
        await submit(browser, f"{path}/acknowledge", {}, page=path)
        steps = (
            ("judge", {"judgement": "false", "note": "a\nlesson"}),
            ("note", {"note": "<b>rang"}),
            ("assign", {"to": dora}),
        )
        for step, fields in steps:
            assert (await submit(browser, f"{path}/{step}", fields, page=path)).status_code == 303, step
        page = (await browser.get(path)).text
        for words in ("opened it", "acknowledged it", "a false alarm", "a\nlesson", "&lt;b&gt;rang", "to dora"):
            assert words in page, words
        listed = (await browser.get("/alerts?judgement=false")).text
        assert f"Alert {number}" in listed
        assert "dora, a false alarm" in listed
        assert f"Alert {number}" not in (await browser.get("/alerts?judgement=true")).text
        assert f"Alert {number}" not in (await browser.get("/alerts?whose=nobody")).text
    async with pages.browser() as theirs:
        await log_in(theirs, "dora")
        assert f"Alert {number}" in (await theirs.get("/alerts?whose=mine")).text


@pytest.mark.parametrize(
    ("step", "fields"), [("judge", {"judgement": "maybe"}), ("note", {"note": " "}), ("assign", {"to": "9"}),
                         ("incident", {"incident": "999"}), ("hour", {"reason": "why"})]
)  # fmt: skip
async def test_a_step_that_cannot_be_says_why_and_does_nothing(pages, step, fields):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        path = f"/alerts/{number}"
        answer = await submit(browser, f"{path}/{step}", fields, page=path)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
        assert "What was done" in answer.text
        assert (await browser.get(path)).text.count("<li><time") == 1, "only that it was opened"


async def test_an_alert_is_given_only_to_somebody_who_may_see_it(pages):
    number = await pages.alert()
    technician = await pages.person("tom", "technician")
    async with pages.logged_in("dsl") as browser:
        path = f"/alerts/{number}"
        assert ">tom<" not in (await browser.get(path)).text
        assert (await submit(browser, f"{path}/assign", {"to": technician.id}, page=path)).status_code == 400


async def test_an_incident_is_made_of_an_alert_written_closed_and_keeps_what_stood_there_before(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        path = await made(browser, number)
        first = {"title": "A worry", "what": "One.\n\nTwo.", "risk": "no", "parents": "told at 15:00"}
        assert (await submit(browser, path, first, page=path)).status_code == 303
        await submit(browser, path, {**first, "what": "Three."}, page=path)
        await submit(browser, f"{path}/state", {"state": "closed"}, page=path)
        page = (await browser.get(path)).text
        assert "One.\n\nTwo." in page, "in the history"
        assert ">\nThree.</textarea>" in page
        assert page.count("A worry") == 3, "what has not changed is written once: lead, field, history"
        assert "closed" in page
        assert f"Alert {number}" in page
        assert "A worry" in (await browser.get("/incidents")).text
        assert f'href="{path}"' in (await browser.get(f"/alerts/{number}")).text


async def test_an_incident_is_made_by_hand_only_about_somebody_who_is_theirs_to_look_after(pages):
    async with pages.logged_in("dsl") as dsl, pages.logged_in("headteacher") as head:
        for profile in ("staff", "", "nobody"):
            answer = await submit(dsl, "/incidents", {"profile": profile, "title": "x"}, page="/incidents")
            assert answer.status_code == 400, profile
        theirs = await submit(dsl, "/incidents", {"profile": "ks2", "title": "A worry"}, page="/incidents")
        heads = await submit(head, "/incidents", {"profile": "staff", "title": "Another"}, page="/incidents")
        assert (await head.get(theirs.headers["location"])).status_code == 404
        assert (await dsl.get(heads.headers["location"])).status_code == 404
        assert "Another" not in (await dsl.get("/incidents")).text


async def test_nobody_reaches_another_roles_incident_by_its_number(pages):
    number = await pages.alert(audience="headteacher", profile="staff")
    async with pages.logged_in("headteacher") as head, pages.logged_in("dsl") as dsl:
        path = await made(head, number)
        assert (await dsl.get(path)).text == (await dsl.get("/incidents/999")).text
        for form in ("", "/state", "/export"):
            sent = {"title": "mine now", "state": "closed", "kind": "csv", "reason": REASON}
            assert (await submit(dsl, path + form, sent, page="/incidents")).status_code == 404
        own = await pages.alert()
        answer = await submit(
            dsl, f"/alerts/{own}/incident", {"incident": path.rpartition("/")[2]}, page=f"/alerts/{own}"
        )
        assert answer.status_code == 400, "nor links an alert to it"
        assert "mine now" not in (await head.get(path)).text


async def test_an_export_needs_a_reason_and_is_on_the_record(pages):
    number = await pages.alert(await pages.breach(host="harm.test", theme="self-harm", category="self_harm"))
    async with pages.logged_in("dsl") as browser, pages.logged_in("auditor") as auditor:
        path = await made(browser, number)
        await submit(browser, path, {"title": "=cmd()", "what": "Um, naïve"}, page=path)
        assert (await submit(browser, f"{path}/export", {"kind": "csv", "reason": "x"}, page=path)).status_code == 400
        answer = await submit(browser, f"{path}/export", {"kind": "csv", "reason": REASON}, page=path)
        assert answer.headers["content-disposition"] == f'attachment; filename="incident-{path[11:]}.csv"'
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert ["field", "", "", "In a few words", "'=cmd()"] in rows
        assert "harm.test" not in answer.text
        pdf = await submit(browser, f"{path}/export", {"kind": "pdf", "reason": REASON}, page=path)
        assert pdf.content.startswith(b"%PDF-")
        assert f'Exported as: <span class="prose">PDF: {REASON}' in (await browser.get(path)).text
        record = (await auditor.get("/looks")).text
        assert record.count(REASON) == 2
        assert "took out an incident" in record


@pytest.mark.parametrize(("audience", "role"), [("headteacher", "deputy"), ("dsl", "headteacher")])
async def test_whoever_an_alert_climbed_to_reads_the_hour_around_it(pages, audience, role):
    harm = {"theme": "self-harm", "category": "self_harm", "person": 7, "at_ns": 1_782_896_400 * 10**9}
    about = await pages.breach(host="harm.test", **harm)
    await pages.breach(host="before.test", **harm)
    usual = {"subject": "person:7", "last_ns": harm["at_ns"]}
    path = f"/alerts/{await pages.alert(about, audience=audience, escalated=role, **usual)}"
    async with pages.logged_in(role) as browser:
        hour = (await submit(browser, f"{path}/hour", {"reason": REASON}, page=path)).text
        assert "before.test" in hour
        assert "a list without visits says nothing" in hour, "nobody is cleared by it"


async def test_the_hour_around_an_alert_has_what_that_person_did_and_the_look_is_on_the_record(pages):
    harm = {"theme": "self-harm", "category": "self_harm", "person": 7}
    at = 1_782_896_400 * 10**9
    about = await pages.breach(host="harm.test", at_ns=at, **harm)
    await pages.breach(host="before.test", at_ns=at - 20 * 60 * 10**9, person=7)
    await pages.breach(host="private.test", category="information", at_ns=at, person=7)
    await pages.breach(host="long-ago.test", at_ns=at - 40 * 60 * 10**9, person=7)
    await pages.breach(host="other.test", at_ns=at, person=8)
    await pages.visit(site="wiki.test", minute_ns=at + 60 * 10**9, person=7)
    await pages.visit(site="childline.org.uk", minute_ns=at, person=7)
    number = await pages.alert(about, subject="person:7", last_ns=at)
    async with pages.logged_in("dsl") as browser, pages.logged_in("headteacher") as head:
        path = f"/alerts/{number}"
        assert "before.test" not in (await browser.get(path)).text
        page = (await submit(browser, f"{path}/hour", {"reason": REASON}, page=path)).text
        for site in ("harm.test", "before.test", "wiki.test"):
            assert site in page, site
        for site in ("private.test", "long-ago.test", "other.test", "childline"):
            assert site not in page, site
        assert f'looked <span class="prose">at the hour around it: {REASON}' in (await browser.get(path)).text
        assert REASON in (await head.get("/looks")).text


async def test_a_headteacher_to_whom_an_alert_climbed_sees_its_hour_and_the_incident_that_they_make_of_it(pages):
    at = 1_782_896_400 * 10**9
    about = await pages.breach(host="harm.test", at_ns=at, theme="self-harm", category="self_harm", person=7)
    number = await pages.alert(about, subject="person:7", last_ns=at, escalated="deputy,headteacher")
    async with pages.logged_in("headteacher") as head:
        path = f"/alerts/{number}"
        page = (await submit(head, f"{path}/hour", {"reason": REASON}, page=path)).text
        hour = page.partition("The hour around it")[2]
        assert "harm.test" in hour
        assert (await head.get(await made(head, number))).status_code == 200


async def test_a_name_is_a_number_until_it_is_shown_with_a_reason_to_whoever_has_the_key(pages):
    number = await pages.alert(subject="person:7")
    async with pages.logged_in("dsl") as browser, pages.logged_in("deputy") as deputy:
        path = f"/alerts/{number}"
        assert (await submit(browser, f"{path}/write-name", {"name": "Ada Müller"}, page=path)).status_code == 303
        page = (await browser.get(path)).text
        assert f"Person {pages.called(7, 'dsl')}" in page
        assert "Müller" not in page
        assert "Müller" not in (await submit(browser, f"{path}/name", {"reason": "why"}, page=path)).text
        shown = (await submit(browser, f"{path}/name", {"reason": REASON}, page=path)).text
        assert '<strong id="name">Ada Müller</strong>' in shown
        assert "Müller" not in (await browser.get(path)).text
        closed = await submit(deputy, f"{path}/name", {"reason": REASON}, page=path)
        assert "Müller" not in closed.text
        assert "key to names is not open" in closed.text


async def test_a_wrong_name_is_replaced_for_a_reason_by_whoever_can_read_it(pages):
    number = await pages.alert(subject="person:7")
    async with pages.logged_in("dsl") as browser, pages.logged_in("deputy") as deputy:
        path = f"/alerts/{number}"
        write = f"{path}/write-name"
        await submit(browser, write, {"name": "Ada Lovett"}, page=path)
        right = {"name": "Ida Lovett", "reason": "Her sister has that device"}
        for somebody, fields, says in (
            (browser, {"name": "Ida Lovett"}, "There is a name already"),
            (browser, {**right, "reason": "no"}, "reason"),
            (browser, {**right, "name": " "}, "Please give a name"),
            (deputy, right, "key to names is not open"),
        ):
            refused = await submit(somebody, write, fields, page=path)
            assert (refused.status_code, says in refused.text) == (400, True), says
        assert "Put it in its place" not in (await browser.get(path)).text
        shown = (await submit(browser, f"{path}/name", {"reason": REASON}, page=path)).text
        assert "Ada Lovett" in shown
        assert "Put it in its place" in shown
        assert (await submit(browser, write, right, page=path)).status_code == 303
        shown = (await submit(browser, f"{path}/name", {"reason": REASON}, page=path)).text
        assert ("Ida Lovett" in shown, "Ada Lovett" in shown) == (True, False)
        assert "in place of another: Her sister has that device" in shown


async def test_the_key_is_handed_over_by_somebody_who_has_it_and_holds_from_the_next_log_in(pages):
    number = await pages.alert(subject="person:7")
    await pages.person("dora", "deputy")
    async with pages.logged_in("dsl") as browser, pages.browser() as theirs:
        path = f"/alerts/{number}"
        await submit(browser, f"{path}/write-name", {"name": "Ada Lovett"}, page=path)
        await log_in(theirs, "dora")
        people = (await browser.get("/people")).text
        key = re.search(r'action="(/people/\d+/key)"', people)[1]
        assert "Hand over the key to dora" in people
        assert "Hand over" not in (await theirs.get("/people")).text
        assert (await submit(browser, key, {"role": "headteacher"}, page="/people")).status_code == 400
        assert (await submit(browser, key, {"role": "dsl"}, page="/people")).status_code == 303
        await log_in(theirs, "dora")
        assert "Ada Lovett" in (await submit(theirs, f"{path}/name", {"reason": REASON}, page=path)).text


async def test_the_two_halves_of_the_key_open_names_again_and_one_does_not(pages):
    number = await pages.alert(subject="person:7")
    await pages.person("dora", "dsl")
    async with pages.logged_in("dsl") as browser, pages.browser() as theirs:
        path = f"/alerts/{number}"
        await submit(browser, f"{path}/write-name", {"name": "Ada Lovett"}, page=path)
        fields = {"role": "dsl", "password": PASSWORD}
        assert (
            await submit(browser, "/account/shares", {**fields, "password": "no"}, page="/account")
        ).status_code == 403
        page = (await submit(browser, "/account/shares", fields, page="/account")).text
        one, other = re.findall(r"<p><code>([A-Z2-7 ]+)</code>", page)
        await log_in(theirs, "dora")
        for wrong in ({"one": one, "other": one}, {"one": one, "other": "AAAA"}, {"one": "1!", "other": other}):
            assert (await submit(theirs, "/account/recover", wrong, page="/account")).status_code == 400
        assert (
            await submit(theirs, "/account/recover", {"one": one, "other": other}, page="/account")
        ).status_code == 303
        assert "Ada Lovett" in (await submit(theirs, f"{path}/name", {"reason": REASON}, page=path)).text


async def test_the_name_of_a_member_of_staff_needs_a_second_person(pages):
    number = await pages.alert(audience="headteacher", profile="staff", subject="person:9")
    await pages.person("dora", "dsl")
    async with pages.logged_in("headteacher") as head:
        path = f"/alerts/{number}"
        await submit(head, f"{path}/write-name", {"name": "Mr Quill"}, page=path)
        alone = await submit(head, f"{path}/name", {"reason": REASON}, page=path)
        assert (alone.status_code, "Mr Quill" in alone.text) == (400, False)
        second = {"reason": REASON, "second": "dora", "second_password": PASSWORD}
        wrong = await submit(head, f"{path}/name", {**second, "second_code": "000000"}, page=path)
        assert "Mr Quill" not in wrong.text
        code = CODES[pages.url, "dora"].pop()
        shown = (await submit(head, f"{path}/name", {**second, "second_code": code}, page=path)).text
        assert "Mr Quill" in shown
        assert "with dora" in shown
        right = {"name": "Mr Quell", "reason": "It was misheard at the door"}
        assert (await submit(head, f"{path}/write-name", right, page=path)).status_code == 400, "alone"
        second = {"second": "dora", "second_password": PASSWORD, "second_code": CODES[pages.url, "dora"].pop()}
        assert (await submit(head, f"{path}/write-name", {**right, **second}, page=path)).status_code == 303
        assert "in place of another, with dora" in (await head.get(path)).text


async def test_planted_values_do_no_harm_in_an_incident_and_what_leaves_it(pages):
    planted = "=cmd|' \x1b[31m\u202e<b>[bold]\nBcc: x\r\n" + "y" * 3000
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        path = await made(browser, number)
        await submit(browser, path, {"what": planted, "who": "</textarea><script>"}, page=path)
        page = (await browser.get(path)).text
        assert "<b>" not in page
        assert page.count("<script") == 1, "ours"
        assert not set("\x1b\u202e") & set(page)
        for kind in ("pdf", "csv"):
            answer = await submit(browser, f"{path}/export", {"kind": kind, "reason": REASON}, page=path)
            assert answer.status_code == 200
        assert not set("\x1b\u202e") & set(answer.text)
        assert all(
            not cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(answer.text)) for cell in row
        )


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "|calc", "\uff1d1"], ids=ascii)
def test_a_cell_that_begins_a_formula_does_not(cell):
    sheet = Sheet(cell, [("a", cell)], [("b", cell)], [cell], [(cell, cell, cell)])
    rows = list(csv.reader(io.StringIO(as_csv(sheet).decode("utf-8-sig"))))[1:]
    assert cell not in {text for row in rows for text in row}
    assert as_pdf(sheet).startswith(b"%PDF-")


def test_a_long_paragraph_leaves_whole():
    sheet = Sheet("A worry", [], [("What happened", "y" * 20_000)], [], [])
    assert b"y" * 20_000 in as_csv(sheet)


def seen_on(page):
    """The last change that whoever reads *page* has before them."""
    return re.search(r'name="seen" value="(\d+)"', page)[1]


async def test_two_who_write_at_the_same_time_take_nothing_from_each_other(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as ann, pages.logged_in("dsl") as bea:
        path = await made(ann, number)
        seen = seen_on((await bea.get(path)).text)
        first = {"title": "A worry", "what": "Ann's words", "lessons": "", "seen": seen}
        assert (await submit(ann, path, first, page=path)).status_code == 303
        second = {"title": "", "what": "", "lessons": "Bea's lesson", "seen": seen}
        assert (await submit(bea, path, second, page=path)).status_code == 303
        page = (await ann.get(path)).text
        for words in ('value="A worry"', ">\nAnn&#39;s words</textarea>", ">\nBea&#39;s lesson</textarea>"):
            assert words in page, words


async def test_what_two_wrote_into_the_same_field_stays_until_one_puts_it_together(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as ann, pages.logged_in("dsl") as bea:
        path = await made(ann, number)
        seen = seen_on((await bea.get(path)).text)
        await submit(ann, path, {"what": "Anns words", "seen": seen}, page=path)
        answer = await submit(bea, path, {"what": "Beas words", "who": "J. S.", "seen": seen}, page=path)
        assert answer.status_code == 409
        assert "You both changed: What happened." in answer.text, "which, as it is far down on a phone"
        assert ">\nBeas words</textarea>" in answer.text
        assert '<p class="prose">Anns words</p>' in answer.text
        page = (await ann.get(path)).text
        assert ">\nAnns words</textarea>" in page
        assert ">\nJ. S.</textarea>" in page, "what only one wrote is saved"
        together = {"what": "Anns and Beas words", "seen": seen_on(answer.text)}
        assert (await submit(bea, path, together, page=path)).status_code == 303
        assert ">\nAnns and Beas words</textarea>" in (await ann.get(path)).text


async def test_a_long_account_is_kept_whole_and_one_that_is_too_long_comes_back(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        path = await made(browser, number)
        long = "\N{ARABIC LETTER ALEF}" * 19_999 + "Z"
        assert (await submit(browser, path, {"what": long, "who": long}, page=path)).status_code == 303
        assert (await browser.get(path)).text.count(f">\n{long}</textarea>") == 2
        answer = await submit(browser, path, {"what": long + "too long", "title": "A worry"}, page=path)
        assert answer.status_code == 400
        assert "What happened: 8 too many" in answer.text
        assert f">\n{long}too long</textarea>" in answer.text
        assert 'value="A worry"' in answer.text
        assert "A worry" not in (await browser.get(path)).text, "nothing of it is saved"


async def test_saving_a_page_changes_nothing_in_a_field_with_letters_that_are_joined_by_a_mark(pages):
    number = await pages.alert()
    name = "\N{ARABIC LETTER MEEM}\N{ZERO WIDTH NON-JOINER}\N{ARABIC LETTER YEH}"
    async with pages.logged_in("dsl") as browser:
        path = await made(browser, number)
        await submit(browser, path, {"who": name}, page=path)
        page = (await browser.get(path)).text
        shown = re.search(r'name="who"[^>]*>\n([^<]*)</textarea>', page)[1]
        await submit(browser, path, {"who": shown, "seen": seen_on(page)}, page=path)
        assert shown != name, "what cannot be seen is shown as something that can"
        assert (await browser.get(path)).text.count("</strong>, Who: ") == 1


async def test_writing_an_incident_is_one_look_at_it_and_taking_it_out_names_its_number(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser, pages.logged_in("headteacher") as head:
        path = await made(browser, number)
        for words in ("One.", "Two.", "Three."):
            await submit(browser, path, {"what": words}, page=path)
        await submit(browser, f"{path}/export", {"kind": "csv", "reason": REASON}, page=path)
        figures = (await head.get("/oversight")).text
        assert re.search(r"safeguarding lead[^<]*</dt>\s*<dd>2<|safeguarding lead[^<]*<[^0-9]*>2<", figures), figures
        looks = (await head.get("/looks")).text
        assert looks.count("an incident</td>") == 2
        assert looks.count(f"incident {path.rpartition('/')[2]}</td>") == 3, "of the look twice, of the file once"
