import hashlib
import json

import pytest

from deploy import config, invitation, setup, toml_file
from tests.support.commands import schoolgate


@pytest.fixture
def school(tmp_path):
    return setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder / config.NAME


def test_an_invitation_keeps_the_hash_and_prints_the_token_once(school):
    ran = schoolgate("account", "invite", "dsl", "headteacher", "--json", "--config", str(school))
    said = json.loads(ran.stdout)
    files = config.load(school).files
    (left,) = (files.state / invitation.FOLDER).iterdir()
    assert left.name == hashlib.sha256(said["token"].encode()).hexdigest()
    assert json.loads(left.read_text())["roles"] == "dsl,headteacher"
    assert said["token"] not in left.read_text()
    assert said["page"].endswith("/enrol")


def test_a_role_that_is_none_is_refused(school):
    with pytest.raises(toml_file.RefusedError, match="caretaker is no role; the roles are technician, dsl"):
        invitation.invite(config.load(school).files, ("caretaker",))
