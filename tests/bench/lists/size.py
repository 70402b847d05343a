"""How long five million names take to compile, how large they are, and how fast and small they open."""

import time
from pathlib import Path

from blocklists import child, index
from blocklists.compile import compile_lists
from blocklists.gather import Source
from blocklists.parse import Format
from tests.bench.lists.process import alone, resident_mb
from tests.bench.report import Row


def measure(files: dict[str, Path], pages: Path, folder: Path, count: int) -> list[Row]:
    """Compile *files* of names and the one of *pages* into *folder*, in a child, and open it in fresh processes."""
    ran = alone(compiled, {name: str(path) for name, path in files.items()}, str(pages), str(folder))
    opened = [alone(opening, str(folder / index.CURRENT)).result for _ in range(5)]
    size = sum(path.stat().st_size for path in (folder / index.CURRENT).iterdir()) / 1e6
    verify, again, grown = (sorted(column)[2] for column in zip(*opened, strict=True))
    what = f"{count:,} names"
    return [
        Row(f"compile {what}", ran.seconds, "s"),
        Row(f"compile {what}: peak memory of any process", ran.peak_mb, "MB"),
        Row(f"compile {what}: steps of progress shown", ran.result, "steps"),
        Row("index on disk", size, "MB"),
        Row("verify the checksums", verify, "ms"),
        Row("open what was verified", again, "ms"),
        Row("resident memory grown before the first lookup", grown, "MB"),
    ]


def compiled(files: dict[str, str], pages: str, folder: str) -> int:
    """Compile in a child process; returns how many steps of progress there were."""
    steps = []
    sources = {name: (Source(Path(path)),) for name, path in files.items()}
    sources["pages"] = (Source(Path(pages), Format.URLS),)
    compile_lists(sources, Path(folder), built_ns=1, builder=child.in_child, progress=lambda *step: steps.append(step))
    return len(steps)


def opening(folder: str) -> tuple[float, float, float]:
    """(ms to verify, ms to open, MB grown) of the index in *folder*."""
    path = Path(folder).resolve()
    index.Table(path, index.PAGE_HOSTS)  # what the first map of a process costs is the library's, not the index's
    before, start = resident_mb(), time.perf_counter()
    opened = index.Index(path)
    both, start_again = time.perf_counter() - start, time.perf_counter()
    opened.open()
    alone_ms = (time.perf_counter() - start_again) * 1000
    return both * 1000 - alone_ms, alone_ms, resident_mb() - before
