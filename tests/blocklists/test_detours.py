import pytest

from blocklists import defaults
from blocklists.clients import Client
from blocklists.detours import Detours, judged
from blocklists.verdict import Action, Kind, Reason, Request, Verdict

SHIPPED = Detours(defaults.table("detours"))
DNS = {"content-type": "application/dns-message"}


@pytest.mark.parametrize(
    ("path", "headers", "websocket"),
    [
        ("/", DNS, False),
        ("/", {"content-type": "Application/DNS-Message; charset=x"}, False),
        ("/", {"accept": "text/html, application/dns-json;q=0.9"}, False),
        ("/dns-query", {}, False),
        ("/dns-query?dns=AAAB", {}, False),
        ("/dns-query/abc", {}, False),
        ("/.well-known/masque/udp/192.0.2.1/443/", {}, False),
        ("/x", {"x-bare-url": "https://gambling.test/"}, False),
        ("/wisp/", {}, True),
    ],
)
def test_what_leads_round_is_told_by_what_it_says(path: str, headers: dict[str, str], websocket: bool) -> None:
    assert SHIPPED.way(path, headers, websocket=websocket)


@pytest.mark.parametrize(
    ("path", "headers", "websocket"),
    [
        ("/", {}, False),
        ("/", {"content-type": "application/json", "accept": "text/html,*/*;q=0.8"}, False),
        ("/dns-query-explained", {}, False),
        ("/lesson/dns-query", {}, False),
        ("/wisp/", {}, False),
        ("/chat", {}, True),
    ],
)
def test_what_a_lesson_needs_is_no_way_round(path: str, headers: dict[str, str], websocket: bool) -> None:
    assert SHIPPED.way(path, headers, websocket=websocket) == ""


def test_a_row_of_no_known_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="body"):
        Detours([{"way": "x", "where": "body", "value": "y"}])


class Book:
    """What `judged` asks of a policy."""

    def __init__(self, code: str = "L") -> None:
        book = defaults.rulebook("Oak Lane School")
        self.rulebook = book
        if code != "L":
            book.categories["bypass"].codes["ks2"] = code


def asked(profile: str = "ks2") -> Request:
    return Request(Kind.URL, Client("127.0.0.1", profile), "unknown.test", 1)


def test_a_way_round_is_refused_by_its_category_and_weighs_what_it_says() -> None:
    found = judged(Book(), asked(), Verdict(Action.ALLOW, Reason.UNKNOWN), "DNS over HTTPS")
    assert (found.blocked, found.category, found.theme, found.rule) == (True, "bypass", "bypass", "DNS over HTTPS")


def test_what_nobody_watches_a_profile_for_is_refused_without_a_theme() -> None:
    found = judged(Book(), asked("visitor"), Verdict(Action.ALLOW, Reason.OPEN), "DNS over HTTPS")
    assert (found.blocked, found.theme) == (True, "")


@pytest.mark.parametrize("reason", [Reason.PASS, Reason.PROFILE_RULE, Reason.ALWAYS_OPEN])
def test_what_somebody_decided_about_the_host_holds(reason: Reason) -> None:
    verdict = Verdict(Action.ALLOW, reason)
    assert judged(Book(), asked(), verdict, "DNS over HTTPS") is verdict


def test_a_request_that_is_no_way_round_keeps_its_verdict() -> None:
    verdict = Verdict(Action.ALLOW, Reason.OPEN)
    assert judged(Book(), asked(), verdict, "") is verdict


def test_a_school_that_opens_the_category_opens_its_requests() -> None:
    verdict = Verdict(Action.ALLOW, Reason.OPEN)
    assert judged(Book("O"), asked(), verdict, "DNS over HTTPS") is verdict
