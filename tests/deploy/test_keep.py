from pathlib import Path

import pytest

from deploy import config, keep
from dns_filter.settings import DnsSettings, DohSettings


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("", ["signer", "dns-0", "worker-0", "reporting"]),
        ("https://dns.test/dns-query", ["signer", "doh", "dns-0", "worker-0", "reporting"]),
    ],
)
def test_a_resolver_over_https_has_a_process_where_one_is_named(url, names):
    settings = config.Settings(Path("schoolgate.toml"), config.Config(dns=DnsSettings(doh=DohSettings(url=url))))
    assert [spec.name for spec in keep.specs(settings)] == names
