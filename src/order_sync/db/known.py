"""What the board is known to hold: reading MON_*, and taking over what was found on the board."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, update

from order_sync.db import engine
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks
from order_sync.rules.comparing import KnownLine, KnownOrder
from order_sync.rules.mapping import Mapping

_CHUNK = 2_000  # rows fetched at a time


def known_count(conn: Connection, tables: Tables, board_id: str) -> int:
    """How many order lines MON_* knows on this board."""
    p = tables.production
    return conn.execute(
        select(func.count()).select_from(p).where(p.c.board_id == board_id)
    ).scalar_one()


def source_hashes(conn: Connection, tables: Tables, board_id: str) -> Iterator[tuple[str, str]]:
    """(acknowledged source hash, order_key) of known order lines, sorted by hash byte by byte.

    Read as they are asked for, so that any number of them needs no memory.
    """
    p = tables.production
    query = (
        select(p.c.source_hash, p.c.order_key)
        .where(p.c.board_id == board_id, p.c.source_hash.is_not(None))
        .order_by(engine.bytewise(conn, p.c.source_hash))
    )
    with conn.execute(query, execution_options={"yield_per": _CHUNK}) as rows:
        for row in rows:
            yield row[0], row[1]


def source_hashes_of(
    conn: Connection, tables: Tables, board_id: str, keys: Collection[str]
) -> dict[str, str]:
    """order_key -> acknowledged source hash, of those among `keys` that have one."""
    p = tables.production
    return {
        row.order_key: row.source_hash
        for chunk in chunks(sorted(keys))
        for row in conn.execute(
            select(p.c.order_key, p.c.source_hash).where(
                p.c.board_id == board_id, p.c.order_key.in_(chunk), p.c.source_hash.is_not(None)
            )
        )
    }


def unacknowledged_keys(conn: Connection, tables: Tables, board_id: str) -> set[str]:
    """Known order lines of which not every part is acknowledged."""
    p = tables.production
    query = select(p.c.order_key).where(p.c.board_id == board_id, p.c.source_hash.is_(None))
    return set(conn.execute(query).scalars())


def keys_known(conn: Connection, tables: Tables, board_id: str, keys: Collection[str]) -> set[str]:
    """Which of these order lines MON_* knows."""
    p = tables.production
    return {
        key
        for chunk in chunks(sorted(keys))
        for key in conn.execute(
            select(p.c.order_key).where(p.c.board_id == board_id, p.c.order_key.in_(chunk))
        ).scalars()
    }


def known_orders(
    conn: Connection, tables: Tables, board_id: str, keys: Collection[str], mapping: Mapping
) -> dict[str, KnownOrder]:
    """The known order lines among `keys`, with their size lines and business columns."""
    p, s = tables.production, tables.production_subitems
    orders: dict[str, KnownOrder] = {}
    for chunk in chunks(sorted(keys)):
        for row in conn.execute(
            select(p).where(p.c.board_id == board_id, p.c.order_key.in_(chunk))
        ).mappings():
            orders[row["order_key"]] = KnownOrder(
                order_key=row["order_key"],
                item_id=row["Item ID"],
                customer=row["customer_name"],
                title=row["Title"],
                group=row["Group"],
                payload_hash=row["payload_hash"],
                source_hash=row["source_hash"],
                moving_to=row["moving_to"],
                values={c.title: row[c.field] for c in mapping.columns},
                lines={},
            )
        lines: dict[str, dict[str, KnownLine]] = {}
        for line in conn.execute(
            select(s).where(s.c.board_id == board_id, s.c.order_key.in_(chunk))
        ).mappings():
            lines.setdefault(line["order_key"], {})[line["size_key"]] = KnownLine(
                line["size_key"], line["subitem_id"], line["Size"], line["Order Qty"],
                line["payload_hash"], line["Title"],
            )  # fmt: skip
        for key, known_lines in lines.items():
            orders[key] = replace(orders[key], lines=known_lines)
    return orders


def withdraw(
    conn: Connection, tables: Tables, board_id: str, unit: Unit, keys: Sequence[tuple[str, str]]
) -> None:
    """Forget that parts are acknowledged, because something is about to be sent for them.

    A source that flips back meanwhile still differs from what is acknowledged, so it is written.

    Args:
        keys: (order_key, size_key); size_key is "" for items.
    """
    p, s = tables.production, tables.production_subitems
    hashes: dict[str, None] = {"source_hash": None}
    if unit is Unit.ITEM:
        hashes["payload_hash"] = None
    for chunk in chunks(sorted({key for key, _ in keys})):
        conn.execute(
            update(p).where(p.c.board_id == board_id, p.c.order_key.in_(chunk)).values(hashes)
        )
    if unit is Unit.SUBITEM and keys:
        conn.execute(
            update(s)
            .where(
                s.c.board_id == board_id,
                s.c.order_key == bindparam("of_order"),
                s.c.size_key == bindparam("of_size"),
            )
            .values(payload_hash=None),
            [{"of_order": key, "of_size": size} for key, size in keys],
        )


def withdraw_groups(
    conn: Connection, tables: Tables, board_id: str, titles: Sequence[tuple[str, str]]
) -> None:
    """Remember where orders are about to be moved: until that is certain, they stand here or there.

    Args:
        titles: (order_key, title of the new group).
    """
    p = tables.production
    conn.execute(
        update(p)
        .where(p.c.board_id == board_id, p.c.order_key == bindparam("of_order"))
        .values(moving_to=bindparam("new_title")),
        [{"of_order": key, "new_title": title} for key, title in titles],
    )


def store_hashes(
    conn: Connection, tables: Tables, board_id: str, hashes: Sequence[tuple[str, str]]
) -> None:
    """Store new payload hashes of orders whose values the board is known to show already."""
    p = tables.production
    statement = (
        update(p)
        .where(p.c.board_id == board_id, p.c.order_key == bindparam("of_order"))
        .values(payload_hash=bindparam("new_hash"))
    )
    for chunk in chunks(hashes, _CHUNK):
        conn.execute(statement, [{"of_order": key, "new_hash": digest} for key, digest in chunk])


def remove(conn: Connection, tables: Tables, board_id: str, keys: Collection[str]) -> None:
    """Drop order lines, with their size lines, that the board holds no longer."""
    for t in (tables.production_subitems, tables.production):
        for chunk in chunks(sorted(keys)):
            conn.execute(delete(t).where(t.c.board_id == board_id, t.c.order_key.in_(chunk)))


def groups_without_items(
    conn: Connection, tables: Tables, board_id: str, titles: Collection[str]
) -> list[str]:
    """Which of these groups hold no known order line any more, in alphabetical order."""
    p = tables.production
    used: set[str] = set()
    for chunk in chunks(sorted(titles)):
        used.update(
            conn.execute(
                select(p.c.Group).distinct().where(p.c.board_id == board_id, p.c.Group.in_(chunk))
            ).scalars()
        )
    return sorted(set(titles) - used)


@dataclass(frozen=True)
class FoundItem:
    """An item that stands on the board although MON_* did not know it."""

    order_key: str
    item_id: str
    name: str
    group_title: str
    group_id: str
    customer: str
    lines: tuple[FoundLine, ...] = ()


@dataclass(frozen=True)
class FoundLine:
    """A subitem of such an item."""

    size_key: str
    subitem_id: str
    name: str
    label: str


def adopt(
    conn: Connection, tables: Tables, run: RunRef, subitem_board_id: str,
    found: Iterable[FoundItem],
) -> None:  # fmt: skip
    """Take found items into MON_* with unknown values: their hashes stay NULL."""
    at = engine.now(conn)
    stamp = {"created_date": at, "UpdateDate": at, "last_run_id": run.run_id}
    for item in found:
        conn.execute(
            tables.production.insert().values(
                {
                    "board_id": run.board_id,
                    "order_key": item.order_key,
                    "Item ID": item.item_id,
                    "Title": item.name,
                    "Group": item.group_title,
                    "group_id": item.group_id,
                    "customer_name": item.customer,
                    **stamp,
                }
            )
        )
        for line in item.lines:
            adopt_line(conn, tables, run, subitem_board_id, item.order_key, item.item_id, line)


def adopt_line(
    conn: Connection, tables: Tables, run: RunRef, subitem_board_id: str, order_key: str,
    item_id: str, line: FoundLine,
) -> None:  # fmt: skip
    """Take a found subitem of a known item into MON_* with unknown pieces."""
    at = engine.now(conn)
    conn.execute(
        tables.production_subitems.insert().values(
            {
                "board_id": run.board_id,
                "order_key": order_key,
                "size_key": line.size_key,
                "subitem_id": line.subitem_id,
                "parent_item_id": item_id,
                "subitem_board_id": subitem_board_id,
                "Title": line.name,
                "Size": line.label,
                "Order Qty": 0,  # unknown; written by the update that follows
                "created_date": at,
                "UpdateDate": at,
                "last_run_id": run.run_id,
            }
        )
    )


def sizes_with_pieces(
    conn: Connection, tables: Tables, board_id: str, size_keys: Collection[str]
) -> list[str]:
    """Which of these sizes the board is known to hold pieces of, by label."""
    s = tables.production_subitems
    return sorted(
        conn.execute(
            select(s.c.Size)
            .distinct()
            .where(s.c.board_id == board_id, s.c["Order Qty"] > 0)
            .where(s.c.size_key.in_(size_keys))
        ).scalars()
    )


def item_ids(conn: Connection, tables: Tables, board_id: str) -> dict[str, str]:
    """order_key -> item id of all that MON_* knows on a board."""
    p = tables.production
    rows = conn.execute(select(p.c.order_key, p.c["Item ID"]).where(p.c.board_id == board_id))
    return {row[0]: row[1] for row in rows}


def keys_created_within(
    conn: Connection, tables: Tables, board_id: str, lag: timedelta
) -> frozenset[str]:
    """Order keys created so lately that reads of the board may not show them yet."""
    p = tables.production
    since = engine.now(conn) - lag
    return frozenset(
        conn.execute(
            select(p.c.order_key).where(p.c.board_id == board_id, p.c.created_date >= since)
        ).scalars()
    )


def item_ids_taken(
    conn: Connection, tables: Tables, board_id: str, item_ids: Collection[str]
) -> set[str]:
    """Which of these items MON_* already knows, under whatever key."""
    p = tables.production
    taken: set[str] = set()
    for chunk in chunks(sorted(item_ids)):
        taken.update(
            conn.execute(
                select(p.c["Item ID"]).where(p.c.board_id == board_id, p.c["Item ID"].in_(chunk))
            ).scalars()
        )
    return taken


def unacknowledged(conn: Connection, tables: Tables, board_id: str, keys: Collection[str]) -> int:
    """How many of these known order lines have a part that monday.com has not acknowledged."""
    p = tables.production
    return sum(
        conn.execute(
            select(func.count())
            .select_from(p)
            .where(p.c.board_id == board_id, p.c.order_key.in_(chunk), p.c.source_hash.is_(None))
        ).scalar_one()
        for chunk in chunks(sorted(keys))
    )


def acknowledge_source(
    conn: Connection, tables: Tables, board_id: str, hashes: Sequence[tuple[str, str]]
) -> None:
    """Store the source hash of orders all of whose parts monday.com has acknowledged."""
    p = tables.production
    statement = (
        update(p)
        .where(
            p.c.board_id == board_id,
            p.c.order_key == bindparam("of_order"),
            p.c.payload_hash.is_not(None),
        )
        .values(source_hash=bindparam("new_hash"))
    )
    for chunk in chunks(hashes, _CHUNK):
        conn.execute(statement, [{"of_order": key, "new_hash": digest} for key, digest in chunk])
