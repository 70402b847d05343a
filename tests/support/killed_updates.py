"""`schoolgate lists update`, killed at random moments: what is on the disk then, and whether the next one mends it."""

import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blocklists import index
from deploy import config, setup, store
from tests.support.commands import COMMAND
from tests.support.list_server import ListServer, Reply, lines, many, tar_gz

NAMES = 20_000
"""Names in each of the lists: reading, storing and compiling them is most of an update."""
LABELS = ("gambling", "games", "social")


@dataclass
class Round:
    """A killed update: after how many seconds, how far it had come, and what was wrong then (nothing, it is hoped)."""

    after: float
    reached: str
    wrong: list[str]


class Killed:
    """A school in *folder* that subscribes three lists of *server*; each version of a list has a name of its own."""

    def __init__(self, folder: Path, server: ListServer):
        self.server, self.version = server, 0
        self.file = setup.init(folder, "Test School", shown_by="A. Okafor").folder / config.NAME
        with self.file.open("a") as file:
            for label in LABELS:
                file.write(f'\n[subscriptions.{label}]\nurl = "{server.url}/{label}"\nlist = "{label}"\n')
        self.files = config.load(self.file).files

    def publish(self) -> None:
        """Let the authors bring out the next version of each list."""
        self.version += 1
        for label in LABELS:
            content = many(NAMES, f"{label}-") + lines(f"version{self.version}-of-{label}.test")
            packed = tar_gz({"list": content}) if label == "games" else content
            self.server.replies[f"/{label}"] = Reply(packed, etag=f'"{self.version}"')

    def start(self) -> subprocess.Popen[bytes]:
        """An update that has just begun."""
        command = [*COMMAND, "lists", "update", "--config", str(self.file)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def update(self) -> float:
        """Update to the end; how many seconds that took."""
        began = time.monotonic()
        with self.start() as process:
            printed = process.stdout.read().decode()
        assert process.returncode == 0, printed
        return time.monotonic() - began

    def kill(self, after: float) -> Round:
        """Bring a version out, kill its update *after* so many seconds, look at the disk, and update again."""
        self.publish()
        with self.start() as process:
            try:
                process.communicate(timeout=after)
            except subprocess.TimeoutExpired:
                process.kill()
        stored, compiled = set(self.stored()), set(self.compiled())
        wrong = [*self.problems(stored, "stored"), *self.problems(compiled, "in the index")]
        self.update()
        wrong += [f"{label}: the next update did not bring it" for label, one in self.compiled() if one != self.version]
        return Round(after, "it had ended" if process.returncode == 0 else self.reached(stored, compiled), wrong)

    def problems(self, found: set[tuple[str, int]], where: str) -> Iterator[str]:
        for label in LABELS:
            versions = {one for name, one in found if name == label}
            if versions not in ({self.version}, {self.version - 1}):
                yield f"{label}: of the versions {self.version - 1} and {self.version}, {sorted(versions)} are {where}"

    def reached(self, stored: set[tuple[str, int]], compiled: set[tuple[str, int]]) -> str:
        if (LABELS[0], self.version) in compiled:
            return "the new index is in force"
        count = sum(version == self.version for _, version in stored)
        return f"{count} of {len(LABELS)} new lists are stored"

    def stored(self) -> Iterator[tuple[str, int]]:
        """(label, version) of each copy that is in force and whole."""
        for sources in store.sources(self.files).values():
            for source in sources:
                content = source.path.read_bytes().splitlines()
                if len(content) == NAMES + 1:
                    yield source.label, int(content[-1].decode().partition("-")[0].removeprefix("version"))

    def compiled(self) -> Iterator[tuple[str, int]]:
        """(label, version) of each list in the index, which is opened as a process that starts opens it."""
        opened = index.Index(self.files.index / index.CURRENT)
        for label in LABELS:
            assert opened.listed(f"{label}-7.test"), f"{label} is not whole in the index"
            for version in (self.version - 1, self.version):
                if opened.listed(f"version{version}-of-{label}.test"):
                    yield label, version


def rounds(folder: Path, kills: int, seed: int) -> Iterator[Round]:
    """Kill updates at *kills* moments, at random over the time that one takes here."""
    moments = random.Random(seed)
    with ListServer() as server:
        killed = Killed(folder, server)
        killed.publish()
        killed.update()
        killed.publish()
        whole = killed.update()
        for _ in range(kills):
            yield killed.kill(moments.uniform(0, whole))
