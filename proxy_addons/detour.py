"""Whether a permitted request is a way round the filter by what it says, whatever its host (`blocklists.detours`)."""

from mitmproxy import http

from blocklists import defaults
from blocklists.detours import Detours, judged
from blocklists.policy import Request, Verdict
from proxy_addons.judge import Judge

_DETOURS = Detours(defaults.table("detours"))


def refusal(judge: Judge, request: Request, verdict: Verdict, asked: http.Request) -> tuple[Request, Verdict] | None:
    """The refusal of *asked*, which *verdict* permits, if it leads round; None for nearly all."""
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.fields}
    websocket = headers.get("upgrade", "").lower() == "websocket" or asked.method == "CONNECT"
    way = _DETOURS.way(request.path or "/", headers, websocket=websocket)
    found = judged(judge.policy, request, verdict, way) if way else verdict
    return (request, found) if found.blocked else None
