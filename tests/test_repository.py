"""The repository keeps its own promises: documentation is true, data is sound, nothing speaks of where it was made."""

import ast
import importlib.metadata
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import get_args

import click
import msgspec
import pytest

from blocklists import defaults, domain, parse
from deploy import cli, config, machine_file
from tests.support.commands import schoolgate, started
from tests.support.gateway import Gateway
from tests.support.scrape import scraped

ROOT = Path(__file__).parents[1]
CODE = [
    p
    for room in ("blocklists", "dns_filter", "proxy_addons", "reporting", "deploy")
    for p in (ROOT / room).rglob("*.py")
]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name.decode() for name in listed.split(b"\0") if name]


def settings(name="", kind=config.Config):
    """(key, default as TOML, words) of every setting of schoolgate.toml."""
    words = machine_file.words_of(kind)
    for field in msgspec.structs.fields(kind):
        key = f"{name}.{field.encode_name}" if name else field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from settings(key, field.type)
            continue
        yield key, default_of(field), words.get(field.name, "")
        if key in CHOSEN:
            yield from settings(f"{key}.{CHOSEN[key]}", get_args(field.type)[1])


CHOSEN = {"lists": "NAME", "subscriptions": "LABEL", "reporting.channels": "NAME"}
"""What stands in the documents for the keys that a school chooses."""


def default_of(field):
    """The default of a setting as TOML; none of a table, or where the school must say it."""
    if field.default is not msgspec.NODEFAULT:
        return machine_file.toml_value(field.default)
    default = {} if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "" if isinstance(default, dict) else machine_file.toml_value(default)


def test_every_setting_is_documented_with_its_default():
    rows = (ROOT / "docs/reference/configuration.md").read_text().splitlines()
    missing = [
        row
        for key, default, words in settings()
        if (row := f"| `{key}` | {f'`{default}`' if default else ''} | {words} |") not in rows
    ]
    assert not missing, "docs/reference/configuration.md lacks:\n" + "\n".join(missing)


def test_no_setting_is_documented_that_does_not_exist():
    documented = set(
        re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/reference/configuration.md").read_text(), re.MULTILINE)
    )
    assert documented == {key for key, _, _ in settings()}


