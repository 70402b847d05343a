"""A school's gateway as `schoolgate init` makes it, for one bench: the processes that a web page goes through.

Its lists are the shipped ones and the names of `tests.support.ways`. Every address of 127.0.0.0/24 is a KS2 device.
"""

import sys
from pathlib import Path

import tomli_w

from blocklists import defaults
from deploy import config, setup
from tests.bench.dns.stage import free_port
from tests.support.ways import TRIED

PROCESSES = ("signer", "dns", "worker", "peek")


class Gateway:
    """The school in *folder*; its pages come from servers on *web* ports, names from *upstream*, and *trust* signs."""

    def __init__(self, folder: Path, *, upstream: int, web: tuple[int, ...], trust: Path) -> None:
        """Make it; nothing runs yet."""
        self._upstream, self._web, self._trust = upstream, web, trust
        lists = folder / "lists"
        lists.mkdir(parents=True)
        for name, more in TRIED.items():
            shipped = defaults.list_files()[name].read_text()
            (lists / f"{name}.txt").write_text(shipped + "\n".join(["", *more, ""]))
        self.folder = folder / "school"
        setup.init(self.folder, "Oak Lane School", self._settings(free_port()), lists, shown_by="A. Okafor")

    def commands(self, port: int) -> dict[str, list[str]]:
        """How each process is started, by its name, with the front door at *port* and all else at free ones."""
        file = self.folder / config.NAME
        file.write_text(self._settings(port))
        return {name: [sys.executable, "-m", "deploy.cli", name, "--config", str(file)] for name in PROCESSES}

    def _settings(self, port: int) -> str:
        def at(number: int) -> str:
            return f"127.0.0.1:{number}"

        inner = at(free_port())
        return tomli_w.dumps(
            {
                "loopback_school": True,
                "log_level": "WARNING",
                "networks": [{"cidr": "127.0.0.0/24", "profile": "ks2"}],
                "dns": {
                    "listen": [at(free_port())],
                    "inner": inner,
                    "upstream": [at(self._upstream)],
                    "private_zones": ["test"],
                },
                "peek": {"listen": [at(port)]},
                "proxy": {
                    "listen": [at(free_port())],
                    "inner_dns": inner,
                    "upstream_ca": str(self._trust),
                    "reachable_private": ["127.0.0.1/32"],
                    "ports": [80, 443, *self._web],
                },
                "metrics": {name: free_port() for name in ("dns", "peek", "worker")},
            }
        )
