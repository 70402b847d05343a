"""What is allowed but probably not meant, one sentence each, for `--check`, `policy apply` and the start of `run`.

A remark stands in the way of nothing: whatever must not be put in force is refused in `checks`, `config` and the
rulebook. Everything here is read and nothing is changed.
"""

import contextlib
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from blocklists import defaults, endpoint, entry, snapshot
from blocklists.index import CURRENT, DamagedIndexError, Index
from blocklists.profile import Blocked, Code, Watch
from blocklists.rulebook import Category, Role, Rulebook, Severity
from deploy import policy_file, shown, store, toml_file
from deploy.config import Config, Settings
from reporting.settings import is_loopback


def of(settings: Settings, book: Rulebook) -> Iterator[str]:
    """Every remark on *settings* and on *book*, the rulebook that policy.toml says."""
    yield from (f"{settings.file}: {remark}" for remark in (*_machine(settings.config), *_shown(settings.config, book)))
    yield from (f"{settings.policy}: {remark}" for remark in (*_unshown(settings, book), *_policy(settings, book)))


def in_force(settings: Settings) -> Iterator[str]:
    """Every remark on *settings* and on the policy in force, which may be another than the file's."""
    yield from (f"{settings.file}: {remark}" for remark in _machine(settings.config))
    try:
        book = snapshot.read(settings.files.policy, Rulebook).body
    except (OSError, snapshot.SnapshotError):
        return  # the processes say so themselves
    yield from (f"{settings.file}: {remark}" for remark in _shown(settings.config, book))
    with contextlib.suppress(toml_file.RefusedError):
        yield from (f"{settings.policy}: {remark}" for remark in _unshown(settings, policy_file.read(settings.policy)))
    yield from (f"the policy in force: {remark}" for remark in _policy(settings, book))


def _machine(config: Config) -> Iterator[str]:
    if not config.networks:
        yield "networks: there is none, so nobody is answered; say who is where, then run schoolgate policy apply"
    if not config.dns.listen:
        yield "dns.listen: there is no address, so nobody can ask for a name"
    elif _unheard(config):
        says = "write the gateway's address in the pupils' network, for example 10.20.0.1:5300"
        yield f"dns.listen: only this machine can ask for a name there, and no network is on it; {says}"
    if not config.peek.places:
        yield "peek.listen: there is no address, so no client reaches the web filter"
    yield from _contacts(config)


def _unheard(config: Config) -> bool:
    """Whether DNS listens on loopback alone, and every network is somewhere else."""
    found = [endpoint.parse(text) for text in config.dns.listen]
    heard = any(one and not endpoint.is_loopback(one[0]) for one in found)
    networks = [ipaddress.ip_network(network.cidr, strict=False) for network in config.networks]
    return bool(networks) and not heard and not any(network.is_loopback for network in networks)


def _shown(config: Config, book: Rulebook) -> Iterator[str]:
    """Profiles whose devices could be shown a page for a closed name, and are given no address of it."""
    used = {network.profile for network in config.networks}
    names = [name for name, one in book.profiles.items() if name in used and one.blocked_answer is Blocked.ADDRESS]
    if names and not config.dns.closed_address_v4 and not config.dns.closed_address_v6:
        says = f"closed names do not exist for {', '.join(names)}, though their devices carry the certificate"
        yield f"dns.closed_address_v4: there is no address for closed names, so {says}"
    elif names and not config.closed.wanted:
        says = "a closed name is a refused connection and no page; write for example 10.99.0.1:8090"
        yield f"closed.listen: nothing listens at the closed address, so {says}"


def _contacts(config: Config) -> Iterator[str]:
    contacts, web_address = config.reporting.contacts, config.reporting.public_url
    if not (contacts.dsl or contacts.headteacher or contacts.chair):
        yield "reporting.contacts: there is no address, so nobody is told of an alert"
    elif not config.loopback_school and is_loopback(urlsplit(web_address).hostname or ""):
        says = "the link in a mail opens on this machine only; write the name that staff reach it by"
        yield f"reporting.public_url: {web_address}: {says}"
    if contacts.dsl_confirmed and not contacts.dsl:
        yield "reporting.contacts.dsl_confirmed: there is no address of the DSL (reporting.contacts.dsl) to confirm"


