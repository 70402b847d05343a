from pathlib import Path

import pytest

from deploy import config, keep
from dns_filter.settings import DnsSettings, DohSettings
from proxy_addons.closed_settings import ClosedSettings


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("", ["signer", "dns-0", "peek-0", "worker-0", "reporting"]),
        ("https://dns.test/dns-query", ["signer", "doh", "dns-0", "peek-0", "worker-0", "reporting"]),
    ],
)
def test_a_resolver_over_https_has_a_process_where_one_is_named(url, names):
    settings = config.Settings(Path("schoolgate.toml"), config.Config(dns=DnsSettings(doh=DohSettings(url=url))))
    assert [spec.name for spec in keep.specs(settings)] == names


@pytest.mark.parametrize("key", ["listen", "listen_tls"])
def test_the_closed_address_has_a_process_where_it_has_somewhere_to_listen(key):
    given = config.Config(closed=ClosedSettings(**{key: ("127.0.0.81:8081",)}))
    specs = keep.specs(config.Settings(Path("schoolgate.toml"), given))
    assert [spec.name for spec in specs] == ["signer", "dns-0", "peek-0", "worker-0", "closed", "reporting"]
