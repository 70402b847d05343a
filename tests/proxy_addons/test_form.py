import pytest

from proxy_addons.form import CONTENT_TYPES, PIXEL, Form, form_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("destination", "accept", "form"),
    [
        ("document", BROWSER, Form.PAGE),
        ("iframe", BROWSER, Form.PAGE),
        ("", BROWSER, Form.PAGE),
        ("", "", Form.PAGE),
        ("", "*/*", Form.PAGE),
        ("empty", "*/*", Form.JSON),
        ("", "application/json", Form.JSON),
        ("", "application/vnd.api+json, */*", Form.JSON),
        ("", "application/json, text/html", Form.PAGE),
        ("image", "image/avif,image/webp,*/*;q=0.8", Form.IMAGE),
        ("", "image/avif,image/webp,*/*;q=0.8", Form.IMAGE),
        ("script", "*/*", Form.SCRIPT),
        ("style", "text/css,*/*;q=0.1", Form.STYLE),
        ("", "text/css,*/*;q=0.1", Form.STYLE),
        ("font", "*/*", Form.NOTHING),
        ("video", "*/*", Form.NOTHING),
    ],
)
def test_the_form_is_what_the_request_can_show(destination: str, accept: str, form: Form) -> None:
    assert form_of(destination, accept) is form


def test_the_picture_is_a_whole_gif() -> None:
    assert PIXEL.startswith(b"GIF89a")
    assert PIXEL.endswith(b";")


def test_every_form_has_a_type() -> None:
    assert set(CONTENT_TYPES) == set(Form)
