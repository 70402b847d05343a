import json
import re

import msgspec
import pytest

from blocklists.policy import Action, Reason, Verdict
from blocklists.profile import Pages
from blocklists.verdict import CARRIED
from proxy_addons import block_page, words
from proxy_addons.block_page import Notice, notice_of
from proxy_addons.form import PIXEL, Form
from proxy_addons.settings import ProxySettings
from tests.support.proxy_school import rulebook

GAMBLING = Verdict(Action.BLOCK, Reason.CATEGORY, category="gambling", code="X")
HARM = Verdict(Action.BLOCK, Reason.CATEGORY, category="self_harm", code="L")
GAMES = Verdict(Action.BLOCK, Reason.CATEGORY, category="games", code="P")
SEALED = Verdict(Action.BLOCK, Reason.SEALED, category="illegal", list="iwf", rule="00ff")
ENGLISH = words.of("en")
PROFILES = ("ks1", "ks2", "ks3", "staff")


def page(profile: str, verdict: Verdict, host: str = "gambling.test", **settings: str) -> str:
    notice = notice_of(rulebook(), profile, host, verdict, ProxySettings(**settings))
    return block_page.body(notice, Form.PAGE, ENGLISH).decode()


def read(html: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split())


TO_KS1 = {
    Reason.SEALED: "This page is closed.",
    Reason.EMERGENCY: "Our school has closed this page for now.",
    Reason.PROFILE_RULE: "Our school has closed this page.",
    Reason.SEARCH: "We do not search on this page.",
    Reason.NOT_APPROVED: "This page is not on our list.",
    Reason.CATEGORY: "This page is not for children.",
    Reason.UNKNOWN: "We have not looked at this page yet.",
    Reason.THUMBNAIL: "We do not show these pictures.",
    Reason.DOWNLOAD: "You cannot get this file here.",
    Reason.UPLOAD: "You cannot send this here.",
    Reason.INFECTED: "This file is not safe.",
    Reason.MESSAGE: "This page is closed.",
    Reason.FAILURE: "We cannot look at this page now.",
}


@pytest.mark.parametrize("reason", TO_KS1)
def test_ks1_reads_a_stop_the_reason_in_one_line_and_whom_to_tell(reason: Reason) -> None:
    html = page("ks1", msgspec.structs.replace(GAMBLING, reason=reason))
    main = read(html).partition("For grown-ups")[0]
    assert main == f"Stop. Tell your teacher. Stop. {TO_KS1[reason]} Tell your teacher. "
    assert "<svg" in html
    assert "gambling" not in html


def test_there_is_a_line_for_every_reason_that_ks1_can_meet() -> None:
    opening = {Reason.ALWAYS_OPEN, Reason.PASS, Reason.APPROVED, Reason.EDUCATION, Reason.OPEN, Reason.PART}
    assert set(TO_KS1) == set(Reason) - opening


@pytest.mark.parametrize("profile", ["ks2", "ks3", "staff"])
def test_the_reason_stands_there_in_plain_words(profile: str) -> None:
    assert "closed" in read(page(profile, GAMBLING))
    assert "because it is about betting or gambling" in read(page(profile, GAMBLING))


@pytest.mark.parametrize("reason", [r for r in Reason if r not in {Reason.CATEGORY, Reason.SEALED}])
def test_every_reason_for_a_refusal_has_words(reason: Reason) -> None:
    steps = {Reason.EMERGENCY, Reason.PROFILE_RULE, Reason.SEARCH, Reason.NOT_APPROVED, Reason.UNKNOWN, Reason.FAILURE}
    refusing = steps | CARRIED
    notice = notice_of(rulebook(), "ks2", "x.test", Verdict(Action.BLOCK, reason), ProxySettings())
    assert bool(notice.because) is (reason in refusing)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("verdict", [GAMBLING, HARM, SEALED])
def test_childline_and_ceop_stand_on_every_page(profile: str, verdict: Verdict) -> None:
    html = page(profile, verdict)
    assert "https://www.childline.org.uk" in html
    assert "https://www.ceop.police.uk" in html
    assert "0800 1111" in html


