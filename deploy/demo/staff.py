"""The demo's member of staff: makes the first account, logs in, and reads the breach log and the alerts as JSON."""

import http.client
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pyotp


class Staff:
    """A browser's view of the staff pages at *base* (http://address:port); calls block, so run them in a thread."""

    def __init__(self, base: str) -> None:
        """Nobody is logged in yet."""
        self.base = base
        self.codes: list[str] = []  # recovery codes that are left
        jar = http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(strict_ns_domain=0))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
        )

    def enrol(self, token: str, name: str, password: str) -> None:
        """Make the first account with the one-use *token*."""
        self._post("/enrol", {"enrolment": token, "name": name, "password": password, "again": password})
        self._set_second_step_up()

    def log_in(self, name: str, password: str) -> None:
        """Start a session."""
        answer = self._post("/log-in", {"name": name, "password": password, "after": "/"})
        if 'action="/log-in/code"' in answer:
            self._post("/log-in/code", {"code": self.codes.pop(), "after": "/"})

    def _set_second_step_up(self) -> None:
        """Do what a telephone does, where the account must have one, and keep the recovery codes."""
        page = self._open("/account/second-step")
        if secret := re.search(r"<code>([A-Z2-7 ]{32,})</code>", page):
            code = pyotp.TOTP(secret[1].replace(" ", "")).now()
            self.codes = re.findall(
                r"<li><code>([A-Z2-7-]+)</code>", self._post("/account/second-step", {"code": code})
            )

    def read(self, path: str) -> Any:
        """The page at *path* as JSON."""
        return json.loads(self._open(path + "?format=json"))

    def _post(self, path: str, fields: dict[str, str]) -> str:
        form = self._open(path)
        hidden = re.search(r'name="_csrf_token" value="([^"]+)"', form)
        if hidden is None:
            raise ValueError(f"{path} has no form")
        return self._open(path, urllib.parse.urlencode({**fields, "_csrf_token": hidden[1]}).encode())

    def _open(self, path: str, data: bytes | None = None) -> str:
        request = urllib.request.Request(self.base + path, data=data)  # noqa: S310 - our own http address
        try:
            with self._opener.open(request, timeout=20) as response:
                content: bytes = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise http.client.HTTPException(f"{path} answered {error.code}") from None
        return content.decode()
