"""The tables of order-sync. Business columns come from the profile, state checks from the enums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Constraint,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.sql.type_api import TypeEngine

from order_sync.db import side_tables
from order_sync.db.conditions import both_or_neither, live, shorten_names, state_check
from order_sync.db.line_keys import BATCH_AND_RUN, one_key_on_postgres
from order_sync.db.types import (
    Price,
    UtcDateTime,
    id_text,
    key_text,
    long_text,
    short_text,
    size_key_text,
)
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.states import (
    BatchState,
    ChangeType,
    Operation,
    RequestState,
    RowState,
    RunState,
)

IS_WARNING = "level = 'warning'"  # condition of an index, so queries have to say it the same way
SCHEMA_VERSION = 6

_KIND_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: long_text(),
    Kind.NUMBER: Price(),
    Kind.DATE: Date(),
}


@dataclass(frozen=True)
class Tables:
    """Every table of one profile, on one MetaData."""

    metadata: MetaData
    schema_version: Table
    staging: Table
    staging_subitems: Table
    production: Table
    production_subitems: Table
    errors: Table
    errors_subitems: Table
    batches: Table
    runs: Table
    groups: Table
    requests: Table
    events: Table
    source_marks: Table
    notifications: Table


def build_tables(mapping: Mapping) -> Tables:
    """The tables of `mapping`; nothing is created in a database yet."""
    meta = MetaData()
    runs = _runs(meta)
    batches = _batches(meta)
    requests = _requests(meta)
    staging = _staging(meta, mapping)
    lines = _staging_subitems(meta, mapping, staging)
    one_key_on_postgres(lines, staging)
    tables = Tables(
        metadata=meta,
        schema_version=side_tables.schema_version(meta),
        source_marks=side_tables.source_marks(meta),
        staging=staging,
        staging_subitems=lines,
        production=_production(meta, mapping),
        production_subitems=_production_subitems(meta, mapping),
        errors=_errors(meta, mapping.tables.errors),
        errors_subitems=_errors(meta, mapping.tables.errors_subitems, size_lines=True),
        batches=batches,
        runs=runs,
        groups=_groups(meta),
        requests=requests,
        events=_events(meta),
        notifications=side_tables.notifications(meta),
    )
    for table in meta.tables.values():
        if len(table.primary_key) > 1:
            # The rows of a table in SQL Server can be ordered by 900 bytes, an index has 1,700.
            table.primary_key.dialect_options["mssql"]["clustered"] = False
        shorten_names(table)
    return tables


def business_columns(mapping: Mapping) -> list[Column[object]]:
    """One real column per mapped column, named by its field."""
    return [Column(c.field, _KIND_TYPES[c.kind]) for c in mapping.columns]


def _staged_columns(table: str) -> list[Column[object] | Constraint]:
    """Technical columns that both staging tables share."""
    return [
        Column("stg_batch_id", id_text(), nullable=False),
        Column("stg_run_id", id_text(), nullable=False),
        Column("stg_customer_batch", short_text(255), nullable=False),
        Column("stg_status", short_text(20), nullable=False),
        Column("board_id", id_text(), nullable=False),
        Column("order_key", key_text(), nullable=False),
        Column("update_operation", short_text(20), nullable=False),
        Column("change_type", short_text(20)),  # what detection saw; NULL: staged by schema 1
        Column("update_fields", long_text()),  # JSON list of what the order or size line needs
        Column("payload_hash", short_text(64), nullable=False),
        Column("stg_api_payload", long_text(), nullable=False),  # JSON: what the board should get
        Column("stg_request_id", id_text(), ForeignKey("MON_ApiRequests.request_id")),
        Column("stg_request_pos", Integer),  # alias number inside that request
        # False: the board has the row, but its values are not known to be ours.
        Column("stg_acknowledged", Boolean),
        Column("stg_travel_limit", Integer),  # at most so many rows in its next document
        Column("stg_attempts", Integer, nullable=False),
        Column("stg_retry_count", Integer, nullable=False),
        Column("next_try_at", UtcDateTime),
        Column("stg_error_type", short_text(100)),
        Column("stg_error_message", long_text()),
        Column("stg_created_date", UtcDateTime, nullable=False),
        Column("stg_processed_date", UtcDateTime),
        state_check(table, "stg_status", RowState),
        state_check(table, "update_operation", Operation),
        state_check(table, "change_type", ChangeType),
        CheckConstraint(
            "stg_status NOT IN ('SENDING', 'UNCONFIRMED') OR stg_request_id IS NOT NULL",
            name=f"ck_{table}_in_doubt_has_request",
        ),
        # One key, not two: PostgreSQL looks up each key of each row.
        ForeignKeyConstraint(
            BATCH_AND_RUN,
            ["MON_BatchProcessing.batch_id", "MON_BatchProcessing.run_id"],
            name=f"fk_{table}_batch",
        ),
    ]


def _staged_indexes(table: str, *key: str) -> list[Index]:
    """One live row per key; and what a run looks rows up by."""
    # Loading rows, none of which has a request yet, leaves the index of requests alone.
    sent = text("stg_request_id IS NOT NULL")
    alive = text(live("stg_status"))
    return [
        Index(f"ux_{table}_live", "board_id", *key, unique=True,
              sqlite_where=alive, postgresql_where=alive, mssql_where=alive),
        Index(f"ix_{table}_batch", "stg_batch_id"),
        Index(f"ix_{table}_status", "board_id", "stg_status"),
        Index(f"ix_{table}_request", "stg_request_id",
              sqlite_where=sent, postgresql_where=sent, mssql_where=sent),
    ]  # fmt: skip


def _staging(meta: MetaData, mapping: Mapping) -> Table:
    name = mapping.tables.staging
    return Table(
        name,
        meta,
        Column("stg_id", Integer, primary_key=True, autoincrement=True),
        *_staged_columns(name),
        Column("stg_monday_item_id", id_text()),
        Column("source_hash", short_text(64)),
        Column("original_data", long_text()),
        Column("Title", long_text(), nullable=False),
        Column("Group", long_text(), nullable=False),
        Column("group_key", key_text(), nullable=False),
        *business_columns(mapping),
        CheckConstraint(
            "stg_status NOT IN ('API_SUCCESS', 'PROMOTED') OR stg_monday_item_id IS NOT NULL",
            name=f"ck_{name}_success_has_id",
        ),
        *_staged_indexes(name, "order_key"),
        postgresql_with={"toast_tuple_target": 8160},  # what fits into a page is not compressed
    )


def _staging_subitems(meta: MetaData, mapping: Mapping, staging: Table) -> Table:
    name = mapping.tables.staging_subitems
    return Table(
        name,
        meta,
        Column("stg_id", Integer, primary_key=True, autoincrement=True),
        Column("stg_parent_stg_id", Integer, ForeignKey(staging.c.stg_id)),
        *_staged_columns(name),
        Column("size_key", size_key_text(), nullable=False),
        Column("stg_monday_subitem_id", id_text()),
        Column("stg_monday_parent_item_id", id_text()),
        Column("stg_size_label", short_text(100), nullable=False),
        Column("Title", long_text(), nullable=False),
        Column("Size", short_text(100), nullable=False),
        Column("Order Qty", BigInteger, nullable=False),
        CheckConstraint(
            "stg_status NOT IN ('API_SUCCESS', 'PROMOTED') OR stg_monday_subitem_id IS NOT NULL",
            name=f"ck_{name}_success_has_id",
        ),
        *_staged_indexes(name, "order_key", "size_key"),
        Index(f"ix_{name}_parent", "stg_parent_stg_id"),
    )


def _production(meta: MetaData, mapping: Mapping) -> Table:
    name = mapping.tables.production
    return Table(
        name,
        meta,
        Column("board_id", id_text(), primary_key=True),
        Column("order_key", key_text(), primary_key=True),
        Column("Item ID", id_text(), nullable=False),
        Column("Title", long_text(), nullable=False),
        Column("Group", long_text(), nullable=False),
        Column("group_id", id_text(), nullable=False),
        Column("customer_name", short_text(255), nullable=False),
        *business_columns(mapping),
        # Group of a move that was sent and is not acknowledged: the item stands here or there.
        Column("moving_to", long_text()),
        # NULL: the board may hold something else than the columns here say, so all is sent again.
        Column("payload_hash", short_text(64)),
        # NULL: not everything of the order is acknowledged, so detection looks at it again.
        Column("source_hash", short_text(64)),
        Column("created_date", UtcDateTime, nullable=False),
        Column("UpdateDate", UtcDateTime, nullable=False),
        Column("last_run_id", id_text(), nullable=False),
        UniqueConstraint("board_id", "Item ID", name=f"ux_{name}_item"),
    )


def _production_subitems(meta: MetaData, mapping: Mapping) -> Table:
    name = mapping.tables.production_subitems
    parent = mapping.tables.production
    return Table(
        name,
        meta,
        Column("board_id", id_text(), primary_key=True),
        Column("order_key", key_text(), primary_key=True),
        Column("size_key", size_key_text(), primary_key=True),
        Column("subitem_id", id_text(), nullable=False),
        Column("parent_item_id", id_text(), nullable=False),
        Column("subitem_board_id", id_text(), nullable=False),
        Column("Title", long_text(), nullable=False),
        Column("Size", short_text(100), nullable=False),
        Column("Order Qty", BigInteger, nullable=False),
        Column("payload_hash", short_text(64)),
        Column("created_date", UtcDateTime, nullable=False),
        Column("UpdateDate", UtcDateTime, nullable=False),
        Column("last_run_id", id_text(), nullable=False),
        UniqueConstraint("board_id", "subitem_id", name=f"ux_{name}_item"),
        Index(f"ix_{name}_parent", "board_id", "parent_item_id"),
        ForeignKeyConstraint(
            ["board_id", "order_key"],
            [f"{parent}.board_id", f"{parent}.order_key"],
            name=f"fk_{name}_order",
        ),
    )


def _errors(meta: MetaData, name: str, *, size_lines: bool = False) -> Table:
    still_open = text("resolved_date IS NULL")
    size_columns: list[Column[object]] = []
    key = ["board_id", "order_key"]
    if size_lines:
        size_columns = [
            Column("size_key", size_key_text(), nullable=False),
            Column("size_label", short_text(100)),
            Column("order_qty", BigInteger),
            Column("parent_item_id", id_text()),
        ]
        key.append("size_key")
    return Table(
        name,
        meta,
        Column("err_id", Integer, primary_key=True, autoincrement=True),
        Column("board_id", id_text(), nullable=False),
        Column("order_key", key_text(), nullable=False),
        *size_columns,
        Column("customer_batch", short_text(255), nullable=False),
        Column("order_number", short_text(255), nullable=False),
        Column("item_name", long_text()),
        Column("group_name", long_text()),
        Column("error_type", short_text(100), nullable=False),
        Column("error_class", short_text(20), nullable=False),
        Column("error_message", long_text(), nullable=False),
        Column("field", short_text(255), nullable=False),
        Column("value", long_text(), nullable=False),
        Column("http_status_code", Integer),
        Column("api_payload", long_text()),
        Column("original_data", long_text()),
        Column("payload_hash", short_text(64)),
        Column("original_stg_id", Integer),
        Column("batch_id", id_text()),
        Column("run_id", id_text(), nullable=False),
        Column("request_id", id_text()),
        Column("retry_count", Integer, nullable=False),
        Column("max_retries_reached", Boolean, nullable=False),
        Column("next_try_at", UtcDateTime),
        Column("created_date", UtcDateTime, nullable=False),
        Column("last_retry_date", UtcDateTime),
        Column("resolved_date", UtcDateTime),
        Column("resolved_by", short_text(255)),
        # sent | repaired | vanished, or a person's retry | ignore | recreate | forget
        Column("resolution", short_text(20)),
        Column("resolution_note", long_text()),  # why, in the person's words
        CheckConstraint(
            both_or_neither("resolved_date IS NULL", "resolved_by IS NULL"),
            name=f"ck_{name}_resolved_by_someone",
        ),
        Index(f"ux_{name}_open", *key, "error_type", unique=True,
              sqlite_where=still_open, postgresql_where=still_open, mssql_where=still_open),
        Index(f"ix_{name}_type", "error_type"),
        Index(f"ix_{name}_order", "board_id", "order_key"),
        Index(f"ix_{name}_decided", "board_id", "resolution"),
        Index(f"ix_{name}_run", "run_id"),
    )  # fmt: skip


def _batches(meta: MetaData) -> Table:
    return Table(
        "MON_BatchProcessing",
        meta,
        Column("batch_id", id_text(), primary_key=True),
        Column("run_id", id_text(), ForeignKey("MON_SyncRuns.run_id"), nullable=False),
        Column("board_id", id_text(), nullable=False),
        Column("customer_name", short_text(255), nullable=False),
        Column("batch_type", short_text(50), nullable=False),
        Column("status", short_text(30), nullable=False),
        Column("start_time", UtcDateTime, nullable=False),
        Column("staging_load_completed", UtcDateTime),
        Column("items_creation_completed", UtcDateTime),
        Column("subitems_creation_completed", UtcDateTime),
        Column("promotion_completed", UtcDateTime),
        Column("end_time", UtcDateTime),
        Column("orders_total", Integer, nullable=False),
        Column("orders_processed", Integer, nullable=False),
        Column("orders_failed", Integer, nullable=False),
        Column("subitems_total", Integer, nullable=False),
        Column("subitems_processed", Integer, nullable=False),
        Column("subitems_failed", Integer, nullable=False),
        Column("api_calls_made", Integer, nullable=False),
        Column("api_failures", Integer, nullable=False),
        Column("retries_attempted", Integer, nullable=False),
        Column("error_summary", long_text()),
        state_check("MON_BatchProcessing", "status", BatchState),
        Index("ix_MON_BatchProcessing_run", "run_id"),
        Index("ux_MON_BatchProcessing_of_run", "batch_id", "run_id", unique=True),
        Index("ix_MON_BatchProcessing_start", "start_time"),
        Index("ix_MON_BatchProcessing_status", "board_id", "status"),
    )


RUN_FIGURES = (
    "orders_read", "orders_new", "orders_changed", "orders_cancelled", "orders_deleted",
    "orders_unchanged", "orders_created", "orders_updated", "orders_archived", "subitems_created",
    "subitems_updated", "groups_created", "rows_refused", "rows_in_doubt", "api_calls",
    "calls_per_day", "points_per_minute", "calls_per_minute", "waits",
)  # fmt: skip


def _runs(meta: MetaData) -> Table:
    return Table(
        "MON_SyncRuns",
        meta,
        Column("run_id", id_text(), primary_key=True),
        Column("command", short_text(50), nullable=False),
        Column("filters", long_text(), nullable=False),
        Column("profile", short_text(200), nullable=False),
        Column("profile_fingerprint", short_text(64), nullable=False),
        Column("board_id", id_text(), nullable=False),
        Column("board_name", short_text(255)),
        Column("fence", Integer),  # NULL while the run does not hold the board's lock
        Column("host", short_text(255), nullable=False),
        Column("pid", Integer, nullable=False),
        Column("version", short_text(50), nullable=False),
        Column("status", short_text(30), nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("ended_at", UtcDateTime),
        *(Column(name, Integer) for name in RUN_FIGURES),
        Column("exit_code", Integer),
        Column("error_message", long_text()),
        # To SQL Server two NULLs are the same, unless an index leaves them out.
        UniqueConstraint("board_id", "fence", name="ux_MON_SyncRuns_fence").ddl_if(
            callable_=lambda *_given, dialect, **_more: dialect.name != "mssql"
        ),
        Index(
            "ux_MON_SyncRuns_fence",
            "board_id",
            "fence",
            unique=True,
            mssql_where=text("fence IS NOT NULL"),
        ).ddl_if(dialect="mssql"),
        state_check("MON_SyncRuns", "status", RunState),
        CheckConstraint(
            both_or_neither("ended_at IS NULL", "status = 'RUNNING'"), name="ck_MON_SyncRuns_ended"
        ),
        Index("ix_MON_SyncRuns_started", "started_at"),
    )


def _groups(meta: MetaData) -> Table:
    return Table(
        "MON_Groups",
        meta,
        Column("board_id", id_text(), primary_key=True),
        Column("title_key", key_text(), primary_key=True),
        Column("title", long_text(), nullable=False),
        Column("group_id", id_text()),
        Column("state", short_text(20), nullable=False),
        Column("request_id", id_text(), ForeignKey("MON_ApiRequests.request_id")),
        Column("request_pos", Integer),
        Column("attempts", Integer, nullable=False),
        Column("error_type", short_text(100)),
        Column("error_message", long_text()),
        Column("created_date", UtcDateTime, nullable=False),
        Column("updated_date", UtcDateTime, nullable=False),
        state_check("MON_Groups", "state", RowState),
        CheckConstraint(
            "state NOT IN ('API_SUCCESS', 'PROMOTED') OR group_id IS NOT NULL",
            name="ck_MON_Groups_success_has_id",
        ),
    )


def _requests(meta: MetaData) -> Table:
    return Table(
        "MON_ApiRequests",
        meta,
        Column("request_id", id_text(), primary_key=True),
        Column("run_id", id_text(), ForeignKey("MON_SyncRuns.run_id"), nullable=False),
        Column("board_id", id_text(), nullable=False),
        Column("fence", Integer, nullable=False),
        Column("batch_id", id_text()),
        Column("kind", short_text(40), nullable=False),
        Column("aliases", Integer, nullable=False),
        Column("idempotency_key", id_text()),  # NULL for reads
        Column("staging_table", short_text(200)),  # whose rows; NULL for groups and reads
        Column("send_no", Integer, nullable=False),
        Column("first_sent_at", UtcDateTime, nullable=False),
        Column("last_sent_at", UtcDateTime, nullable=False),
        Column("answered_at", UtcDateTime),
        Column("state", short_text(20), nullable=False),
        Column("http_status", Integer),
        Column("error_code", short_text(100)),
        Column("duration_ms", Float),
        Column("cost", Integer),
        Column("monday_request_id", short_text(200)),
        Column("replays", Integer, nullable=False),  # how often the same key was sent after a doubt
        Column("body", LargeBinary),  # byte-exact; the token is a header and never in it
        Column("answer", LargeBinary),  # to a write, as it came; NULL: none came
        state_check("MON_ApiRequests", "state", RequestState),
        Index("ix_MON_ApiRequests_run", "run_id"),
        Index("ix_MON_ApiRequests_state", "board_id", "state"),
        Index("ix_MON_ApiRequests_sent", "board_id", "last_sent_at"),
    )


def _events(meta: MetaData) -> Table:
    warned = text(IS_WARNING)
    return Table(
        "MON_OrderEvents",
        meta,
        Column("event_id", Integer, primary_key=True, autoincrement=True),
        Column("board_id", id_text(), nullable=False),
        Column("order_key", key_text(), nullable=False),
        Column("size_key", size_key_text()),
        Column("at", UtcDateTime, nullable=False),
        Column("run_id", id_text(), nullable=False),
        Column("batch_id", id_text()),
        Column("request_id", id_text()),
        Column("request_pos", Integer),  # alias number inside that request
        Column("event", short_text(50), nullable=False),
        Column("level", short_text(10), nullable=False),  # info | warning
        Column("detail", long_text()),
        Column("changes", long_text()),  # JSON list of what was detected: field, before, after
        Index("ix_MON_OrderEvents_order", "board_id", "order_key", "event_id"),
        Index("ix_MON_OrderEvents_run", "run_id"),
        Index("ix_MON_OrderEvents_warnings", "run_id", "event",
              sqlite_where=warned, postgresql_where=warned, mssql_where=warned),
    )  # fmt: skip
