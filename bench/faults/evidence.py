"""What is on record about an episode that ended wrongly, for whoever has to find out why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.runs.world import World


def slowest_execution_s(world: World) -> float:
    """The longest a mutation took from its stored intent until the sandbox had executed it.

    Beyond send window and server limit the machine itself has left the bounds within which
    order-sync promises to be exact.
    """
    executed = _executed(world)
    longest = 0.0
    for key, sends, first, last in world.query(
        "SELECT idempotency_key, send_no, first_sent_at, last_sent_at FROM MON_ApiRequests"
        " WHERE idempotency_key IS NOT NULL"
    ):
        there = executed.get(key, [])
        if there:
            longest = max(longest, there[-1] - _seconds(last))
        if len(there) == sends:
            longest = max(longest, there[0] - _seconds(first))
    return longest


def _executed(world: World) -> dict[str, list[float]]:
    """Idempotency key -> when its requests were executed; one that hangs, when it came."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in world.sandbox.request_log:
        if record.idempotency_key:
            took_s = 0.0 if record.fault == "hang" else record.ms / 1000
            found[record.idempotency_key].append(record.at + took_s)
    return found


def _seconds(stored: str) -> float:
    """A stored time of the database as seconds since the epoch."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()


def story_of(world: World, item_id: str) -> Iterator[str]:
    """All that was asked of an item, or of a size and its item, and what our tables say."""
    item = world.sandbox.account.items[item_id]
    parent = item.parent or item
    yield f"{parent.name} / {item.name}: {item.id} was made at {_clock(item.created_at)}"
    for record in world.sandbox.request_log:
        texts = {str(value) for value in record.variables.values()}
        if record.kind == "mutation" and texts & {parent.id, parent.name}:
            yield (
                f"  {_clock(record.at)} request {record.number} {record.operations[0]}"
                f" x{record.aliases} key {(record.idempotency_key or '')[:6]}"
                f" -> {record.http_status} fault {record.fault} replayed {record.replayed}"
                f" errors {record.error_codes}"
            )
    for at, size, event, detail, request in world.query(
        "SELECT at, size_key, event, detail, request_id FROM MON_OrderEvents WHERE order_key LIKE"
        f" '{parent.name.split()[-1].casefold()}|%' ORDER BY event_id"
    ):
        yield f"  {at} event {event} {size or ''} {detail or ''} {(request or '')[:6]}"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S.%f")[:-3]