def test_self_harm_is_answered_for_staff_in_words_for_an_adult() -> None:
    html = read(page("staff", HARM, adult="Mrs Khan"))
    about_oneself, _, about_a_child = html.partition("Did a child see something?")
    numbers = [about_oneself.index(words) for words in ("116 123", "08000 562 561", "Talk to somebody you trust")]
    assert numbers == sorted(numbers)
    assert "people who work in schools" in about_oneself
    assert "Childline" not in about_oneself
    assert "Mrs Khan" not in html
    assert "0800 1111" in about_a_child
    assert "08000 562 561" not in read(page("staff", GAMBLING))


def test_json_has_an_adults_help_for_staff() -> None:
    told = json.loads(block_page.body(notice_of(rulebook(), "staff", "x", HARM, ProxySettings()), Form.JSON, ENGLISH))
    assert told["help"] == {"Samaritans": "116 123", "Education Support": "08000 562 561"}


@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3", "visitor"])
def test_nobody_else_is_sent_to_a_help_line_for_people_who_work_in_schools(profile: str) -> None:
    assert "08000 562 561" not in page(profile, HARM)
    assert "0800 1111" in page(profile, HARM)


@pytest.mark.parametrize("profile", PROFILES)
def test_self_harm_is_answered_with_help(profile: str) -> None:
    html = read(page(profile, HARM, adult="Mrs Khan"))
    assert "116 123" in html
    assert "0800 1111" in html
    assert "116 123" not in read(page(profile, GAMBLING))


@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3"])
def test_the_named_adult_is_whom_pupils_are_told_to_talk_to(profile: str) -> None:
    assert "Mrs Khan" in read(page(profile, HARM, adult="Mrs Khan"))


@pytest.mark.parametrize(("profile", "shown"), [("ks1", False), ("ks2", False), ("ks3", True), ("staff", True)])
def test_the_host_is_shown_to_those_who_can_use_it(profile: str, shown: bool) -> None:
    assert ("gambling.test" in page(profile, GAMBLING)) is shown


def test_a_host_is_escaped_and_cut() -> None:
    html = page("ks3", GAMBLING, host="<script>" + "a" * 300 + ".evil.test")
    assert "<script" not in html
    assert "evil.test" in html
    assert "a" * 61 not in html


@pytest.mark.parametrize("profile", PROFILES)
def test_a_sealed_page_names_neither_host_nor_list_nor_category(profile: str) -> None:
    html = page(profile, SEALED, host="sealed.test")
    for secret in ("sealed.test", "00ff", "Illegal content", ">iwf<"):
        assert secret not in html
    assert ("illegal" in html) is (profile == "staff")


def test_what_opens_a_page_later_is_said() -> None:
    assert "Ask your teacher if you need it for a lesson." in read(page("ks2", GAMES))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("verdict", [GAMBLING, HARM, SEALED])
def test_no_page_loads_runs_or_shames(profile: str, verdict: Verdict) -> None:
    html = page(profile, verdict)
    assert not re.search(r"<script|<link|<img|<form|<iframe|\son\w+=|\sstyle=|url\(|@import", html)
    assert not re.search(r"\b(you (must|should) not|violat|forbidden|naughty|wrongdoing|blocked)", html, re.IGNORECASE)
    assert "mitmproxy" not in html