def _unshown(settings: Settings, book: Rulebook) -> Iterator[str]:
    if names := shown.unshown(settings, book):
        yield (
            f"no connection of {', '.join(names)} is opened, as their users were not shown the notice as it stands:"
            " show it (schoolgate proxy notice), put that on record (--shown, --by), then run schoolgate policy apply"
        )


def _policy(settings: Settings, book: Rulebook) -> Iterator[str]:
    index = _index(settings.files.index / CURRENT)
    yield from _lists(settings, book, index)
    if index:
        yield from _opened(book, index)
    yield from _beside_sealed(book)
    yield from _silenced(book, defaults.rulebook(book.school, book.time_zone))


def _index(folder: Path) -> Index | None:
    try:
        return Index(folder)
    except (OSError, DamagedIndexError):
        return None  # the processes say so themselves


def _lists(settings: Settings, book: Rulebook, index: Index | None) -> Iterator[str]:
    """Lists that close and open nothing, as nothing of them is in force."""
    compiled = index.manifest.rules.keys() if index else book.lists.keys()
    copies = _copies(settings)
    for name, sources in settings.sources(iter(book.lists)).items():
        missing = [str(source.path) for source in sources if not source.path.exists()]
        if missing and name not in copies:
            yield f"lists.{name}: there is no file {', '.join(missing)}; schoolgate lists compile needs it"
        elif name not in compiled:
            yield f"lists.{name}: not in the index yet; run schoolgate lists compile"


def _copies(settings: Settings) -> set[str]:
    """The lists that copies from outside feed: they need no file of their own."""
    try:
        return set(store.sources(settings.files))
    except (OSError, ValueError):
        return set()  # `schoolgate lists status` says so


def _opened(book: Rulebook, index: Index) -> Iterator[str]:
    """The allow entries that open what is locked for their profile."""
    for name, profile in book.profiles.items():
        for place, text in enumerate(profile.allow):
            parsed = entry.parse(text)
            if parsed and (locked := _locked(book, index, parsed.host, profile.column)):
                yield (
                    f"profiles.{name}.allow[{place}]: {text} opens what is locked for {name} ({', '.join(locked)});"
                    " remove it unless leadership has decided so and written down why"
                )


def _locked(book: Rulebook, index: Index, host: str, column: str) -> list[str]:
    """The categories of *host* that are locked in *column*."""
    listed = (book.lists.get(name) for listing in index.listed(host) for name in listing.lists)
    found = {use.category for use in listed if use and use.role is Role.CATEGORY and use.category in book.categories}
    return sorted(key for key in found if book.categories[key].codes.get(column) is Code.LOCKED)


def _beside_sealed(book: Rulebook) -> Iterator[str]:
    """Each host that somebody reaches beside sealed URLs (G24), whether or not any list has one there (G23)."""
    for name, profile in book.profiles.items():
        for text in profile.beside_sealed:
            says = "a filter with the IWF's list is needed on the line before this one"
            yield f"profiles.{name}.beside_sealed: {name} reaches {text}, whose sealed pages stay open here; {says}"


def _silenced(book: Rulebook, shipped: Rulebook) -> Iterator[str]:
    """The alerts and the watching that ship and that *book* switches off."""
    for name, category in shipped.categories.items():
        if name in book.categories and category.theme and category.severity("") >= Severity.URGENT:
            yield from _unalerted(name, book.categories[name], category)
    for name, profile in shipped.profiles.items():
        other = book.profiles.get(name)
        if other and profile.watch is Watch.ALL and other.watch is Watch.NONE:
            yield f'profiles.{name}.watch: "none": no alert is raised, whatever {name} asks for'


def _unalerted(name: str, category: Category, shipped: Category) -> Iterator[str]:
    ships = f"shipped is {str(shipped.alert)!r} with the theme {shipped.theme!r}"
    if not category.theme:
        yield f"categories.{name}.theme: no alert is raised for a category without a theme; {ships}"
    if not category.severity(""):
        yield f"categories.{name}.alert: no alert is raised for {str(category.alert)!r}; {ships}"
    for column in category.alerts:
        if not category.severity(column):
            yield f"categories.{name}.alerts.{column}: no alert is raised for {column}; {ships}"
