"""What an existing board holds, written into MON_*."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from order_sync.db import known
from order_sync.db.adopted import AdoptedLine, AdoptedOrder, store_adopted
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.rules.reading_back import HeldLine, HeldOrder

from .helpers import BOARD, start


def adopted(key: str, *subitems: str, item_id: str = "", digest: str | None = "h") -> AdoptedOrder:
    """An order line with one size line for each subitem, named after its id."""
    lines = tuple(
        AdoptedLine(one, one, f"Size {one}", one, HeldLine(3, "h", is_as_wanted=True))
        for one in subitems
    )
    held = HeldOrder({"PO NUMBER": "4755"}, digest, ())
    return AdoptedOrder(key, item_id or f"1{key}", key.upper(), "G", "g", "GREYSON", held, lines)


@pytest.fixture
def store(state, tables, shipped):
    """Store orders in a transaction of their own, as one run after another does."""

    def store(*orders: AdoptedOrder) -> None:
        def work(conn: Connection) -> None:
            run = start(conn, tables, shipped)
            store_adopted(conn, tables, shipped, run, "below", orders)

        state.run(work)

    return store


def sizes(conn: Connection, tables: Tables, shipped) -> dict[str, list[str]]:
    orders = known.known_orders(conn, tables, BOARD, "abc", shipped)
    return {key: sorted(order.lines) for key, order in sorted(orders.items())}


def acknowledge(conn: Connection, tables: Tables) -> None:
    conn.execute(tables.production.update().values(source_hash="s"))


def test_an_order_stored_again_is_what_the_board_holds_now(state, tables, shipped, store):
    store(adopted("a", "s", "m"), adopted("b", "l"))
    store(adopted("a", "m", item_id="77", digest=None))

    assert state.run(lambda conn: sizes(conn, tables, shipped)) == {"a": ["m"], "b": ["l"]}
    a = state.run(lambda conn: known.known_orders(conn, tables, BOARD, "a", shipped))["a"]
    assert (a.item_id, a.payload_hash, a.source_hash) == ("77", None, None)


def test_an_order_stored_again_keeps_the_day_it_was_first_known(state, tables, store):
    p = tables.production
    created = select(p.c.created_date)
    store(adopted("a", "s"))
    first = state.run(lambda conn: conn.execute(created).scalar_one())
    store(adopted("a", "s"))

    assert state.run(lambda conn: conn.execute(created).scalar_one()) == first


def test_a_subitem_moved_to_another_item_leaves_the_order_that_had_it(
    state, tables, shipped, store
):
    """The other order is compared anew by the next run; a third one stays as it is."""
    store(adopted("a", "s", "m"), adopted("b", "l"), adopted("c", "x"))
    state.run(lambda conn: acknowledge(conn, tables))

    store(adopted("b", "l", "m"))

    there = {"a": ["s"], "b": ["l", "m"], "c": ["x"]}
    assert state.run(lambda conn: sizes(conn, tables, shipped)) == there
    hashes = state.run(lambda conn: list(known.source_hashes(conn, tables, BOARD)))
    assert hashes == [("s", "c")]
    assert state.run(lambda c: known.unacknowledged_keys(c, tables, BOARD)) == {"a", "b"}


def test_other_boards_are_left_as_they_are(state, tables, shipped, store):
    store(adopted("a", "s"))

    def elsewhere(conn: Connection) -> list[tuple[str, str]]:
        run = start(conn, tables, shipped)
        other = RunRef(**{**vars(run), "board_id": "another"})
        store_adopted(conn, tables, shipped, other, "below", [adopted("a", "s")])
        p = tables.production
        return sorted((row[0], row[1]) for row in conn.execute(select(p.c.board_id, p.c.order_key)))

    assert state.run(elsewhere) == [(BOARD, "a"), ("another", "a")]
