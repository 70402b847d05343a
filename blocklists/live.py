"""The policy in force as files on the disk, kept up to date.

A reader keeps the last good state and counts each refusal: a damaged snapshot or index changes nothing and is said in
the log. Until everything has been read once there is no policy, and who asks gets no answer.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from blocklists import index, known, sealed, snapshot
from blocklists.clients import ClientMap, Clients
from blocklists.policy import Policy
from blocklists.rulebook import Permits, Rulebook

log = logging.getLogger("schoolgate.state")


class Files(msgspec.Struct, frozen=True):
    """Where the snapshots, the index and the sealing key are; *folder* is that of schoolgate.toml, or else state's."""

    state: Path
    keys: Path
    spool: Path
    folder: Path | None = None

    @property
    def policy(self) -> Path:
        """The policy snapshot."""
        return self.state / "policy"

    @property
    def policy_refused(self) -> Path:
        """Why the last policy.toml was refused: touched by `schoolgate policy apply`, so that processes can tell."""
        return self.state / "policy.refused"

    @property
    def reportings(self) -> Path:
        """The folder of what reporting writes: a file that is replaced whole takes a folder that one may write."""
        return self.state / "reporting"

    @property
    def clients(self) -> Path:
        """The clients snapshot."""
        return self.state / "clients"

    @property
    def permits(self) -> Path:
        """The permits snapshot."""
        return self.reportings / "permits"

    @property
    def sealed(self) -> Path:
        """The sealed lists' snapshot."""
        return self.state / "sealed"

    @property
    def known(self) -> Path:
        """The sites that our own scan found clean."""
        return self.reportings / "known"

    @property
    def phrases(self) -> Path:
        """The phrases that pages are scanned for, compiled."""
        return self.state / "phrases"

    @property
    def index(self) -> Path:
        """The folder of index builds."""
        return self.state / "index"

    @property
    def lists(self) -> Path:
        """The folder of lists that were fetched or imported."""
        return self.state / "lists"

    @property
    def sealing_key(self) -> Path:
        """The key of the sealed lists, outside state/ and backups (G23)."""
        return self.keys / "sealed.key"

    @property
    def sealed_loaded(self) -> Path:
        """Which sealed lists were once loaded: where every process may read it, and no setting can move it."""
        return (self.folder or self.state.parent) / "sealed.loaded"

    @property
    def sealed_record(self) -> Path:
        """Who asked what the sealed lists hold, and who took one away: beside the former, for root alone."""
        return self.sealed_loaded.with_name("sealed.record")


type _Stamp = tuple[int, int, int]


