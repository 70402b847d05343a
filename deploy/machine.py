"""What reporting's health page is told of this machine: which processes there should be, and which certificates."""

from collections.abc import Iterator
from pathlib import Path

from deploy.config import Settings
from reporting.web.machine import Machine


def machine_of(settings: Settings) -> Machine:
    """The processes with metrics ports and the certificates that *settings* name."""
    return Machine(
        processes=dict(_processes(settings)),
        certificates=dict(_certificates(settings)),
        signer=settings.config.run.workers > 0,
    )


def _processes(settings: Settings) -> Iterator[tuple[str, tuple[str, int]]]:
    metrics, counts = settings.config.metrics, settings.config.run
    for name, first, count in (
        ("DNS", metrics.dns, counts.dns),
        ("Front door", metrics.peek, counts.peek),
        ("Worker", metrics.worker, counts.workers),
    ):
        for number in range(count):
            yield f"{name} {number}", (metrics.address, first + number)
    if settings.config.closed.wanted:
        yield "Closed address", (metrics.address, metrics.closed)
    yield "Reporting", (metrics.address, metrics.reporting)


def _certificates(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "Interception", settings.key_path(settings.config.proxy.ca_certificate)
    if settings.config.reporting.tls_certificate:
        yield "Staff pages", settings.key_path(settings.config.reporting.tls_certificate)
