"""How long a worker serves: until it has more memory than it may, or is old enough, and then another takes its place.

Nothing in here reads a clock or a process; a worker asks it once a second.
"""

from proxy_addons.settings import ProxySettings

EVERY = 1.0
"""Seconds between two looks."""
SETTLED = 60.0
"""Seconds in which memory does not count: a budget below what a worker starts with would replace it for ever."""
AGAIN = 300.0
"""Seconds until a worker whose successor did not come asks for another."""
EXPECTED = 90.0
"""Seconds after the question in which to be told to end means to be replaced; a successor must be ready sooner."""
_MEGABYTE = 1024 * 1024


def over(settings: ProxySettings, memory: int, age: float) -> str:
    """Why a worker of *memory* bytes and *age* seconds is to be replaced, as a part of a sentence; "" if it is not."""
    budget, hours = settings.worker_memory_mb, settings.worker_hours
    if budget and age >= SETTLED and memory > budget * _MEGABYTE:
        return f"it has {memory // _MEGABYTE} MB of memory, and {budget} is the limit"
    if hours and age >= hours * 3600:
        return f"it is {hours:g} hours old"
    return ""
