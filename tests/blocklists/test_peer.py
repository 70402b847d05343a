"""Where names lead that a server redirects to: real addresses of the outside, in a network namespace of our own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = """
11.0.0.1 lists.test
11.0.0.2 mirror.test
127.0.0.1 schoolgate.internal localhost.localdomain own.test
10.1.1.1 private.test
"""
"""The 11s are of the outside world; here they are of the namespace's own loopback."""
ALONE = ["unshare", "--map-root-user", "--net", "--mount"]
PREPARE = """
ip link set lo up
for address in 11.0.0.1 11.0.0.2 10.1.1.1; do ip address add $address/32 dev lo; done
mount --bind "$1" /etc/hosts
shift
exec "$@"
"""
FETCH = """
import asyncio, json, sys
from pathlib import Path
from blocklists import fetch
from tests.support.list_server import ListServer, Reply

first, then, address_of_first, address_of_then, target = sys.argv[1:]
with ListServer(address=address_of_first) as one, ListServer(address=address_of_then) as other:
    port, at = one.url.rpartition(":")[2], other.url.rpartition(":")[2]
    one.replies["/a"] = Reply(status=302, headers={"Location": f"http://{then}:{at}/list"})
    other.replies["/list"] = Reply(b"a.test\\n")
    try:
        asyncio.run(fetch.fetch(fetch.Wanted(f"http://{first}:{port}/a"), Path(target)))
        said = ""
    except fetch.FetchError as error:
        said = str(error)
    print(json.dumps([said, len(other.requests)]))
"""


def can_be_alone():
    tried = subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return not tried.returncode


@pytest.fixture(scope="module")
def alone():
    try:
        if can_be_alone():
            return ALONE
    except FileNotFoundError:
        pass
    pytest.skip("unshare cannot make a network namespace here")


def redirected(alone, folder, first, then, *addresses):
    """What is said of a redirect from the name *first* to *then*, and how often the second server was asked."""
    (folder / "hosts").write_text(HOSTS)
    script = [sys.executable, "-c", FETCH, first, then, *addresses, str(folder / "target")]
    ran = subprocess.run(
        [*alone, "sh", "-euc", PREPARE, "sh", str(folder / "hosts"), *script],
        cwd=ROOT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("then", "address"),
    [("schoolgate.internal", "127.0.0.1"), ("localhost.localdomain", "127.0.0.1"), ("private.test", "10.1.1.1")],
)
def test_a_server_outside_may_not_redirect_to_a_name_that_leads_inside(alone, tmp_path, then, address):
    says = "the server redirects to a name that leads to this machine or into a private network"
    assert redirected(alone, tmp_path, "lists.test", then, "11.0.0.1", address) == [says, 0]


@pytest.mark.parametrize(
    ("first", "then", "addresses"),
    [
        ("lists.test", "mirror.test", ("11.0.0.1", "11.0.0.2")),
        ("own.test", "private.test", ("127.0.0.1", "10.1.1.1")),
        ("own.test", "lists.test", ("127.0.0.1", "11.0.0.1")),
    ],
    ids=["outside", "inside", "from inside to outside"],
)
def test_other_redirects_are_followed(alone, tmp_path, first, then, addresses):
    assert redirected(alone, tmp_path, first, then, *addresses) == ["", 1]
