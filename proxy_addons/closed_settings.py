"""What the process at the closed address is told by schoolgate.toml; what its pages say is in `[proxy]`."""

from collections.abc import Iterator

import msgspec

from blocklists import endpoint


class ClosedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[closed]`."""

    listen: tuple[str, ...] = ()
    """Where the closed address (dns.closed_address_v4 and v6) answers HTTP: its port 80, as "address:port"; with none
    here and none below there is no such process."""

    listen_tls: tuple[str, ...] = ()
    """Where it answers HTTPS, with the school's certificate: its port 443."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to listen on."""
        return bool(self.listen or self.listen_tls)

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for key, example in (("listen", "10.20.0.2:80"), ("listen_tls", "10.20.0.2:443")):
            for place, text in enumerate(getattr(self, key)):
                yield from endpoint.problems(f"closed.{key}[{place}]", text, example)
