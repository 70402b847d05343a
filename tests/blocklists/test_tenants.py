import msgspec
import pytest

from blocklists import tenants
from blocklists.profile import Pages, Profile, Youtube

ROWS = tenants.shipped()
PUPIL = Profile("KS2", "ks2", Pages.KS2)
VALUES = {"google": "oaklane.test", "microsoft": "oaklane.test", "slack": "oaklane"}
ROW = {"service": "a", "needs": "a", "hosts": "a.test", "header": "X-A", "value": "{}", "opened": "yes", "note": ""}


def held(values: dict[str, str] = VALUES, **changes: object) -> tenants.Restrictions:
    return tenants.Restrictions(ROWS, values, msgspec.structs.replace(PUPIL, **changes))


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("mail.google.com", {"X-GoogApps-Allowed-Domains": "oaklane.test"}),
        ("login.microsoftonline.com", {"Restrict-Access-To-Tenants": "oaklane.test"}),
        ("login.live.com", {"sec-Restrict-Tenant-Access-Policy": "restrict-msa"}),
        ("oaklane.slack.com", {"X-Slack-Allowed-Workspaces": "oaklane"}),
        ("www.youtube.com", {"YouTube-Restrict": "Strict"}),
        ("dropbox.com", {}),
        ("notgoogle.com", {}),
    ],
)
def test_a_host_gets_the_headers_of_the_services_that_the_school_named(host: str, headers: dict[str, str]):
    assert dict(held().on(host).sent) == headers


@pytest.mark.parametrize(("mode", "value"), [(Youtube.STRICT, "Strict"), (Youtube.MODERATE, "Moderate")])
def test_youtube_is_the_profiles_own(mode: Youtube, value: str):
    assert held({"youtube": "Off"}, youtube=mode).on("m.youtube.com").sent == (("YouTube-Restrict", value),)


def test_a_school_cannot_say_youtubes_mode_beside_the_profile():
    assert not held({"youtube": "Moderate"}, youtube=Youtube.OFF).on("m.youtube.com").sent


def test_a_profile_that_is_not_held_sends_nothing_and_no_client_of_it_forges_anything():
    found = held(tenants=False, youtube=Youtube.OFF)
    assert not found.on("login.live.com").sent
    assert found.on("login.live.com").unsent == {"sec-restrict-tenant-access-policy"}
    assert not found.opened


def test_only_hosts_where_something_is_sent_are_opened():
    assert "login.live.com" in held().opened
    assert "dropbox.com" not in held().opened
    assert "google.com" not in held().opened
    assert "accounts.google.com" in held().opened


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"googel": "x"}, "there is no such service"),
        ({"google": ""}, "cannot stand in a header"),
        ({"google": "a\r\nX: b"}, "cannot stand in a header"),
        ({"google": "sch\N{LATIN SMALL LETTER O WITH DIAERESIS}n"}, "cannot stand in a header"),
        ({"google": " a"}, "cannot stand in a header"),
        ({"youtube": "Off"}, "there is no such service"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(values: dict[str, str], says: str):
    assert [says in problem for problem in tenants.problems(values, tenants.services(ROWS))] == [True]


def test_a_sound_value_is_no_problem():
    assert not list(tenants.problems(VALUES, tenants.services(ROWS)))


@pytest.mark.parametrize(
    "changes",
    [{"hosts": ""}, {"hosts": "nodot"}, {"hosts": "A.test"}, {"service": ""}, {"header": ""}, {"opened": "maybe"}],
)
def test_a_row_that_names_nothing_is_refused(changes: dict[str, str]):
    with pytest.raises(ValueError, match=r"tenants\.csv"):
        tenants.read([ROW | changes])
