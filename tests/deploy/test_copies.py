"""A copy that has come is noted whatever its author's or its folder's names are."""

import pytest

from blocklists.stored import Copy, Meta, Part
from deploy import config, copies, store
from deploy.contents import Contents
from deploy.copies import Arrival, State
from deploy.judgement import Ratios
from tests.support.list_server import many


@pytest.fixture
def files(tmp_path):
    return config.Settings(tmp_path / config.NAME, config.Config()).files


@pytest.mark.parametrize(
    ("origin", "unknown", "noted"),
    [
        ("/media/stick/lists", ("ga",), ("/media/stick/lists", ("ga",))),
        ("/media/ga\udcff", (), ("/media/ga?", ())),
        ("/media/stick", ("ga\udcff", "\x1b[2J"), ("/media/stick", ("ga ", " [2J"))),
    ],
)
def test_names_that_are_no_text_do_not_keep_a_copy_from_being_noted(files, origin, unknown, noted):
    with store.changing(files):
        content = store.new_folder(files, "a")
        (content / "list").write_bytes(many(5))
        copy = Copy(stamp=content.name, origin=origin, fetched_ns=1)
        arrival = Arrival(Meta(label="a"), copy, content, Contents((Part(list="games", path="list"),), unknown))
        assert copies.take(files, arrival, Ratios(), lambda _lines: None).state is State.FETCHED
    found = store.known(files, "a").current
    assert (found.origin, found.unknown, found.rules) == (*noted, {"games": 5})
