"""Where on disk reporting keeps what it has besides its rows, and whose disks must have room."""

from pathlib import Path

from blocklists.live import Files
from reporting.settings import on_server


def home_file(database: str, files: Files) -> Path:
    """The file of *database*; for one on a server, a file that is not there, in the folder where it would be.

    Beside it lies what reporting keeps besides its rows: log-ins, damaged pieces of journals.
    """
    if not on_server(database):
        return Path(database)
    folder = files.state.parent / "database"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "server"


def session_folder(database: str, files: Files) -> Path:
    """Where log-ins are kept."""
    return home_file(database, files).parent / "sessions"


def disks(database: str, files: Files) -> dict[str, Path]:
    """The folders whose disks must have room, by what is kept there; a server's are its own business."""
    kept = {"State": files.state, "Journals": files.spool}
    return kept if on_server(database) else {"Database": Path(database).parent, **kept}
