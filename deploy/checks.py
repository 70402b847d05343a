"""What `--check` looks at beyond schoolgate.toml itself: the policy, the files that it names, what is in force.

Everything is read and nothing is changed. What the file by itself says wrongly is `config_problems`.
"""

from collections.abc import Iterator
from pathlib import Path

from blocklists import sealed_marker, snapshot, taxonomy
from blocklists.clients import Clients
from blocklists.rulebook import Rulebook
from deploy import guard, key_files, policy_file
from deploy.config import Settings
from deploy.toml_file import RefusedError
from reporting import shipped_rules
from reporting.alert_rules import RuleError


def check_profiles(settings: Settings, book: Rulebook) -> None:
    """RefusedError if a network has a profile that *book* does not know."""
    unknown = [
        f"{settings.file}: networks[{place}].profile: there is no profile {network.profile!r} in {settings.policy};"
        f" the profiles are {', '.join(book.profiles)}"
        for place, network in enumerate(settings.config.networks)
        if network.profile not in book.profiles
    ]
    if unknown:
        raise RefusedError(unknown)


def check_whole(settings: Settings) -> Rulebook:
    """The policy's rulebook; RefusedError if it, a file that is named, or a network not in force stands in the way."""
    book = policy_file.read(settings.policy)
    check_profiles(settings, book)
    problems = [
        *(problem for key, path in _lists(settings).items() for problem in key_files.unreadable(key, path)),
        *key_files.dns_problems(settings),
        *key_files.signer_problems(settings),
        *key_files.proxy_problems(settings),
        *key_files.pages_problems(settings),
        *key_files.database_problems(settings),
        *key_files.mail_problems(settings),
        *key_files.channel_problems(settings),
        *key_files.lists_problems(settings),
        *_subscriptions(settings, book),
    ]
    beside = [
        *not_in_force(settings),
        *_alert_rules(settings),
        *sealed_marker.problems(settings.files),
        *guard.damage(settings.files.index),
    ]
    if found := [f"{settings.file}: {problem}" for problem in problems] or beside:
        raise RefusedError(found)
    return book


def _alert_rules(settings: Settings) -> Iterator[str]:
    """What keeps the school's own table of what alerts from being used, if it has one."""
    try:
        shipped_rules.of_school(settings.folder)
    except (RuleError, OSError) as error:
        yield str(error)


def _lists(settings: Settings) -> dict[str, Path]:
    return {f"lists.{name}.file": settings.path(one.file) for name, one in settings.config.lists.items()}


def _subscriptions(settings: Settings, book: Rulebook) -> Iterator[str]:
    """Subscriptions that feed no list of *book*."""
    for label, one in settings.config.subscriptions.items():
        if one.list and one.list not in book.lists:
            there = f"{settings.policy}; the lists are {', '.join(sorted(book.lists))}"
            yield f"subscriptions.{label}.list: there is no list {one.list!r} in {there}"
        if one.taxonomy and one.taxonomy not in taxonomy.sources():
            there = ", ".join(taxonomy.sources()) or "none"
            yield f"subscriptions.{label}.taxonomy: there is no taxonomy {one.taxonomy!r}; the taxonomies are {there}"


def not_in_force(settings: Settings) -> Iterator[str]:
    """One sentence if the networks that are answered are not those of the file."""
    try:
        in_force = snapshot.read(settings.files.clients, Clients).body.networks
    except (OSError, snapshot.SnapshotError):
        in_force = ()
    if in_force != settings.config.networks:
        yield f"{settings.file}: networks: these are not the networks in force; run schoolgate policy apply"
