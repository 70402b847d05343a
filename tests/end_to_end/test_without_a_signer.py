"""When the signer is gone: what pupils see is a page or a closed connection, never an open filter."""

import contextlib
import signal

import pytest

from tests.support.commands import started, until
from tests.support.gateway import Gateway


def test_known_sites_show_their_page_new_ones_close_and_both_are_on_record(tmp_path):
    gateway, log = Gateway(tmp_path, names=("dice.test",)), tmp_path / "log"
    config = ("--config", str(gateway.file))
    with (
        started("peek", *config, folder=tmp_path),
        started("worker", *config, folder=tmp_path, log=log),
        started("reporting", *config, folder=tmp_path),
    ):
        with started("signer", *config, folder=tmp_path) as signer:
            assert gateway.blocked_page("gambling.test") == 403
            signer.send_signal(signal.SIGKILL)
            signer.wait(60)
        assert gateway.blocked_page("gambling.test") == 403
        with pytest.raises(OSError, match=r"."):
            gateway.blocked_page("dice.test")
        assert "The signer gives no answer" in log.read_text()
        with started("signer", *config, folder=tmp_path):
            assert answered(gateway, "dice.test") == 403
        until(lambda: {host for _, host, _ in gateway.breaches()} == {"gambling.test", "dice.test"})


def answered(gateway, host):
    """The status of a page, asked for until the worker tries the signer again."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            return gateway.blocked_page(host)
    return None