class Live:
    """Reads the state's files and reads each again when it is replaced."""

    def __init__(self, files: Files, *, sealed_lists: bool = True) -> None:
        """Nothing is read yet; call `refresh`.

        Without *sealed_lists* they are left out, for a process that decides nothing and so never gets their key (G23).
        """
        self.files = files
        self._sealed_lists = sealed_lists
        self.policy: Policy | None = None
        self.clients: ClientMap | None = None
        self.version = 0
        self.written_ns = 0
        self.refused = 0
        self.outdated: set[str] = set()
        """What is older in force than on the disk, since the newest was refused: parts by name, and "policy file"."""
        self.reloads = 0
        self._stamps: dict[str, _Stamp] = {}
        self._unread: dict[str, _Stamp] = {}
        self._refusal = _stamp(files.policy_refused)
        self._parts: dict[str, object] = {}

    @property
    def ready(self) -> bool:
        """Whether a request would be decided."""
        return self.policy is not None and self.clients is not None

    def refresh(self) -> set[str]:
        """Read what was replaced since the last call; returns the parts that changed, by name.

        The policy stays the same object while only clients change: a log-in makes nobody's verdicts out of date.
        The names are policy, clients, permits, sealed, known and index.
        """
        readers: dict[str, tuple[Path, Callable[[], object]]] = {
            "policy": (self.files.policy, self._read_policy),
            "clients": (self.files.clients, lambda: ClientMap(snapshot.read(self.files.clients, Clients).body)),
            "permits": (self.files.permits, lambda: snapshot.read(self.files.permits, Permits).body),
            "sealed": (self.files.sealed, self._read_sealed),
            "known": (self.files.known, lambda: known.sites(snapshot.read(self.files.known, known.Known).body)),
            "index": (self.files.index / index.CURRENT / index.MANIFEST, self._read_index),
        }
        changed = {name for name, (path, read) in readers.items() if self._replaced(name, path, read)}
        if changed:
            self._put_together(changed)
        self._hear_of_refusal()
        return changed

    def _hear_of_refusal(self) -> None:
        """Count and say that a policy file was refused before it ever became a snapshot."""
        stamp, policy = _stamp(self.files.policy_refused), self._stamps.get("policy", (0, 0, 0))
        if stamp is not None and stamp != self._refusal:
            self.refused += 1
            if stamp[1] > policy[1]:  # else it was mended and applied since
                self.outdated.add(_POLICY_FILE)
            log.error("A new policy file was refused; policy version %d stays in force. %s", self.version, self._why())
        self._refusal = stamp

    def _why(self) -> str:
        """The first mistake that `schoolgate policy apply` found; nothing where it cannot be read."""
        try:
            lines = self.files.policy_refused.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return lines[0] if lines else ""

    def _replaced(self, name: str, path: Path, read: Callable[[], object]) -> bool:
        stamp = _stamp(path)
        if stamp is None and name in _NONE_YET:
            self._parts.setdefault(name, _NONE_YET[name])
        if stamp is None or self._stamps.get(name) == stamp:
            return False
        try:
            self._parts[name] = read()
        except (ValueError, OSError) as error:
            self._refuse(name, stamp, error)
            if name != "known" or name in self._parts:
                return False
            self._parts[name] = _NONE_YET[name]  # nothing that is found clean is missed by a filter that is closed
            return True
        self._stamps[name] = stamp
        self.outdated -= {name, _POLICY_FILE} if name == "policy" else {name}
        return True

    def _refuse(self, name: str, stamp: _Stamp, error: Exception) -> None:
        """Count a refusal once for each file; what could not be read is tried again, what is damaged is not."""
        if not isinstance(error, OSError):
            self._stamps[name] = stamp
        self.outdated.add(name)
        if self._unread.get(name) != stamp:
            self._unread[name] = stamp
            self.refused += 1
            log.error("The new %s was refused, the last good one stays in force: %s", name, error)

    def _put_together(self, changed: set[str]) -> None:
        self.reloads += 1
        parts = self._parts
        if parts.keys() >= set(_DECIDING) and (self.policy is None or not changed.isdisjoint(_DECIDING)):
            self.policy = Policy(*(parts[name] for name in _DECIDING))  # type: ignore[arg-type]
        if "clients" in parts:
            self.clients = parts["clients"]  # type: ignore[assignment]
        if "policy" in changed:
            log.info("Policy version %d is in force.", self.version)
            self._say_of_calendar(parts["policy"])  # type: ignore[arg-type]

    def _say_of_calendar(self, book: Rulebook) -> None:
        if sentence := book.calendar.running_out(time.time_ns(), book.zone):
            log.warning("%s", sentence)

    def _read_policy(self) -> Rulebook:
        read = snapshot.read(self.files.policy, Rulebook)
        if problems := list(read.body.problems()):
            raise ValueError("; ".join(problems))
        self.version, self.written_ns = read.version, max(self.written_ns, read.written_ns)
        return read.body

    def _read_sealed(self) -> sealed.Sealed:
        return sealed.load(self.files.sealed, self.files.sealing_key) if self._sealed_lists else sealed.NOTHING

    def _read_index(self) -> index.Index:
        current = self.files.index / index.CURRENT
        try:
            read = index.Index(current)
            self.outdated.discard(_BUILD)
        except (ValueError, OSError) as error:
            if "index" in self._parts or (before := whole_build(self.files.index)) is None:
                raise
            self.refused += 1
            self.outdated.add(_BUILD)
            log.error("The index in force was refused, the build before it is used: %s", error)  # noqa: TRY400 - no traceback, as for every refusal
            read = before
        self.written_ns = max(self.written_ns, read.manifest.built_ns)
        return read

    def clock_ok(self) -> bool:
        """Whether the clock is later than everything written before: policy, index, newest journal."""
        newest = max(self.written_ns, self._newest_journal())
        return time.time_ns() >= newest

    def _newest_journal(self) -> int:
        try:
            journals = list(self.files.spool.iterdir())
        except OSError:
            return 0
        return max((stamp[1] for stamp in map(_stamp, journals) if stamp), default=0)


def whole_build(folder: Path) -> index.Index | None:
    """The newest build in *folder* that is whole and was judged good, or None."""
    for build in sorted((path.parent for path in folder.glob(f"[0-9]*/{index.JUDGED}")), reverse=True):
        try:
            return index.Index(build)
        except (ValueError, OSError):
            continue
    return None


_NONE_YET: dict[str, object] = {"permits": Permits(), "sealed": sealed.NOTHING, "known": frozenset()}
"""What holds where such a file was never written; a file that is there and cannot be read is not the same."""
_POLICY_FILE, _BUILD = "policy file", "build"
"""What is refused though its part was read: by `schoolgate policy apply`, and where another build served."""
_DECIDING = ("policy", "index", "permits", "sealed", "known")
"""What a policy is put together of, in the order in which it takes them."""


def _stamp(path: Path) -> _Stamp | None:
    """What changes when the file at *path* is replaced, or None where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size
