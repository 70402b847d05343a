"""How each process is started from the settings: which room's `serve`, with which values.

A room is imported only by the process that needs it, so that a DNS process stays small.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from blocklists import sealed_marker
from deploy import config, key_files, permitted, process, succession, toml_file
from deploy.process import Ready, Serve
from dns_filter.settings import DnsSettings
from reporting.helplines import Helplines, file_of
from reporting.recorder import Recorder
from reporting.settings import ReportingSettings, on_server

if TYPE_CHECKING:
    from dns_filter.standing import Standing
    from reporting.site_schema import School

log = logging.getLogger("schoolgate.process")


def dns(instance: int) -> Serve:
    """The DNS process number *instance*."""
    count, told = helplines("dns", instance), cache(permitted.Teller)

    @cache
    def standing() -> "Standing":
        from dns_filter.standing import Standing  # noqa: PLC0415 - see above

        return Standing()

    def serve(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:
        from dns_filter import server  # noqa: PLC0415 - see above
        from reporting.confirmation import with_confirmation  # noqa: PLC0415 - see above

        assert recorder is not None
        contacts = settings.config.reporting.contacts
        _refuse_without_sealed(settings)
        metrics = (settings.config.metrics.address, settings.config.metrics.dns + instance)
        more = server.More(
            visits=with_confirmation(contacts, settings.files.state).dsl_confirmed,
            tell=told(settings.path(tell)) if (tell := settings.config.dns.tell) else None,
            helplines=count(settings.files.spool),
        )
        return server.serve(
            _dns_settings(settings),
            settings.files,
            recorder,
            instance=instance,
            metrics=metrics,
            ready=ready,
            more=more,
            standing=standing(),
        )

    return serve


def helplines(kind: str, instance: int) -> Callable[[Path], Helplines]:
    """What counts help services in the spool for the process number *instance* of a *kind*: one for all its settings.

    What it has in memory would be lost with another; the spool is the same until the process ends.
    """
    return cache(lambda spool: Helplines(file_of(spool, kind, instance)))


def doh(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:  # noqa: ARG001
    """The process that asks a resolver over HTTPS; one is enough, as it decides nothing."""
    from dns_filter import doh as room  # noqa: PLC0415 - see above

    given = _dns_settings(settings)
    refuse_without_doh(settings)
    return room.serve(given.doh, given.upstream_ca, given.upstream_timeout, ready=ready)


def refuse_without_doh(settings: config.Settings) -> None:
    """toml_file.RefusedError if *settings* name no resolver to ask over HTTPS."""
    if not settings.config.dns.doh.url:
        raise toml_file.RefusedError([f"{settings.file}: dns.doh.url: no resolver to ask over HTTPS is named"])


def _dns_settings(settings: config.Settings) -> DnsSettings:
    """The DNS filter's settings, with the file that they name as it is found from here."""
    _refuse(settings, key_files.dns_problems(settings))
    given = settings.config.dns
    return msgspec.structs.replace(given, upstream_ca=_absolute(settings, given.upstream_ca))


