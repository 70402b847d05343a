"""Invitations to an account of the staff pages: a token that works once, of which only the hash is kept.

Whoever may write into the school's folder may invite; the person who is invited chooses the password.
"""

import hashlib
import json
import secrets
import time

from blocklists import snapshot
from blocklists.live import Files
from deploy.toml_file import RefusedError
from reporting.permissions import ROLES

FOLDER = "invitations"
DAYS = 14
"""How long an invitation holds."""


def new_token() -> tuple[str, str]:
    """A new token and its SHA-256 in hexadecimal; the token opens with a letter, so that it looks like no option."""
    token = "t" + secrets.token_urlsafe(18)
    return token, hashlib.sha256(token.encode()).hexdigest()


def invite(files: Files, roles: tuple[str, ...]) -> str:
    """Leave an invitation for an account with *roles*; returns its token. RefusedError for a role that is none."""
    if strange := [role for role in roles if role not in ROLES] or ([] if roles else ["nothing"]):
        raise RefusedError([f"{', '.join(strange)} is no role; the roles are {', '.join(ROLES)}"])
    token, digest = new_token()
    folder = files.state / FOLDER
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        snapshot.share(folder, 0o755)
    content = {"roles": ",".join(roles), "created_ns": time.time_ns()}
    (folder / digest).write_text(json.dumps(content) + "\n", encoding="utf-8")
    snapshot.share(folder / digest, 0o644)
    return token