def commands(group=cli.main, path=("schoolgate",)):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_and_option_is_documented():
    text = (ROOT / "docs/reference/commands.md").read_text()
    sections = dict(re.findall(r"^## (schoolgate .+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {name for name, _ in commands()}
    for name, command in commands():
        for option in (o for p in command.params if isinstance(p, click.Option) for o in p.opts):
            assert option in sections[name] or option == "--config", f"{name} {option}"


def test_every_metric_is_documented_with_its_type_and_meaning(tmp_path):
    rows = (ROOT / "docs/reference/metrics.md").read_text()
    documented = dict(re.findall(r"^\| `(schoolgate_\w+)` \| (.*) \|$", rows, re.MULTILINE))
    gateway = Gateway(tmp_path)
    with started("run", "--config", str(gateway.file), folder=tmp_path):
        ports = gateway.settings.config.metrics
        served = "".join(scraped(port) for port in (ports.dns, ports.peek, ports.worker, ports.reporting, ports.closed))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", served, re.MULTILINE))
    meanings = dict(re.findall(r"^# HELP (\S+) (.*)$", served, re.MULTILINE))
    assert documented.keys() == kinds.keys()
    for name, kind in kinds.items():
        assert documented[name].startswith(f"{kind} |"), name
        assert meanings[name] in documented[name], name


def examples():
    """(document, command) of each `schoolgate` line in a console block that needs nothing but a folder."""
    for path in DOCUMENTS:
        for block in re.findall(r"```console\n(.*?)```", path.read_text(), re.DOTALL):
            for line in re.findall(r"^\s*\$ .venv/bin/schoolgate (.+)$", block, re.MULTILINE):
                if not re.match(r"(run|demo)\b", line):
                    yield path.relative_to(ROOT), line


def test_the_examples_of_the_documents_run(tmp_path):
    """In the order of each document, in a fresh folder a document."""
    for document in sorted({d for d, _ in examples()}):
        folder = tmp_path / str(document).replace("/", "-")
        for line in (line for d, line in examples() if d == document):
            ran = schoolgate(*(word.replace("./my-school", str(folder)) for word in shlex.split(line)))
            assert ran.returncode == 0, f"{document}: {line}\n{ran.stderr}"


def test_the_readmes_explanation_is_what_the_command_prints(tmp_path):
    text = (ROOT / "README.md").read_text()
    shown = re.search(r"^games\.test for ks2.*?(?=^\.\.\.)", text, re.MULTILINE | re.DOTALL)[0]
    schoolgate("init", str(tmp_path / "s"))
    arguments = [
        "games.test",
        "--profile",
        "ks2",
        "--at",
        "2027-01-11T10:00",
        "--config",
        str(tmp_path / "s/schoolgate.toml"),
    ]
    assert schoolgate("explain", *arguments).stdout.startswith(shown)


def test_every_link_in_the_documents_leads_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
            if not target.startswith(("http://", "https://")):
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_opens_with_its_law(path):
    assert (
        ast.get_docstring(ast.parse(path.read_text())) or "migrations/versions" in str(path) or not path.stat().st_size
    )


def test_no_list_name_is_unreadable_doubled_or_out_of_order():
    for name, path in defaults.list_files().items():
        lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
        names = [line for line in lines if line]
        assert names == sorted(set(names)), name
        assert all(domain.canonical(one) == one for one in names), name


def names_of(*roles):
    return {
        n
        for row in defaults.table("lists")
        if row["role"] in roles
        for n in parse.parse_file(defaults.DATA / row["file"]).names
    }


def test_nothing_known_as_harmless_stands_on_a_list_of_harm():
    harm = {row["category"] for row in defaults.table("categories") if row["harm"] == "yes"}
    harmful = {
        n
        for row in defaults.table("lists")
        if row["category"] in harm
        for n in parse.parse_file(defaults.DATA / row["file"]).names
    }
    harmless = names_of("education", "positive", "approved", "always_open")
    assert not [n for n in harmless if any(suffix in harmful for suffix in domain.suffixes(n))]


def test_of_the_official_channels_class_dojo_alone_is_open_to_pupils():
    listed = parse.parse_file(defaults.list_files()["official-channels"]).names
    assert set(listed) == {"classdojo.com", "official-channels.test"}


def test_the_curriculum_and_help_sites_are_open_in_the_shipped_policy(tmp_path):
    """A corpus of learning and help sites that an age band must be able to open (POLICY: education first)."""
    from blocklists.clients import Client
    from blocklists.live import Live
    from blocklists.policy import Kind, Request, decide
    from deploy import setup

    made = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor")
    live = Live(config.load(made.folder / config.NAME).files)
    live.refresh()
    at = 1_799_661_600 * 10**9
    for name in names_of("education"):
        for profile in ("ks2", "ks3", "ks4", "ks5", "staff"):
            verdict = decide(live.policy, Request(Kind.DNS, Client("10.0.0.1", profile), name, at))
            assert not verdict.blocked, f"{name} for {profile}: {verdict}"
    for name in names_of("always_open"):
        for profile in live.policy.rulebook.profiles:
            verdict = decide(live.policy, Request(Kind.DNS, Client("10.0.0.1", profile), name, at))
            assert not verdict.blocked, f"{name} for {profile}: {verdict}"


def test_the_youngest_open_the_bbcs_learning_pages_and_no_others(tmp_path):
    from deploy import setup

    folder = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder
    for path, is_open in (("bitesize/a", True), ("cbeebies", True), ("news", False), ("bitesized", False), ("", False)):
        for profile in ("eyfs", "ks1"):
            url = f"https://www.bbc.co.uk/{path}"
            asked = ("explain", url, "--profile", profile, "--json", "--config", str(folder / "schoolgate.toml"))
            found = json.loads(schoolgate(*asked).stdout)["verdict"]["action"]
            assert (found == "allow") is is_open, f"{url} for {profile}: {found}"


def test_no_file_speaks_of_where_it_was_made():
    words = ["/work/" + "main", "/opt/" + "pypi", ".py" + "env/versions/3", "AI " + "assistant", "lang" + "uage model"]
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        for word in words:
            assert word not in text, f"{path.relative_to(ROOT)} says {word!r}"


def test_the_lock_is_hashed_and_names_no_index():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert not [line for line in lines if line.startswith(("-", "http:", "https:"))]
    names = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert all(line.rstrip().endswith("\\") for line in names)


def test_the_changelog_has_an_unreleased_part():
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()


def test_pure_modules_exist():
    listed = subprocess.run([ROOT / "tests/pure_modules.sh"], capture_output=True, text=True, check=True).stdout
    assert all((ROOT / name).is_file() for name in listed.strip().split(","))


def test_python_is_found_or_one_sentence_says_what_to_install(tmp_path):
    found = subprocess.run([ROOT / "deploy/find_python.sh"], capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert subprocess.run([found.stdout.strip(), "-c", "import sys; assert sys.version_info >= (3, 12)"], check=True)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    without = subprocess.run([ROOT / "deploy/find_python.sh"], env=bare, capture_output=True, text=True, check=False)
    if without.returncode:
        assert len(without.stderr.splitlines()) == 1
        assert "install" in without.stderr
    else:
        assert without.stdout.strip()


def test_the_program_says_its_version():
    assert schoolgate("--version").stdout.strip().endswith(importlib.metadata.version("schoolgate"))
