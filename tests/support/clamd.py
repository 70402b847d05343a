"""A virus scanner to be asked: Debian's clamd with one signature of ours, or a server that speaks its protocol.

The signature finds `HARMFUL` and nothing else, so nothing harmful is in this repository. The second speaks wrongly
where a test asks for it, as no daemon can be made to.
"""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

HARMFUL = b"schoolgate-test-finding-0123456789"
"""What both find, as "Schoolgate.Test"."""
CLAMD = shutil.which("clamd") or "/usr/sbin/clamd"


class Speaking(socketserver.ThreadingUnixStreamServer):
    """Answers as clamd does; *answer*, if it is set, in place of what it found; *silent*: not at all."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Session)
        self.path = str(path)
        self.answer = b""
        self.silent = self.closing = False
        self.taken = 0
        self.files = 0
        self.release = threading.Event()


class _Session(socketserver.StreamRequestHandler):
    server: Speaking

    def handle(self) -> None:
        if self.server.closing or self.rfile.read(10) != b"zINSTREAM\0":
            return
        self.server.files += 1
        body = b""
        with contextlib.suppress(OSError):
            while size := int.from_bytes(self.rfile.read(4)):
                body = (body + self.rfile.read(size))[-100_000:]
                self.server.taken += size
            if self.server.silent:
                self.server.release.wait(30)
            found = b"stream: Schoolgate.Test FOUND\0" if HARMFUL in body else b"stream: OK\0"
            self.wfile.write(self.server.answer or found)


@contextlib.contextmanager
def speaking(folder: Path) -> Iterator[Speaking]:
    """A server at a socket in *folder*, in a thread of its own."""
    with Speaking(folder / "clamd.sock") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join(60)


@contextlib.contextmanager
def clamd(folder: Path) -> Iterator[str]:
    """The path of the socket of a real clamd that knows one signature."""
    database = folder / "database"
    database.mkdir()
    (database / "test.ndb").write_text(f"Schoolgate.Test:0:*:{HARMFUL.hex()}\n")
    path = folder / "real.sock"
    settings = folder / "clamd.conf"
    lines = (f"LocalSocket {path}", f"DatabaseDirectory {database}", "Foreground yes", "User root", "LogTime no")
    settings.write_text("\n".join(lines) + "\n")
    with subprocess.Popen([CLAMD, "-c", str(settings)], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if "listening" in line.lower() or "Self checking" in line:
                    break
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(str(path))
            yield str(path)
        finally:
            process.terminate()
