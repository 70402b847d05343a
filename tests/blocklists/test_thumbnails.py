import pytest

from blocklists import thumbnails, url

PLACES = thumbnails.shipped()
ROW = {"engine": "a", "host": "pictures.test", "path": "/small", "note": ""}


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("https://encrypted-tbn0.gstatic.com/images?q=tbn:x", True),
        ("https://th.bing.com/th/id/1", True),
        ("https://th.bing.com/TH?id=1", True),
        ("https://th.bing.com/%74h?id=1", True),
        ("https://th.bing.com/other", False),
        ("https://external-content.duckduckgo.com/iu/?u=x", True),
        ("https://www.bing.com/th", False),
        ("https://www.gstatic.com/images/logo.png", False),
    ],
)
def test_small_pictures_are_known_by_host_and_path(address: str, hidden: bool):
    assert PLACES.has(url.canonical(address)) is hidden


@pytest.mark.parametrize(
    "rows",
    [
        [ROW | {"engine": ""}],
        [ROW | {"host": "*"}],
        [ROW, ROW],
        [ROW | {"path": "/small/"}],
        [ROW | {"host": "A.test"}],
    ],
)
def test_a_row_that_names_no_place_or_one_again_is_refused(rows: list[dict[str, str]]):
    with pytest.raises(ValueError, match=r"thumbnails\.csv"):
        thumbnails.read(rows)
