import msgspec
import pytest

from blocklists.profile import Pages, Profile
from blocklists.transfers import Rules, refused
from blocklists.verdict import Action, Reason, Verdict

PUPIL = Profile("KS2", "ks2", Pages.KS2, upload_mb=1, closed_uploads=("program",), upload_hosts=("class.test",))
OPEN = Verdict(Action.ALLOW, Reason.UNKNOWN)


def rules(**changes: object) -> Rules:
    return Rules(msgspec.structs.replace(PUPIL, **changes))


@pytest.mark.parametrize(("size", "too_long"), [(1_000_000, False), (1_000_001, True)])
def test_an_upload_is_as_long_as_the_profile_says(size: int, too_long: bool):
    assert rules().is_too_long(size) is too_long
    assert not rules(upload_mb=None).is_too_long(size)


@pytest.mark.parametrize("reason", Reason)
def test_uploads_to_sites_on_the_schools_lists_are_not_weighed(reason: Reason):
    trusted = reason in {Reason.ALWAYS_OPEN, Reason.APPROVED, Reason.EDUCATION}
    assert rules().weighs_uploads_to("site.test", Verdict(Action.ALLOW, reason)) is not trusted


@pytest.mark.parametrize(("host", "weighed"), [("class.test", False), ("a.class.test", False), ("myclass.test", True)])
def test_nor_are_those_to_the_hosts_that_the_profile_names(host: str, weighed: bool):
    assert rules().weighs_uploads_to(host, OPEN) is weighed


def test_a_profile_without_a_bound_weighs_nothing():
    assert not rules(upload_mb=None, closed_uploads=()).weighs_uploads_to("site.test", OPEN)
    assert rules(upload_mb=None).weighs_uploads_to("site.test", OPEN)
    assert rules(closed_uploads=()).weighs_uploads_to("site.test", OPEN)


def test_a_refusal_says_what_was_carried_and_of_what_category_its_site_is():
    permitted = Verdict(Action.ALLOW, Reason.CATEGORY, category="forums", code="S", list="forums", rule="x", until=5)
    found = refused(permitted, Reason.DOWNLOAD, "program")
    assert (found.action, found.reason, found.rule, found.list) == (Action.BLOCK, Reason.DOWNLOAD, "program", "")
    assert (found.category, found.code, found.until, found.inspect) == ("forums", "S", None, True)


def test_but_not_of_what_category_it_is_where_that_is_nobodys_to_read():
    permitted = Verdict(Action.ALLOW, Reason.CATEGORY, category="information", code="O", personal=True)
    found = refused(permitted, Reason.UPLOAD, "size")
    assert (found.category, found.code) == ("", "")
