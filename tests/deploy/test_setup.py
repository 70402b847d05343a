import hashlib
import json
import stat

import pytest

from blocklists import sealed
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Reason, Request, decide
from deploy import config, setup, toml_file

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
    entries, skipped = setup.seal_list(
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
    setup.seal_list(settings, "one", iter([b"one.test"]))
    setup.seal_list(settings, "two", iter([b"two.test"]))
    loaded = sealed.load(settings.files.sealed, settings.files.sealing_key)
    assert loaded.match_host("one.test").list == "one"
    assert loaded.match_host("two.test").list == "two"
