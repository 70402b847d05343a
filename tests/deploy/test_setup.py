import hashlib
import json
import stat

import pytest

from blocklists import sealed
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Reason, Request, decide
from deploy import config, listing, setup, toml_file

MONDAY_TEN = 1_799_661_600 * 10**9


@pytest.fixture
def made(tmp_path):
    return setup.init(tmp_path / "school", "Test School")


def decided(made, host, profile):
    live = Live(config.load(made.folder / config.NAME).files)
    live.refresh()
    client = Client(address="10.0.0.1", profile=profile)
    return decide(live.policy, Request(kind=Kind.DNS, client=client, host=host, at=MONDAY_TEN))


def test_a_new_folder_decides_at_once(made):
    assert decided(made, "gambling.test", "ks2").blocked
    assert not decided(made, "always-open.test", "ks1").blocked
    assert made.entries > 1000


def test_nothing_is_ever_overwritten(made):
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    with pytest.raises(toml_file.RefusedError, match="nothing was changed"):
        setup.init(made.folder, "Another School")
    assert {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()} == before


def test_keys_are_their_owners_and_the_token_is_stored_only_as_a_hash(made):
    keys = made.folder / "keys"
    for name in ("sealed.key", "journal.key", "ca.key", "enrolment"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600, name
    stored = json.loads((keys / "enrolment").read_bytes())
    assert stored["token_sha256"] == hashlib.sha256(made.token.encode()).hexdigest()
    everything = b"".join(p.read_bytes() for p in made.folder.rglob("*") if p.is_file())
    assert made.token.encode() not in everything


def test_a_list_can_be_taken_from_another_folder(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "gambling.txt").write_text("# emptied\n")
    made = setup.init(tmp_path / "school", "Test School", lists=lists)
    assert decided(made, "gambling.test", "ks2").reason is Reason.UNKNOWN
    assert decided(made, "social.test", "ks2").blocked


def test_a_sealed_list_closes_its_entries_and_is_nowhere_in_plain_text(made):
    settings = config.load(made.folder / config.NAME)
    entries, skipped = listing.seal_list(
        settings, "practice", iter([b"hidden.test\n", b"half.test/page\n", b"\n", b"?\n"])
    )
    assert (entries, skipped) == (2, 1)
    verdict = decided(made, "www.hidden.test", "staff")
    assert verdict.reason is Reason.SEALED
    everything = b"".join(p.read_bytes() for p in made.folder.rglob("*") if p.is_file())
    assert b"hidden" not in everything
    assert b"half.test" not in everything


def test_sealing_a_second_list_keeps_the_first(made):
    settings = config.load(made.folder / config.NAME)
    listing.seal_list(settings, "one", iter([b"one.test"]))
    listing.seal_list(settings, "two", iter([b"two.test"]))
    loaded = sealed.load(settings.files.sealed, settings.files.sealing_key)
    assert loaded.match_host("one.test").list == "one"
    assert loaded.match_host("two.test").list == "two"


def test_a_list_that_came_out_empty_or_shrunk_is_refused_and_the_index_stays(made):
    settings = config.load(made.folder / config.NAME)
    path = made.folder / "lists" / "gambling.txt"
    names = path.read_text()
    for text in ("", "<html><body>404 Not Found</body></html>\n", "gambling.test\n"):
        path.write_text(text)
        with pytest.raises(toml_file.RefusedError, match="--accept gambling"):
            listing.compile_lists(settings)
        assert decided(made, "gambling.test", "ks2").reason is Reason.CATEGORY
    listing.compile_lists(settings, frozenset({"gambling"}))
    path.write_text(names)
    listing.compile_lists(settings)


def test_an_empty_sealed_list_replaces_nothing(made):
    settings = config.load(made.folder / config.NAME)
    listing.seal_list(settings, "practice", iter([b"one.test", b"two.test", b"three.test"]))
    with pytest.raises(toml_file.RefusedError, match="0 entries, 3 are in force and stay"):
        listing.seal_list(settings, "practice", iter([]))
    with pytest.raises(toml_file.RefusedError, match="--accept"):
        listing.seal_list(settings, "practice", iter([b"one.test"]))
    assert decided(made, "two.test", "staff").reason is Reason.SEALED
    assert listing.seal_list(settings, "practice", iter([b"one.test"]), accept=True) == (1, 0)


def test_a_folder_of_lists_with_a_strange_file_is_refused(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "gamblng.txt").write_text("")
    with pytest.raises(toml_file.RefusedError, match="gamblng"):
        setup.init(tmp_path / "school", "Test School", lists=lists)
    assert not (tmp_path / "school").exists()
