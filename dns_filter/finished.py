"""A finished answer on its way to a client: looked up, counted and put together, without parsing anything.

`dns_filter.udp` does the same in one frame for the many packets of a batch.
"""

from dns_filter.cache import Stop
from dns_filter.seats import Seat
from dns_filter.wire import HEADER
from reporting.runs import count_repeat


def finished(packet: bytes, seat: Seat, now_ns: int, second: int) -> bytes | None:
    """The answer to *packet* that is at hand for *seat* in *second*, or None if it must be made."""
    found = seat.answers.get(packet[2:])
    if found is None:
        return None
    if not found.blocks:
        if found.second != second and not found.holds(second):
            return None
        seat.seen.append(found.site)
        if found.told is not None:
            found.told.to(seat.address)
        return packet[:2] + found.payload
    if second >= found.until or (found.run and not _repeats(found, seat, now_ns, packet)):
        return None
    seat.stops += 1
    return found.answers(packet)


def _repeats(stop: Stop, seat: Seat, now_ns: int, packet: bytes) -> bool:
    return count_repeat(seat.runs, stop.run, now_ns, packet[HEADER : stop.end])
