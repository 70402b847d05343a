import itertools

import pytest

from blocklists import defaults, embedded
from blocklists.profile import Code
from blocklists.verdict import CARRIED, Action, Reason, Verdict

MAP = {"page.test": ("parts.test", "more.test")}
SOFT = {Reason.NOT_APPROVED, Reason.UNKNOWN}


@pytest.mark.parametrize(
    ("page", "part", "may"),
    [
        ("page.test", "parts.test", True),
        ("www.page.test", "a.more.test", True),
        ("otherpage.test", "parts.test", False),
        ("page.test", "notparts.test", False),
        ("parts.test", "page.test", False),
        ("test", "parts.test", False),
    ],
)
def test_a_page_loads_from_the_hosts_that_are_named_for_it(page: str, part: str, may: bool):
    assert embedded.permits(MAP, page, part) is may


@pytest.mark.parametrize(("reason", "code"), list(itertools.product(Reason, ["", *Code])))
def test_only_what_nobody_closed_or_a_teacher_or_the_hour_opens_is_open_to_parts(reason: Reason, code: str):
    opens = embedded.can_open(Verdict(Action.BLOCK, reason, code=code))
    by_hand = code in {"P", "B", "T", "-"}
    assert opens is (
        (reason in SOFT and (by_hand or code in {"", "O", "S"})) or (reason is Reason.CATEGORY and by_hand)
    )


def test_harm_and_what_is_watched_never_is():
    soft = Verdict(Action.BLOCK, Reason.UNKNOWN, code="P")
    assert embedded.can_open(soft)
    assert not embedded.can_open(Verdict(Action.BLOCK, Reason.UNKNOWN, code="P", grave=True))
    assert not embedded.can_open(Verdict(Action.BLOCK, Reason.UNKNOWN, code="P", theme="hate"))
    assert not any(embedded.can_open(Verdict(Action.BLOCK, r)) for r in {Reason.SEALED, Reason.EMERGENCY} | CARRIED)


@pytest.mark.parametrize(
    ("method", "destination", "site", "part"),
    [
        ("GET", "image", "cross-site", True),
        ("HEAD", "font", "same-site", True),
        ("POST", "image", "cross-site", False),
        ("GET", "document", "cross-site", False),
        ("GET", "iframe", "cross-site", False),
        ("GET", "empty", "cross-site", False),
        ("GET", "", "cross-site", False),
        ("GET", "image", "none", False),
        ("GET", "image", "same-origin", False),
    ],
)
def test_a_part_is_asked_for_as_browsers_ask(method: str, destination: str, site: str, part: bool):
    assert embedded.is_part(method, destination, site) is part


@pytest.mark.parametrize(
    ("destination", "content_type", "such"),
    [
        ("image", "image/png", True),
        ("image", " Image/SVG+xml", True),
        ("image", "text/html", False),
        ("script", "text/javascript; charset=utf-8", True),
        ("script", "text/html", False),
        ("style", "text/css", True),
        ("font", "font/woff2", True),
        ("video", "application/pdf", False),
        ("image", "", False),
    ],
)
def test_the_answer_must_be_what_was_asked_for(destination: str, content_type: str, such: bool):
    assert embedded.is_such_a_part(destination, content_type) is such


@pytest.mark.parametrize("bad", [{"page": ("a.test",)}, {"page.test": ("nodot",)}, {"PAGE.test": ("a.test",)}])
def test_a_name_that_is_no_host_is_named(bad: dict[str, tuple[str, ...]]):
    assert ["names no host" in problem for problem in embedded.problems(bad)] == [True]


@pytest.mark.parametrize(
    "rows",
    [
        [{"page": "a.test", "parts": ""}],
        [{"page": "a.test", "parts": "b.test"}] * 2,
        [{"page": "a", "parts": "b.test"}],
    ],
)
def test_a_row_that_names_no_host_or_a_page_again_is_refused(rows: list[dict[str, str]]):
    with pytest.raises(ValueError, match=r"embedded\.csv"):
        embedded.read(rows)


def test_the_shipped_table_is_sound_and_in_the_shipped_policy():
    assert embedded.read(defaults.table("embedded")) == dict(defaults.rulebook("School").embedded)