def signer(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:  # noqa: ARG001
    """The process that has the interception key; there is one, as nobody else may have it."""
    from proxy_addons import signer as room  # noqa: PLC0415 - see above

    _refuse(settings, key_files.signer_problems(settings))
    given = settings.config.proxy
    proxy = msgspec.structs.replace(
        given,
        ca_certificate=_absolute(settings, given.ca_certificate),
        ca_key=_absolute(settings, given.ca_key),
        signer=str(settings.path(given.signer)),
    )
    return room.serve(proxy, settings.files, ready=ready)


def worker(instance: int) -> Serve:
    """The proxy worker number *instance*."""

    def serve(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:
        from proxy_addons import handed_over, handover_key  # noqa: PLC0415 - see above
        from proxy_addons import worker as room  # noqa: PLC0415 - see above

        assert recorder is not None
        _refuse_without_sealed(settings)
        _refuse(settings, key_files.proxy_problems(settings))
        metrics = (settings.config.metrics.address, settings.config.metrics.worker + instance)
        given = settings.config.proxy
        place = worker_place(settings, instance)
        ports = [int(text.rpartition(":")[2]) for _, text in settings.config.peek.places]
        proxy = msgspec.structs.replace(
            given,
            signer=str(settings.path(given.signer)),
            listen=(place,),
            upstream_ca=_absolute(settings, given.upstream_ca),
            portal_key=_absolute(settings, given.portal_key),
            upstream_credentials=_absolute(settings, given.upstream_credentials),
        )
        front = handed_over.Front(handover_key.key_of(settings.handover_key), place, ports)
        again = ("worker", "--instance", str(instance), "--config", str(settings.file))
        return room.serve(
            proxy,
            settings.files,
            recorder,
            instance=instance,
            metrics=metrics,
            ready=ready,
            replace=lambda: succession.succeed(*again),
            front=front,
            status=settings.worker_status / f"refusals-{instance}.json",
        )

    return serve


def worker_place(settings: config.Settings, instance: int) -> str:
    """Where the worker number *instance* listens; toml_file.RefusedError where the front door would not look for it."""
    places = settings.workers
    if instance >= len(places):
        says = f"run.workers: there are {len(places)}, so worker {instance} would get no connection; raise the number"
        raise toml_file.RefusedError([f"{settings.file}: {says}"])
    return places[instance]


def peek(instance: int) -> Serve:
    """The front door number *instance*."""
    count = helplines("peek", instance)

    def serve(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:
        from proxy_addons import handover_key  # noqa: PLC0415 - see above
        from proxy_addons import peek as room  # noqa: PLC0415 - see above
        from reporting.confirmation import with_confirmation  # noqa: PLC0415 - see above

        assert recorder is not None
        _refuse_without_sealed(settings)
        metrics = (settings.config.metrics.address, settings.config.metrics.peek + instance)
        key = handover_key.key_of(settings.handover_key)
        given = settings.config
        confirmed = with_confirmation(given.reporting.contacts, settings.files.state).dsl_confirmed
        setup = room.Setup(
            given.peek, given.proxy, settings.workers, key, helplines=count(settings.files.spool), visits=confirmed
        )
        return room.serve(setup, settings.files, recorder, instance=instance, metrics=metrics, ready=ready)

    return serve


def closed(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:  # noqa: ARG001
    """The process at the closed address; one is enough, as a page takes 0.4 ms."""
    from proxy_addons import closed as room  # noqa: PLC0415 - see above

    refuse_without_closed(settings)
    _refuse_without_sealed(settings)
    _refuse(settings, key_files.closed_problems(settings))
    given = settings.config.proxy
    return room.serve(
        settings.config.closed,
        msgspec.structs.replace(
            given, portal_key=_absolute(settings, given.portal_key), signer=str(settings.path(given.signer))
        ),
        settings.files,
        metrics=(settings.config.metrics.address, settings.config.metrics.closed),
        ready=ready,
    )


def refuse_without_closed(settings: config.Settings) -> None:
    """toml_file.RefusedError if *settings* name nowhere to show pages of closed names."""
    if not settings.config.closed.wanted:
        says = "the closed address has nowhere to listen; write for example 10.20.0.2:80"
        raise toml_file.RefusedError([f"{settings.file}: closed.listen: {says}"])


def reporting(instance: int) -> Serve:
    """Reporting; there is one, as one process writes the database."""

    def serve(settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:  # noqa: ARG001
        from deploy.machine import machine_of  # noqa: PLC0415 - see above
        from reporting import service  # noqa: PLC0415 - see above

        _refuse(settings, key_files.pages_problems(settings))
        _refuse(settings, key_files.database_problems(settings))
        for problem in key_files.mail_problems(settings):
            log.error("No mail can be sent: %s", problem)  # the pages work without, and show each alert
        for problem in key_files.channel_problems(settings):
            log.error("A channel cannot be used: %s", problem)
        metrics = (settings.config.metrics.address, settings.config.metrics.reporting)
        given = reporting_settings(settings)
        machine = machine_of(settings)
        site = settings.config.site
        return service.serve(
            given, settings.files, instance=instance, metrics=metrics, ready=ready, machine=machine, site=site
        )

    return serve


def school(settings: config.Settings) -> "School":
    """This gateway's school, as a server with many has it."""
    from reporting import places  # noqa: PLC0415 - see above

    return places.school_of(settings.config.site, settings.files.keys / "journal.key")


def reporting_settings(settings: config.Settings) -> ReportingSettings:
    """Reporting's settings, with the files and folders that they name as they are found from here."""
    given = settings.config.reporting
    return msgspec.structs.replace(
        given,
        database=given.database if on_server(given.database) else _absolute(settings, given.database),
        server=msgspec.structs.replace(
            given.server,
            password_file=_absolute(settings, given.server.password_file),
            ca_file=_absolute(settings, given.server.ca_file),
        ),
        tls_certificate=_absolute(settings, given.tls_certificate),
        tls_key=_absolute(settings, given.tls_key),
        backup=msgspec.structs.replace(given.backup, folder=str(settings.path(given.backup.folder))),
        mail=msgspec.structs.replace(
            given.mail,
            password_file=_absolute(settings, given.mail.password_file),
            ca_file=_absolute(settings, given.mail.ca_file),
        ),
        channels={
            name: msgspec.structs.replace(channel, url_file=_absolute(settings, channel.url_file))
            for name, channel in given.channels.items()
        },
    )


def _refuse(settings: config.Settings, problems: Iterator[str]) -> None:
    if found := [f"{settings.file}: {problem}" for problem in problems]:
        raise toml_file.RefusedError(found)


def _refuse_without_sealed(settings: config.Settings) -> None:
    """Decide nothing without the sealed lists that were once loaded, whatever became of them or of the settings."""
    if found := list(sealed_marker.problems(settings.files)):
        raise toml_file.RefusedError(found)


def _absolute(settings: config.Settings, text: str) -> str:
    return str(settings.key_path(text)) if text else ""


def start_dns(instance: int, file: Path | None) -> int:
    """Run the DNS process until it is told to stop; returns the exit code."""
    return process.start("dns", instance, file, dns(instance), journal=True, follows=True)


def start_doh(instance: int, file: Path | None) -> int:
    """Run the process that asks over HTTPS until it is told to stop; returns the exit code."""
    return process.start("doh", instance, file, doh, journal=False)


def start_signer(instance: int, file: Path | None) -> int:
    """Run the signer until it is told to stop; returns the exit code."""
    return process.start("signer", instance, file, signer, journal=False)


def start_worker(instance: int, file: Path | None) -> int:
    """Run the proxy worker until it is told to stop; returns the exit code."""
    return process.start("proxy", instance, file, worker(instance), journal=True)


def start_closed(instance: int, file: Path | None) -> int:
    """Run the process at the closed address until it is told to stop; returns the exit code."""
    return process.start("closed", instance, file, closed, journal=False)


def start_peek(instance: int, file: Path | None) -> int:
    """Run the front door until it is told to stop; returns the exit code."""
    return process.start("peek", instance, file, peek(instance), journal=True)


def start_reporting(instance: int, file: Path | None) -> int:
    """Run reporting until it is told to stop; returns the exit code."""
    return process.start("reporting", instance, file, reporting(instance), journal=False)
