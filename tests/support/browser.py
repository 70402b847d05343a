"""A home for a browser that trusts a school's certificate, as the devices of its pupils do."""

import os
import subprocess
from pathlib import Path


def home_trusting(authority: Path, folder: Path) -> dict[str, str]:
    """The environment of a browser whose home is *folder* and that trusts the certificate *authority* (PEM)."""
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "school", "-i", str(authority))):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True)
    return {**os.environ, "HOME": str(folder)}
