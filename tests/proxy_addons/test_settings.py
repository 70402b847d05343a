import pytest

from proxy_addons.settings import ProxySettings, endpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("::1:8080", None),
        ("[127.0.0.1]:8080", None),
        ("localhost:8080", None),
        ("127.0.0.1:70000", None),
        ("127.0.0.1:x", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str, expected: tuple[str, int] | None) -> None:
    assert endpoint(text) == expected


def test_the_defaults_are_sound() -> None:
    assert not list(ProxySettings().problems())


def test_each_mistake_is_one_sentence_with_its_place() -> None:
    settings = ProxySettings(
        listen=("nowhere",), inner_dns="x", reachable_private=("10.0.0.0/99",), portal_url="javascript:alert(1)"
    )
    places = [problem.partition(":")[0] for problem in settings.problems()]
    assert places == ["proxy.listen[0]", "proxy.inner_dns", "proxy.reachable_private[0]", "proxy.portal_url"]


def test_a_language_without_words_is_refused_with_those_that_there_are() -> None:
    (said,) = ProxySettings(language="tlh").problems()
    assert said == "proxy.language: there are no words in 'tlh'; choose one of ar, cy, en, pl, ro, ur"
