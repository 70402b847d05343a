"""A real HTTP server stands for a chat: what arrives there is all that a channel says."""

import asyncio
import http.server
import json
import threading

import pytest

from reporting.channels import Channels, line
from reporting.mail import MailRefusedError
from reporting.models import OutboxRow
from reporting.settings import ChannelSettings

pytest.importorskip("apprise", reason="the channels' library is not installed here")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise", "ignore::DeprecationWarning:requests")


@pytest.fixture
def chat():
    got, status = [], [200]

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status[0])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"json://127.0.0.1:{server.server_port}/", got, status
        server.shutdown()
        thread.join()


def row(**fields):
    body = "Safeguarding alert 1001\n\nPlease act: at once (by 10:00)\n\nOpen the alert: https://s.test/alerts/1001\n"
    usual = {"channel": "chat", "recipient": "dsl", "subject": "Schoolgate alert 1001: Urgent", "body": body}
    return OutboxRow(**{**usual, **fields})


def channels(tmp_path, address):
    file = tmp_path / "chat"
    file.write_text(f"{address}\n")
    return Channels({"chat": ChannelSettings(url_file=str(file))})


async def test_a_channel_gets_number_severity_time_and_link_and_nothing_else(tmp_path, chat):
    address, got, _ = chat
    async with asyncio.timeout(20):
        assert await channels(tmp_path, address).send(row()) == "taken by chat"
    [said] = got
    assert said["title"] == "Schoolgate alert 1001: Urgent"
    assert said["message"] == "Please act: at once (by 10:00)\nOpen the alert: https://s.test/alerts/1001"


async def test_a_channel_that_refuses_or_is_gone_or_cannot_be_understood_is_tried_again(tmp_path, chat):
    address, _, status = chat
    status[0] = 500
    with pytest.raises(OSError, match="did not take it"):
        await channels(tmp_path, address).send(row())
    with pytest.raises(MailRefusedError, match="there is no channel"):
        await Channels({}).send(row())
    with pytest.raises(MailRefusedError, match="none that apprise knows"):
        await channels(tmp_path, "nonsense").send(row())


def test_a_message_without_such_lines_says_its_subject():
    assert line(row(body="a digest")) == "Schoolgate alert 1001: Urgent"
