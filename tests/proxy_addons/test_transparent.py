"""Devices that know of no proxy: the kernel turns their connections, and the front door reads where they went."""

import json
import shutil

import pytest

from tests.support.network import USABLE, Network

pytestmark = pytest.mark.skipif(
    not USABLE or not shutil.which("nft"), reason="a network of its own takes root, util-linux, iproute2 and nftables"
)


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    """What each device met."""
    folder = tmp_path_factory.mktemp("transparent")
    with Network(tmp_path_factory.mktemp("network")) as network:
        process = network.start("-m", "tests.support.transparent_school", str(folder))
        line = process.stdout.readline()
        assert line, "it ended early"
        return json.loads(line)


@pytest.mark.parametrize("version", ["IPv4", "IPv6"])
def test_a_pupils_device_meets_what_the_policy_says_wherever_it_goes(met, version):
    assert met[f"ks2 {version}"]["tls"] == {
        "good.test": "itself 200",
        "unknown.test": "the school 200",
        "gambling.test": "the school 403",
        "None": "the school 403",
    }


@pytest.mark.parametrize("version", ["IPv4", "IPv6"])
def test_a_visitors_connection_is_relayed_or_ended_with_an_alert(met, version):
    assert met[f"visitor {version}"]["tls"] == {
        "good.test": "itself 200",
        "unknown.test": "itself 200",
        "gambling.test": "TLSV1_ALERT_ACCESS_DENIED",
        "None": "TLSV1_ALERT_ACCESS_DENIED",
    }


@pytest.mark.parametrize("device", ["ks2 IPv4", "ks2 IPv6", "visitor IPv4", "visitor IPv6"])
def test_plain_pages_are_judged_by_their_host(met, device):
    assert met[device]["http"] == {"good.test": "200", "gambling.test": "403"}


@pytest.mark.parametrize("device", ["ks2 IPv4", "ks2 IPv6", "visitor IPv4", "visitor IPv6"])
def test_what_is_no_tls_is_closed(met, device):
    assert met[device]["ssh"] == ""


def test_a_device_that_goes_to_the_front_doors_own_port_is_closed_out(met):
    assert met["direct"] == ["", ""]
    assert met["broken"] == 2


def test_what_was_refused_is_on_record(met):
    assert ["ks2", "gambling.test"] in met["breaches"]
    assert ["visitor", "gambling.test"] in met["breaches"]
