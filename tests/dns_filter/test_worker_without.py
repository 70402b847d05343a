import asyncio
import sys

import pytest

from tests.support.dns_client import addresses, ask
from tests.support.dns_worker import FEATURES


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_worker_filters_without_any_feature_that_the_bench_leaves_out(school, feature):
    command = [
        sys.executable,
        "-m",
        "tests.support.dns_worker",
        str(school.folder),
        "127.0.0.1:9",
        "--without",
        feature,
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(20):
            port = int(await process.stdout.readline())
            answers = [await ask(("127.0.0.1", port), "gambling.test") for _ in range(2)]
    finally:
        process.kill()
        await process.wait()

    assert [addresses(answer) for answer in answers] == [["192.0.2.99"]] * 2
