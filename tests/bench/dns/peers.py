"""The servers beside ours, all from Debian: the same names closed, the same upstream asked, one thread, caches ample.

Each writes what it reads into its own folder, as root or anybody, and stays in the foreground; nothing of the machine's
own configuration is read. A blocked name is answered NXDOMAIN, with what lies under it.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bench.dns.server import Place, Server

CACHED = 100_000
"""Answers that each may keep, where it counts them: more than it is asked for."""
ZONE = "rpz.bench"


def peers(wanted: list[str]) -> list[Server]:
    """Those of the *wanted* ones, or of all if none is named, whose program is here."""
    return [one for one in ALL if (not wanted or one.name in wanted) and found(one.program)]


def found(program: str) -> str | None:
    """Where *program* is; Debian keeps most of them where only root looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def version(server: Server) -> str:
    """What *server* says of its version."""
    ran = subprocess.run([found(server.program) or "", VERSION[server.program]], capture_output=True, check=False)
    said = (ran.stdout + ran.stderr).decode(errors="replace")
    number = re.search(r"\d+\.\d+[\w.+-]*", said)
    return number[0] if number else "unknown"


def unbound(where: Place, modules: str, zones: str) -> list[str]:
    """unbound with *zones*."""
    file = where.folder / "unbound.conf"
    file.write_text(
        f"""server:
  interface: 127.0.0.1@{where.port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{where.folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  module-config: "{modules}"
  do-not-query-localhost: no
  do-ip6: no
  msg-cache-size: 64m
  rrset-cache-size: 128m
  so-rcvbuf: 4m
  so-sndbuf: 4m
  outgoing-range: 8192
  num-queries-per-thread: 4096
{zones}
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{where.upstream}
remote-control:
  control-enable: no
"""
    )
    return [found("unbound") or "unbound", "-d", "-c", str(file)]


def unbound_zones(where: Place) -> list[str]:
    """unbound with a local zone a name."""
    zones = made(where, "zones", lambda name: f'local-zone: "{name}" always_nxdomain\n')
    return unbound(where, "iterator", f'  include: "{zones}"')


def unbound_rpz(where: Place) -> list[str]:
    """unbound with a response policy zone."""
    return unbound(where, "respip iterator", f'rpz:\n  name: {ZONE}.\n  zonefile: "{rpz(where)}"')


def recursor(where: Place) -> list[str]:
    """PowerDNS's recursor with the same response policy zone."""
    lua = where.folder / "rpz.lua"
    lua.write_text(f'rpzFile("{rpz(where)}", {{policyName="{ZONE}", defpol=Policy.NXDOMAIN}})\n')
    (where.folder / "recursor.conf").write_text(
        f"""local-address=127.0.0.1
local-port={where.port}
forward-zones-recurse=.=127.0.0.1:{where.upstream}
dont-query=
daemon=no
write-pid=no
socket-dir={where.folder}
threads=1
pdns-distributes-queries=no
max-cache-entries={CACHED}
max-packetcache-entries={CACHED}
dnssec=off
security-poll-suffix=
quiet=yes
loglevel=3
lua-config-file={lua}
"""
    )
    return [found("pdns_recursor") or "pdns_recursor", f"--config-dir={where.folder}"]


def knot(where: Place) -> list[str]:
    """Knot Resolver with the same response policy zone; its cache is a file in its folder."""
    file = where.folder / "kresd.conf"
    file.write_text(
        f"""net.listen('127.0.0.1', {where.port}, {{ kind = 'dns' }})
net.ipv6 = false
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_jump')
cache.size = 200 * MB
policy.add(policy.rpz(policy.DENY, '{rpz(where)}', false))
policy.add(policy.all(policy.FORWARD({{ '127.0.0.1@{where.upstream}' }})))
"""
    )
    return [found("kresd") or "kresd", "-n", "-c", str(file), str(where.folder)]


def dnsdist(where: Place) -> list[str]:
    """dnsdist with a rule for the suffixes, a packet cache, and the upstream as its server."""
    file = where.folder / "dnsdist.conf"
    file.write_text(
        f"""setLocal('127.0.0.1:{where.port}')
setSecurityPollSuffix('')
newServer({{ address = '127.0.0.1:{where.upstream}', mustResolve = false }})
local closed = newSuffixMatchNode()
for name in io.lines('{where.lists.file}') do closed:add(newDNSName(name)) end
addAction(SuffixMatchNodeRule(closed), RCodeAction(DNSRCode.NXDOMAIN))
getPool(''):setCache(newPacketCache({CACHED}, {{ maxTTL = 86400 }}))
"""
    )
    return [found("dnsdist") or "dnsdist", "-C", str(file), "--supervised", "--disable-syslog"]


def dnsmasq(where: Place) -> list[str]:
    """dnsmasq with a line a name that says it is nobody else's to answer."""
    names = made(where, "dnsmasq", lambda name: f"local=/{name}/\n")
    file = where.folder / "dnsmasq.conf"
    file.write_text(
        f"""port={where.port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-poll
user=root
pid-file=
log-facility=-
server=127.0.0.1#{where.upstream}
cache-size={CACHED}
dns-forward-max=10000
conf-file={names}
"""
    )
    return [found("dnsmasq") or "dnsmasq", "--keep-in-foreground", f"--conf-file={file}"]


def rpz(where: Place) -> Path:
    """The blocked names as a response policy zone."""
    head = f"$ORIGIN {ZONE}.\n$TTL 60\n@ SOA localhost. root.localhost. 1 60 60 60 60\n@ NS localhost.\n"
    return made(where, "rpz", lambda name: f"{name} CNAME .\n*.{name} CNAME .\n", head)


def made(where: Place, kind: str, line: Callable[[str], str], head: str = "") -> Path:
    """The file of the blocked names with *line* for each, written once for each list."""
    file = where.lists.file.with_suffix(f".{kind}")
    if not file.exists():
        half = file.with_suffix(".half")
        with half.open("w", encoding="ascii") as out:
            out.write(head)
            out.writelines(map(line, where.lists.blocked))
        half.replace(file)
    return file


ZONES = Server("unbound local-zones", unbound_zones, "unbound")
RPZ = Server("unbound RPZ", unbound_rpz, "unbound")
DNSMASQ = Server("dnsmasq", dnsmasq, "dnsmasq")
ALL = (
    ZONES,
    RPZ,
    Server("pdns-recursor RPZ", recursor, "pdns_recursor"),
    Server("knot-resolver RPZ", knot, "kresd"),
    Server("dnsdist", dnsdist, "dnsdist"),
    DNSMASQ,
)
"""Every peer. Another one is a function that writes its files, and a line here."""
VERSION = {"unbound": "-V", "pdns_recursor": "--version", "kresd": "--version", "dnsdist": "--version", "dnsmasq": "-v"}
"""How each is asked for its version."""
