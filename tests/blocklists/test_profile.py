import msgspec
import pytest

from blocklists import defaults
from blocklists.profile import STAFF_THEMES, Blocked, Pages, Profile, Unknown, Watch, Youtube

KS2 = Profile("KS2", "ks2", Pages.KS2)


@pytest.mark.parametrize(
    ("watch", "theme", "watched"),
    [
        (Watch.ALL, "self-harm", True),
        (Watch.ALL, "", True),
        (Watch.DEVICE, "self-harm", True),
        (Watch.STAFF, "self-harm", False),
        (Watch.STAFF, "", False),
        (Watch.NONE, "self-harm", False),
        (Watch.NONE, "illegal", False),
        *((Watch.STAFF, theme, True) for theme in sorted(STAFF_THEMES)),
    ],
)
def test_staff_are_watched_for_the_staff_list_and_visitors_for_nothing(watch: Watch, theme: str, watched: bool):
    assert msgspec.structs.replace(KS2, watch=watch).watches(theme) is watched


def test_the_staff_list_is_short():
    assert {"illegal", "radicalisation", "bypass", "malware"} == STAFF_THEMES


def test_a_new_profile_is_closed_where_nothing_is_known():
    assert (KS2.unknown, KS2.unknown_unopened) == (Unknown.CLOSED, Unknown.CLOSED)
    assert not list(KS2.problems("ks2"))


def test_problems_name_each_entry_that_cannot_be_read():
    profile = msgspec.structs.replace(KS2, allow=("bbc.test", "*"), block=("video.test/watch?v=1",))
    assert [problem.partition(":")[0] for problem in profile.problems("ks2")] == [
        "profiles.ks2.allow[1]",
        "profiles.ks2.block[0]",
    ]


def test_problems_name_a_page_that_cannot_be_told_apart_without_a_certificate():
    profile = msgspec.structs.replace(KS2, certificate=False, block=("bbc.test/news", "bets.test"))
    assert [problem.partition(":")[0] for problem in profile.problems("byod")] == ["profiles.byod.block[0]"]


def test_problems_name_a_scan_of_what_cannot_be_opened():
    profile = msgspec.structs.replace(KS2, unknown_unopened=Unknown.SCAN)
    assert [problem.partition(":")[0] for problem in profile.problems("ks2")] == ["profiles.ks2.unknown_unopened"]


def test_problems_name_a_limit_that_would_close_every_page():
    assert [problem.partition(":")[0] for problem in msgspec.structs.replace(KS2, scan_limit=0).problems("ks2")] == [
        "profiles.ks2.scan_limit"
    ]


@pytest.mark.parametrize("days", [-1, 367])
def test_problems_name_what_is_no_number_of_days(days):
    profile = msgspec.structs.replace(KS2, visits=days)
    assert [problem.partition(":")[0] for problem in profile.problems("ks2")] == ["profiles.ks2.visits"]


def test_a_profile_of_an_older_policy_keeps_no_visits():
    assert KS2.visits == 0


def test_an_unknown_key_is_refused():
    with pytest.raises(msgspec.ValidationError, match="blok"):
        msgspec.convert({"title": "KS2", "column": "ks2", "pages": "ks2", "blok": []}, Profile)


@pytest.mark.parametrize(("certificate", "answer"), [(True, Blocked.ADDRESS), (False, Blocked.NXDOMAIN)])
def test_a_closed_name_leads_to_a_page_only_where_one_can_be_shown(certificate: bool, answer: Blocked):
    assert msgspec.structs.replace(KS2, certificate=certificate).blocked_answer is answer


@pytest.mark.parametrize("certificate", [True, False])
@pytest.mark.parametrize("answer", ["address", "nxdomain", "nodata"])
def test_a_profile_says_itself_what_dns_answers_for_a_closed_name(answer: str, certificate: bool):
    profile = msgspec.structs.replace(KS2, blocked=Blocked(answer), certificate=certificate)
    assert profile.blocked_answer == answer


def test_what_a_policy_does_not_say_of_searches_is_strict():
    assert (KS2.safe_search, KS2.youtube) == (True, Youtube.STRICT)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scan": ("test",)}, "profiles.ks2.scan[0]: 'test' names every site"),
        (
            {"scan": ("site.test",), "certificate": False},
            "profiles.ks2.scan: the devices of 'ks2' carry no certificate",
        ),
        ({"upload_mb": -1}, "profiles.ks2.upload_mb: -1 is no size"),
        ({"upload_hosts": ("site.test/page",)}, "profiles.ks2.upload_hosts[0]: 'site.test/page' names no host"),
        ({"upload_hosts": ("*",)}, "profiles.ks2.upload_hosts[0]: '*' names no host"),
        ({"upload_hosts": ("test",)}, "profiles.ks2.upload_hosts[0]: 'test' names no host"),
        ({"beside_sealed": ("drive.test",)}, "profiles.ks2.beside_sealed: the devices of 'ks2' carry the certificate"),
        (
            {"beside_sealed": ("drive.test", "drive.test/page"), "certificate": False},
            "profiles.ks2.beside_sealed[1]: 'drive.test/page' names no host",
        ),
    ],
)
def test_what_is_carried_is_checked(changes: dict[str, object], says: str):
    assert [problem[: len(says)] for problem in msgspec.structs.replace(KS2, **changes).problems("ks2")] == [says]


def test_sound_bounds_are_no_problem():
    sound = msgspec.structs.replace(KS2, scan=("site.test/page",), upload_mb=0, upload_hosts=("class.test",))
    assert not list(sound.problems("ks2"))


def test_a_profile_without_its_certificate_is_good_and_opens_nothing_more():
    pages = Profile(
        "KS2",
        "ks2",
        Pages.KS2,
        allow=("a.test", "b.test/page", "c.test", "d.test"),
        block=("c.test/page", "e.test", "e.test/page"),
        scan=("f.test",),
    )
    unopened = pages.unopened()
    assert list(unopened.problems("ks2")) == []
    assert (unopened.certificate, unopened.scan) == (False, ())
    assert (unopened.allow, unopened.block) == (("a.test", "d.test"), ("c.test", "e.test"))


def test_each_shipped_profile_can_do_without_its_certificate():
    for name, profile in defaults.rulebook("Oak Lane School").profiles.items():
        assert list(profile.unopened().problems(name)) == []
