"""schoolgate.toml as a new school gets it: every setting with its default, and what it is for.

The words are the docstrings that stand under the settings' fields, so a setting is described in one place.
"""

import ast
import inspect
import json
import textwrap

import msgspec

from deploy import config


def text() -> str:
    """The schoolgate.toml of a new school: every setting with its default and what it is for."""
    blocks = [HEAD, *_table("", config.Config), NETWORKS]
    for field in msgspec.structs.fields(config.Config):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            blocks += _table(field.name, field.type)
    return "\n".join([*blocks, CHANNELS, HOSTS, FORWARD, LISTS])


HEAD = """\
# The settings of this machine. Who may see what is in policy.toml.
# Relative paths start from this file's folder. Check a change with `schoolgate run --check`; a running Schoolgate reads
# this file again on SIGHUP (systemctl reload schoolgate-dns@0, and so on).
"""

LISTS = """\
# A list is read from its own file in the folder of lists, unless it is named here.
# [lists.gambling]
# file = "subscribed/gambling.hosts"
# format = "hosts"

# Lists that `schoolgate lists update` fetches; several may feed one list, beside the school's own file. The label is
# yours to choose: [subscriptions.LABEL].
# [subscriptions.ut1]
# url = "https://dsi.ut-capitole.fr/blacklists/download/blacklists.tar.gz"
# checksum_url = "https://dsi.ut-capitole.fr/blacklists/download/MD5SUM.LST"
# taxonomy = "ut1"
# [subscriptions.betting]
# url = "https://lists.example.org/gambling.hosts.gz"
# list = "gambling"
"""

BY_HAND = {("", "networks"), ("", "lists"), ("", "subscriptions"), ("dns", "hosts"), ("dns", "forward")} | {
    ("reporting", "channels"),
    ("reporting.contacts", "persons"),
}
"""Tables that a school fills, as (table, key): an example stands in the file instead of a default."""

CHANNELS = """\
# Other ways that alerts take beside mail, by a name of your choice; the address is a secret, in a file of its own.
# [reporting.channels.phones]
# url_file = "keys/phones"
# roles = ["dsl", "on_call"]

# The person numbers of those who are told, so that nobody is told of themselves.
# [reporting.contacts.persons]
# dsl = 12
"""

HOSTS = """\
# Names that the DNS filter answers itself, with their addresses; the addresses lead back to the names.
# [dns.hosts]
# "printer.school.internal" = ["10.20.0.9"]
"""

FORWARD = """\
# Zones, or networks for their reverse zones, that other resolvers know. They are asked for them and nobody else is;
# names there may have private addresses.
# [dns.forward]
# "school.internal" = ["10.20.0.2:53", "10.20.0.3:53"]
# "10.20.0.0/16" = ["10.20.0.2:53"]
"""

NETWORKS = """\
# Which networks are answered, and the profile of whoever is in one. The longest prefix wins; others get no answer.
# networks = [
#     { cidr = "10.20.0.0/16", profile = "ks2" },
#     { cidr = "10.30.0.0/16", profile = "staff" },
# ]
"""


def _table(name: str, kind: type[msgspec.Struct]) -> list[str]:
    """A TOML table with every plain setting of *kind*, each under its description; nested tables follow it."""
    words = words_of(kind)
    lines, nested = ([f"[{name}]"] if name else []), []
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            nested += _table(f"{name}.{field.name}", field.type) if name else []
        elif (name, field.name) not in BY_HAND:
            value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            lines += [*_comment(words[field.name]), f"{field.encode_name} = {toml_value(value)}"]
    return ["\n".join(lines) + "\n", *nested]


def _comment(words: str) -> list[str]:
    return textwrap.wrap(words[:1].upper() + words[1:], width=110, initial_indent="# ", subsequent_indent="# ")


def toml_value(value: object) -> str:
    """*value* as TOML; the settings' defaults are texts, numbers, truths and lists of these."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(str(value))


def words_of(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What each setting of *kind* is for: the docstring that stands under the field."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    words = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            assert isinstance(after.value, ast.Constant)
            words[field.target.id] = " ".join(str(after.value.value).split())
    return words
