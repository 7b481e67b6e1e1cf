"""What was told to whom: each piece of news is claimed, sent outside, and then recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update

from order_sync.db import engine
from order_sync.db.schema import Tables
from order_sync.rules.alerts import Alert, Memory, Observed, Policy, Step, next_step

CLAIM_S = 900  # a process that has claimed news and not recorded its end by then has died


@dataclass(frozen=True)
class Teller:
    """Who tells, and of what."""

    board_id: str
    profile: str
    process: str  # unique to this process and time
    addresses: int  # they are counted from 1
    alerts: frozenset[Alert]
    policy: Policy


@dataclass(frozen=True)
class Claim:
    """A piece of news for one address; only the process that holds it may send it."""

    alert: Alert
    address: int
    is_trouble: bool
    title: str
    message: str


def claim(conn: Connection, tables: Tables, me: Teller, seen: Sequence[Observed]) -> list[Claim]:
    """Remember what is seen, and take what has to be sent.

    News that an earlier process could not deliver is taken, too, also of alerts that are not
    looked at now. The board is taken meanwhile: of two processes one finds nothing left.
    """
    engine.take_board(conn, me.board_id)
    now = engine.now(conn)
    there = {(Alert(row.alert), row.address): row for row in _rows(conn, tables, me)}
    claims: list[Claim] = []
    for address in range(1, me.addresses + 1):
        for news in seen:
            if news.alert in me.alerts:
                row = there.pop((news.alert, address), None)
                claims += _judge(conn, tables, me, news, address, row, now)
        claims += _left_over(conn, tables, me, address, there.values(), now)
    return claims


def _rows(conn: Connection, tables: Tables, me: Teller) -> Sequence[Row[Any]]:
    n = tables.notifications
    of_me = (n.c.board_id == me.board_id, n.c.profile == me.profile)
    known = n.c.alert.in_([alert.value for alert in me.alerts])
    return conn.execute(select(n).where(*of_me, known)).all()


def _judge(
    conn: Connection, tables: Tables, me: Teller, news: Observed, address: int,
    row: Row[Any] | None, now: datetime,
) -> Iterator[Claim]:  # fmt: skip
    if row is not None and _is_taken(row, now):
        return  # whoever sends it now has seen the same; the next process looks again
    memory = None if row is None else Memory(row.is_trouble, row.cause, row.told_at is not None)
    step = next_step(memory, news, me.policy)
    if step is Step.NOTHING:
        return
    values: dict[str, Any] = {
        "is_trouble": news.is_trouble,
        "cause": news.cause,
        "title": news.title,
        "message": news.message,
        "claimed_by": None if step is Step.CLOSE else me.process,
        "claimed_at": None if step is Step.CLOSE else now,
    }
    if step is not Step.AGAIN:
        values |= {"since": now, "told_at": now if step is Step.CLOSE else None}
    n = tables.notifications
    if row is None:
        key = {"board_id": me.board_id, "profile": me.profile, "address": address}
        conn.execute(n.insert().values(**key, alert=news.alert.value, **values))
    else:
        conn.execute(update(n).where(_is(tables, me, news.alert, address)).values(**values))
    if step is not Step.CLOSE:
        yield Claim(news.alert, address, news.is_trouble, news.title, news.message)


def _left_over(
    conn: Connection, tables: Tables, me: Teller, address: int, rows: Collection[Row[Any]],
    now: datetime,
) -> Iterator[Claim]:  # fmt: skip
    """News of alerts nobody looked at now that was never delivered."""
    for row in rows:
        if row.address == address and row.told_at is None and not _is_taken(row, now):
            alert = Alert(row.alert)
            conn.execute(
                update(tables.notifications)
                .where(_is(tables, me, alert, address))
                .values(claimed_by=me.process, claimed_at=now)
            )
            yield Claim(alert, address, row.is_trouble, row.title, row.message)


def record(conn: Connection, tables: Tables, me: Teller, claim: Claim, *, delivered: bool) -> None:
    """Give a claim back: the address took the news, or the next process tries again."""
    values: dict[str, Any] = {"claimed_by": None, "claimed_at": None}
    if delivered:
        values["told_at"] = engine.now(conn)
    n = tables.notifications
    mine = and_(_is(tables, me, claim.alert, claim.address), n.c.claimed_by == me.process)
    conn.execute(update(n).where(mine).values(**values))


def _is(tables: Tables, me: Teller, alert: Alert, address: int) -> ColumnElement[bool]:
    n = tables.notifications
    return and_(
        n.c.board_id == me.board_id,
        n.c.profile == me.profile,
        n.c.alert == alert.value,
        n.c.address == address,
    )


def _is_taken(row: Row[Any], now: datetime) -> bool:
    return row.claimed_at is not None and row.claimed_at > now - timedelta(seconds=CLAIM_S)
