"""Whose connections nobody opens."""

import msgspec
import pytest

from blocklists.live import Live
from blocklists.profile import Code
from blocklists.rulebook import Category, ListUse, Role
from proxy_addons.never_opened import is_never_opened
from tests.support.proxy_school import School, rulebook


@pytest.mark.parametrize(
    ("host", "use", "never"),
    [
        ("help.test", ListUse(Role.ALWAYS_OPEN), True),
        ("www.help.test", ListUse(Role.ALWAYS_OPEN), True),
        ("help.test", ListUse(Role.CATEGORY, "essential"), True),
        ("help.test", ListUse(Role.CATEGORY, "information"), True),
        ("help.test", ListUse(Role.CATEGORY, "games"), False),
        ("help.test", ListUse(Role.POSITIVE), False),
        ("help.test", None, False),
        ("unknown.test", ListUse(Role.ALWAYS_OPEN), False),
    ],
)
def test_helplines_banks_and_health_are_never_opened(
    school: School, host: str, use: ListUse | None, never: bool
) -> None:
    book = rulebook()
    lists = {name: kept for name, kept in book.lists.items() if name != "help"} | ({"help": use} if use else {})
    plain = Category("Plain", "plain", dict.fromkeys(("ks1", "ks2", "ks3", "staff", "visitor"), Code.OPEN))
    categories = book.categories | {"essential": plain, "information": plain}
    school.write_policy(msgspec.structs.replace(book, lists=lists, categories=categories), version=2)
    live = Live(school.files, sealed_lists=False)
    live.refresh()
    assert is_never_opened(live.policy, host) is never
