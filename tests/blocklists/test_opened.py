import msgspec

from blocklists import defaults, opened
from blocklists.profile import Profile, Youtube

BOOK = msgspec.structs.replace(defaults.rulebook("School"), tenants={"dropbox": "team"})
PUPIL = BOOK.profiles["ks2"]


def hosts(**changes: object) -> frozenset[str]:
    profile: Profile = msgspec.structs.replace(PUPIL, **changes)
    return opened.hosts(BOOK, profile)


def test_a_profile_without_the_certificate_opens_nothing():
    assert not hosts(certificate=False)


def test_what_carries_a_header_of_ours_is_opened():
    assert {"www.youtube.com", "dropbox.com"} <= hosts()
    assert "login.live.com" not in hosts()
    assert not hosts(youtube=Youtube.OFF, tenants=False)


def test_pictures_of_a_search_are_opened_where_they_are_hidden():
    assert "th.bing.com" in hosts(thumbnails=False)
    assert "th.bing.com" not in hosts()
