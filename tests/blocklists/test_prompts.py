"""Where AI chat sites carry what is typed, and that no body makes reading it fail."""

import json
import urllib.parse

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults, prompts
from blocklists.clients import Client
from blocklists.index import EmptyIndex
from blocklists.policy import Kind, Policy, Request, decide
from blocklists.profile import Unknown, Watch
from blocklists.prompts import How, Place, Prompts, shipped, text_of

TYPED = "what do oaks eat?"


def form(**fields: str) -> bytes:
    return urllib.parse.urlencode(fields).encode()


@pytest.mark.parametrize(
    ("host", "path", "body"),
    [
        ("chatgpt.com", "/backend-api/f/conversation", {"messages": [{"content": {"parts": [TYPED]}}]}),
        ("www.chatgpt.com", "/backend-api/conversation", {"messages": [{}, {"content": {"parts": [{}, TYPED]}}]}),
        ("claude.ai", "/api/organizations/a-1/chat_conversations/b-2/completion", {"prompt": TYPED}),
        ("copilot.microsoft.com", "/c/api/chat", {"event": "send", "content": [{"type": "text", "text": TYPED}]}),
        ("duckduckgo.com", "/duckchat/v1/chat", {"messages": [{"content": "an earlier one"}, {"content": TYPED}]}),
        ("grok.com", "/rest/app-chat/conversations/x/responses", {"message": TYPED}),
        ("chat.mistral.ai", "/api/chat", {"messageInput": [{"type": "text", "text": TYPED}]}),
        ("neo.character.ai", "/ws/", {"payload": {"turn": {"candidates": [{"raw_content": TYPED}]}}}),
    ],
)
def test_a_site_has_its_prompt_where_the_table_says(host: str, path: str, body: object) -> None:
    place = shipped().at(host, path)
    assert place is not None
    assert text_of(place, json.dumps(body).encode()) == TYPED


def test_a_form_may_hold_json_that_holds_json() -> None:
    place = shipped().at(
        "gemini.google.com", "/u/1/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate"
    )
    inner = json.dumps([[TYPED, 0], ["en"]])
    assert place is not None
    assert text_of(place, form(**{"f.req": json.dumps([None, inner]), "at": "x"})) == TYPED


def test_a_frame_may_end_with_a_sign_of_its_own() -> None:
    place = shipped().at("sydney.bing.com", "/sydney/ChatHub")
    assert place is not None
    assert text_of(place, json.dumps({"arguments": [{"message": {"text": TYPED}}]}).encode() + b"\x1e{}") == TYPED


@pytest.mark.parametrize(
    "body",
    [
        {"prompt_v2": TYPED},
        {"turns": [{"by": "user", "said": TYPED}], "token": "a1b2c3", "model": "best"},
        [[TYPED], 3, None, {"a": True}],
        {"prompt": "  ", "other": {"text": TYPED}},
    ],
)
def test_a_prompt_that_a_site_has_moved_is_found_all_the_same(body: object) -> None:
    place = shipped().at("chat.deepseek.com", "/api/v0/chat/completion")
    assert place is not None
    assert text_of(place, json.dumps(body).encode()) == TYPED


def test_what_is_no_prompt_is_not_read() -> None:
    place = shipped().at("ai-chat.test", "/form")
    assert place is not None
    assert text_of(place, form(said="", token="a1b2c3d4")) == ""


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("chatgpt.com", "/backend-api/conversations"),
        ("chatgpt.com", "/"),
        ("claude.ai", "/api/organizations/a/b/chat_conversations/c/completion"),
        ("notchatgpt.com", "/backend-api/conversation"),
        ("com", "/backend-api/conversation"),
    ],
)
def test_other_pages_have_no_prompt(host: str, path: str) -> None:
    assert shipped().at(host, path) is None


def test_the_hosts_with_prompts_are_known_with_what_stands_under_them() -> None:
    assert shipped().has("www.perplexity.ai")
    assert not shipped().has("example.org")


@pytest.mark.parametrize(
    ("watch", "certificate", "host", "opened"),
    [
        (Watch.ALL, True, "chatgpt.com", True),
        (Watch.DEVICE, True, "www.chatgpt.com", True),
        (Watch.ALL, True, "plain.test", False),
        (Watch.ALL, False, "chatgpt.com", False),
        (Watch.STAFF, True, "chatgpt.com", False),
        (Watch.NONE, True, "chatgpt.com", False),
    ],
)
def test_connections_are_opened_for_prompts_where_all_themes_are_watched(
    watch: Watch, certificate: bool, host: str, opened: bool
) -> None:
    book = defaults.rulebook("School")
    changed = msgspec.structs.replace(
        book.profiles["staff"],
        watch=watch,
        certificate=certificate,
        unknown=Unknown.OPEN,
        unknown_unopened=Unknown.OPEN,
    )
    rules = Policy(msgspec.structs.replace(book, profiles={"staff": changed}), EmptyIndex())
    assert decide(rules, Request(Kind.SNI, Client("", "staff"), host, at=0)).inspect is opened


def test_very_deep_and_very_wide_bodies_end() -> None:
    place = shipped().at("app.magicschool.ai", "/api/chat")
    assert place is not None
    assert text_of(place, b"[" * 100_000 + b"]" * 100_000) == ""
    assert len(text_of(place, json.dumps([f"text {n} " * 50 for n in range(10_000)]).encode())) == prompts.LONGEST


@pytest.mark.parametrize(
    "row",
    [
        {"site": "A", "host": "A.test", "path": "/", "how": "json", "where": "x"},
        {"site": "A", "host": "a.test", "path": "x", "how": "json", "where": "x"},
        {"site": "A", "host": "a.test", "path": "/", "how": "json", "where": ""},
        {"site": "A", "host": "a.test", "path": "/", "how": "pigeon", "where": "x"},
    ],
)
def test_a_row_that_cannot_be_read_is_an_error(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"A|pigeon"):
        Prompts([row])


PLACES = [
    Prompts([{"site": "A", "host": "a.test", "path": "/", "how": how.value, "where": steps}]).at("a.test", "/x")
    for how in How
    for steps in ("a/b/[]", "*", "json/a", "-1/0", "[]/json/*", "x/-9")
]
BODIES = st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda told: json.dumps(told).encode())


@given(place=st.sampled_from(PLACES), body=st.binary() | BODIES)
def test_no_body_raises(place: Place, body: bytes) -> None:
    text_of(place, body)