def test_the_style_is_allowed_by_its_digest_and_nothing_else_is() -> None:
    policy = dict(block_page.headers(Form.PAGE))["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.parametrize("form", list(Form))
def test_no_answer_is_stored(form: Form) -> None:
    assert dict(block_page.headers(form))["Cache-Control"] == "no-store"


def test_json_says_the_same_as_the_page() -> None:
    told = json.loads(block_page.body(notice_of(rulebook(), "ks2", "x", HARM, ProxySettings()), Form.JSON, ENGLISH))
    assert told["closed"] is True
    assert told["message"] == "It is closed because it is about something that could hurt you."
    assert told["help"]["Childline"] == "0800 1111"


def test_pictures_are_a_pixel_and_the_rest_is_empty() -> None:
    notice = Notice(Pages.KS2)
    assert block_page.body(notice, Form.IMAGE, ENGLISH) == PIXEL
    assert {block_page.body(notice, f, ENGLISH) for f in (Form.SCRIPT, Form.STYLE, Form.NOTHING)} == {b""}


def test_a_profile_that_is_not_there_is_spoken_to_like_a_child() -> None:
    assert block_page.pages_of(rulebook(), "ghost") is Pages.KS2


def test_a_category_that_is_not_there_closes_without_a_reason() -> None:
    verdict = msgspec.structs.replace(GAMBLING, category="gone")
    assert "This page is closed" in page("ks2", verdict)


def test_a_schools_own_words_are_told_in_english_and_left_out_elsewhere() -> None:
    book = rulebook()
    category = msgspec.structs.replace(book.categories["gambling"], words="one of Mr Ali's favourites")
    book = msgspec.structs.replace(book, categories={"gambling": category})
    notice = notice_of(book, "ks2", "gambling.test", GAMBLING, ProxySettings())
    assert "because it is one of Mr Ali&#39;s favourites." in block_page.body(notice, Form.PAGE, ENGLISH).decode()
    polish = block_page.body(notice, Form.PAGE, words.of("pl")).decode()
    assert "Mr Ali" not in polish
    assert words.of("pl").plain("because.category") in polish


@pytest.mark.parametrize("language", sorted(words.available()))
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("verdict", [GAMBLING, HARM, SEALED, GAMES], ids=["gambling", "harm", "sealed", "games"])
def test_a_page_is_in_one_language_and_says_which(profile: str, verdict: Verdict, language: str) -> None:
    settings = ProxySettings(adult="Mrs Khan", contact="Mr Ali")
    found = words.of(language)
    html = block_page.body(notice_of(rulebook(), profile, "x.test", verdict, settings), Form.PAGE, found).decode()
    assert f'<html lang="{language}" dir="{found.direction}">' in html
    assert "0800 1111" in html
    others = [words.of(other) for other in words.available() - {language}]
    for heading in ("page.closed", "page.can_do", "staff.denied", "staff.child_saw", "help.title"):
        assert not [other.language for other in others if other.plain(heading) in html]


def test_an_answer_says_its_language() -> None:
    assert dict(block_page.headers(Form.PAGE, "ur"))["Content-Language"] == "ur"


def colours(scheme: str) -> dict[str, str]:
    """The colours that the stylesheet names, in its first rule (light) or in the one for dark."""
    css = (block_page.TEMPLATES / "page.css").read_text()
    light, dark = re.findall(r":root\{(?:color-scheme:light dark;)?(.*?)\}", css)
    pairs = (one.split(":") for one in (dark if scheme == "dark" else light).split(";"))
    return {name.removeprefix("--"): value for name, value in pairs}


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    digits = colour.removeprefix("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper", "at_least"),
    [
        ("ink", "card", 7),
        ("ink", "paper", 7),
        ("soft", "card", 4.5),
        ("link", "card", 4.5),
        ("calm-ink", "calm", 7),
        ("calm-line", "calm", 3),
    ],
)
def test_the_stylesheets_colours_stand_out(scheme: str, ink: str, paper: str, at_least: float) -> None:
    """WCAG 2.1: text 4.5 (AA), 7 (AAA) for what everybody reads; the edge of the help panel 3."""
    found = colours(scheme)
    high, low = sorted((luminance(found[ink]), luminance(found[paper])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= at_least


def test_the_stylesheet_has_no_side_but_where_a_line_begins_and_ends() -> None:
    """Left and right would be wrong for the languages that are written from right to left."""
    css = (block_page.TEMPLATES / "page.css").read_text()
    assert not re.search(r"\b(left|right)\b", css)
