"""A gateway whose filter is the only resolver of its network: dig, kdig and Chromium use it like any other."""

import re
import shutil

import pytest

from tests.support.commands import until
from tests.support.gateway import CLOSED_ADDRESS, WEB_SITES, Gateway
from tests.support.network import ROOT, USABLE, Network
from tests.support.zone import LONG

PAGES = {WEB_SITES: "<title>A page of the school's own</title>", CLOSED_ADDRESS: "<title>This site is closed</title>"}
RECORDS = (
    f"positive.test. 300 IN A {WEB_SITES}",
    'positive.test. 300 IN TXT "some text"',
    "positive.test. 300 IN TYPE65280 \\# 4 0a000001",
    f"gambling.test. 300 IN A {WEB_SITES}",
    "7.0.0.193.in-addr.arpa. 300 IN PTR positive.test.",
)
pytestmark = pytest.mark.skipif(not USABLE, reason="only root makes a network of its own")


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"needs {program}")


both = pytest.mark.parametrize("tool", [pytest.param(name, marks=needs(name)) for name in ("dig", "kdig")])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Inside are the upstream, the filter at 127.0.0.1:53, and a web server with one page."""
    folder = tmp_path_factory.mktemp("network")
    gateway = Gateway(folder)
    text = gateway.file.read_text()
    gateway.file.write_text(text.replace(f"127.0.0.1:{gateway.dns}", "127.0.0.1:53"))
    with Network(folder) as inside:
        assert inside.start("-m", "tests.support.zone", str(gateway.upstream), *RECORDS).stdout.readline()
        for address, content in PAGES.items():
            (site := folder / address).mkdir()
            (site / "index.html").write_text(content)
            inside.start("-m", "http.server", "80", "--bind", address, "--directory", str(site))
        inside.start("-m", "deploy.cli", "dns", "--config", str(gateway.file))
        until(lambda: inside.succeeds("getent", "hosts", "positive.test"))
        yield inside


@both
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_an_open_name_has_its_address(network, tool, way):
    assert network.run(tool, way, "+short", "positive.test").split() == [WEB_SITES]


@both
def test_a_blocked_name_has_the_closed_address_and_an_extended_error(network, tool):
    said = network.run(tool, "+edns=0", "gambling.test")
    assert CLOSED_ADDRESS in said
    assert "EDE: 1" in said


@both
def test_a_long_answer_comes_over_tcp_by_itself(network, tool):
    assert len(network.run(tool, "+short", LONG, "TXT").split()) == 40


@both
def test_a_reverse_name_is_found(network, tool):
    assert network.run(tool, "+short", "-x", "193.0.0.7") == "positive.test.\n"


@both
def test_a_type_that_nobody_knows_is_shown(network, tool):
    assert "0A000001" in network.run(tool, "positive.test", "TYPE65280").upper().replace(" ", "")


@both
@pytest.mark.parametrize(
    "option", ["+dnssec", "+cdflag", "+bufsize=512", "+ednsopt=65001:abcd", "+noedns", "+subnet=192.0.2.0/24", "+nsid"]
)
def test_options_of_the_tools_disturb_nothing(network, tool, option):
    said = network.run(tool, option, "positive.test")
    assert "NOERROR" in said
    assert WEB_SITES in said
    assert "WARNING" not in said


@both
def test_an_older_server_is_not_taken_for_a_newer_one(network, tool):
    assert "BADVERS" in network.run(
        tool, "+edns=1", "+noednsnegotiation" if tool == "dig" else "+edns=1", "positive.test"
    )


@needs("kdig")
def test_kdig_keeps_a_connection_open_for_several_questions(network):
    said = network.run("kdig", "+tcp", "+keepopen", "+short", "positive.test", "gambling.test", "positive.test")
    assert said.split() == [WEB_SITES, CLOSED_ADDRESS, WEB_SITES]


@needs("dig")
def test_the_version_of_what_runs_is_nobodys_business(network):
    assert "REFUSED" in network.run("dig", "version.bind", "CH", "TXT")


def documented():
    """(command, what it shows) of each dig and kdig in the how-to."""
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "docs/how-to/dns.md").read_text(), re.DOTALL):
        for command, shown in re.findall(r"^\$ (k?dig .*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield pytest.param(command, shown, marks=needs(command.split()[0]), id=command)


def lines(text):
    """The lines that are the same wherever it runs: without numbers of questions."""
    fixed = re.sub(r"id: \d+", "id", text).replace("127.0.0.80", WEB_SITES)
    return [" ".join(line.split()) for line in fixed.splitlines() if line]


@pytest.mark.parametrize(("command", "shown"), list(documented()))
def test_the_how_to_shows_what_the_tools_print(network, command, shown):
    printed = lines(network.run(*command.replace("-p 5300 ", "").split()))
    assert [line for line in printed if line in lines(shown)] == lines(shown)


@needs("chromium")
@pytest.mark.parametrize(
    ("name", "address"), [("positive.test", WEB_SITES), ("gambling.test", CLOSED_ADDRESS)], ids=["open", "closed"]
)
def test_chromium_meets_the_page_of_the_address_that_the_filter_gives(network, tmp_path, name, address):
    """It asks the resolver that the system names."""
    options = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", f"user-data-dir={tmp_path}")
    found = network.run("chromium", *(f"--{option}" for option in options), "--dump-dom", f"http://{name}/")
    assert PAGES[address] in found
