"""Where reporting keeps what is its own: on which disks, and in whose name on a server."""

from pathlib import Path

from blocklists.live import Files
from reporting import seed
from reporting.settings import on_server
from reporting.site_schema import School

SECOND_STEP = "second-step.key"
"""The file that opens the keys of second steps, beside the log-ins; no backup holds it."""


def home(database: str, state: Path) -> Path:
    """The folder of what is beside the rows of *database*, as it is set, by a school whose state is in *state*."""
    return state.parent / "database" if on_server(database) else Path(database).parent


def home_file(database: str, files: Files) -> Path:
    """The file of *database*; for one on a server, a file that is not there, in the folder where it would be.

    Beside it lies what reporting keeps besides its rows: log-ins, damaged pieces of journals.
    """
    if not on_server(database):
        return Path(database)
    folder = home(database, files.state)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "server"


def session_folder(database: str, files: Files) -> Path:
    """Where log-ins are kept."""
    return home_file(database, files).parent / "sessions"


def disks(database: str, files: Files) -> dict[str, Path]:
    """The folders whose disks must have room, by what is kept there; a server's are its own business."""
    kept = {"State": files.state, "Journals": files.spool}
    return kept if on_server(database) else {"Database": Path(database).parent, **kept}


def school_of(site: str, private: Path) -> School:
    """The school as a server knows it: *site*, and the gateway that has the key in the file *private*."""
    try:
        return School(site, seed.fingerprint(seed.read_private(private)))
    except (OSError, ValueError):  # reporting says so when it starts
        return School(site)
