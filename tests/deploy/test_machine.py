"""What the health page is told of the machine."""

import msgspec

from deploy.config import RunSettings
from deploy.machine import machine_of
from tests.support.gateway import Gateway


def test_each_process_with_a_metrics_port_is_named_and_each_certificate(tmp_path):
    settings = Gateway(tmp_path).settings
    config = settings.config
    reporting = msgspec.structs.replace(config.reporting, tls_certificate="pages.crt")
    run = RunSettings(dns=2, peek=1, workers=1)
    given = msgspec.structs.replace(settings, config=msgspec.structs.replace(config, run=run, reporting=reporting))
    machine = machine_of(given)
    first = config.metrics.dns
    assert [machine.processes[f"DNS {number}"][1] for number in range(2)] == [first, first + 1]
    assert machine.signer
    assert {"Front door 0", "Worker 0", "Reporting"} <= machine.processes.keys()
    assert ("Closed address" in machine.processes) is config.closed.wanted
    assert machine.certificates["Interception"].name == "ca.crt"
    assert machine.certificates["Staff pages"].name == "pages.crt"
    none = msgspec.structs.replace(given, config=msgspec.structs.replace(config, run=RunSettings(workers=0)))
    assert not machine_of(none).signer
    assert machine_of(settings).certificates.keys() == {"Interception"}
