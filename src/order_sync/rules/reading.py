"""A source row becomes an order line, or says why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from order_sync.rules.cells import CellReaders, ReadCell, replaced
from order_sync.rules.changes import PayloadHash, picking, size_payload_hash
from order_sync.rules.columns import group_title, item_name, name_refusals
from order_sync.rules.mapping import MappedColumn, Mapping
from order_sync.rules.order import OrderLine, Refusal, RefusedRow, SizeLine, Value, Warn
from order_sync.rules.values import (
    clean_number,
    clean_quantity,
    clean_text,
    key_part,
    order_key,
    size_key,
)

Row = Dict[str, object]  # source column -> raw cell
_Size = tuple[int, str, str, str]  # rank, label, key, subitem name
_NOTHING = (None, "0")  # texts of a size that is not ordered
_MOST_PLANS = 64  # sets of columns that rows have; more than one are rare
_REMEMBERED = 65_536  # size lines that are made once and used again: orders repeat quantities


def read_order(
    row: Row, mapping: Mapping, active_titles: frozenset[str] | None = None
) -> OrderLine | RefusedRow | None:
    """One row; for many rows an `OrderReader` is far faster."""
    return OrderReader(mapping, active_titles).read(row)


def needed_columns(mapping: Mapping) -> tuple[str, ...]:
    """Every source column a reader looks at, in the profile's order, each once."""
    names = [column.source for column in mapping.columns]
    names += mapping.key
    names += [name for _, extra in mapping.extra_keys for name in extra]
    names += [*mapping.item_name, mapping.group.customer, *mapping.group.seasons]
    names += [mapping.customer, mapping.order_type, mapping.total_quantity]
    names += [*mapping.blank_rows, *mapping.sizes.names]
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass
class _Findings:
    """What was found while one row was read."""

    refusals: list[Refusal]
    warnings: list[Warn]
    unreadable: bool = False  # a value is missing, so the payload has no hash

    def add(self, finding: Refusal | Warn | None, column: str) -> None:
        if finding is None:
            return
        finding = replace(finding, field=column, message=f"{column}: {finding.message}")
        if isinstance(finding, Refusal):
            self.refusals.append(finding)
        else:
            self.warnings.append(finding)

    def add_all(self, cleaned: _Cleaned) -> None:
        """What is odd about the mapped columns."""
        for column, finding in zip(cleaned.plan.columns, cleaned.findings, strict=True):
            self.add(finding, column.source)
            self.unreadable = self.unreadable or isinstance(finding, Refusal)


class _Plan:
    """How the mapped columns `columns` of rows are read."""

    def __init__(self, columns: Sequence[MappedColumn], readers: CellReaders) -> None:
        self.columns = columns
        self.sources = frozenset(column.source for column in columns)
        self.titles = [column.title for column in columns]
        self.pick = picking([column.source for column in columns])
        self.readers = [readers.of(column) for column in columns]
        self.hasher = PayloadHash(self.titles)


class _Cleaned(NamedTuple):
    """The mapped columns of one row, cleaned."""

    plan: _Plan
    values: Sequence[Value]
    written: Sequence[str]  # the same, as their hash writes them
    findings: Sequence[Refusal | Warn | None]

    def hash(self, name: str, group: str) -> str:
        return self.plan.hasher.of(name, group, self.written)


class OrderReader:
    """Reads source rows by one profile.

    `active_titles` are the mapped columns the board has; others are left out of the values and
    of the payload hash. None: all of them. So are columns the source row lacks.
    """

    def __init__(self, mapping: Mapping, active_titles: frozenset[str] | None = None) -> None:
        self.mapping = mapping
        self._columns = [
            column
            for column in mapping.columns
            if active_titles is None or column.title in active_titles
        ]
        self._cell_readers = CellReaders()
        self._whole = _Plan(self._columns, self._cell_readers)
        self._plans: dict[frozenset[str], _Plan] = {}
        self._sources = [column.source for column in mapping.columns]
        self._aliased = [
            (column.source, column.source_aliases)
            for column in mapping.columns
            if column.source_aliases
        ]
        self._labels = dict(mapping.customer_aliases)
        self._display_names = dict(mapping.display_names)
        self._extra_keys = dict(mapping.extra_keys)
        self._order_type_values = _values_of(mapping, mapping.order_type)
        sizes = mapping.sizes
        self._sizes: dict[str, _Size] = {
            name: (rank, name, size_key(name), sizes.name_format.format(size=name))
            for rank, name in enumerate(sizes.names)
        }

    def read(self, row: Row) -> OrderLine | RefusedRow | None:
        """The order line in `row`, every reason why it is none, or None for a blank row."""
        return self.read_all([row])[0]

    def read_all(self, rows: Sequence[Row]) -> list[OrderLine | RefusedRow | None]:
        """`read` of each row; of many rows a column is cleaned at a time, which is far faster."""
        if not rows:
            return []
        if self._aliased:
            rows = [self._with_known_names(row) for row in rows]
        customers = [clean_text(row.get(self.mapping.customer)) for row in rows]
        cleaned = self._cleaned(rows, customers)
        return [*map(self._read, rows, customers, cleaned)]

    def _read(
        self, row: Row, customer: str | None, cleaned: _Cleaned
    ) -> OrderLine | RefusedRow | None:
        mapping = self.mapping
        if self._is_blank(row):
            return None
        found = _Findings([], [])
        if customer is None:
            found.refusals.append(_missing_customer(mapping.customer))
        key = self._key(row, customer or "", found)
        if any(cleaned.findings):
            found.add_all(cleaned)
        cancelled = self._is_cancelled(row)
        known = self._sizes
        ordered = sorted([known[name] for name, cell in row.items() if cell and name in known])
        sizes = () if cancelled else _size_lines(row, ordered, found)
        if not cancelled and not found.refusals:
            self._compare_total(row, sizes, found)
        name = item_name([clean_text(row.get(part)) for part in mapping.item_name])
        group = self._group(row, customer or "", found)
        found.refusals += name_refusals(name, group)
        original = self._original(row, ordered)
        if found.refusals:
            digest = None if found.unreadable else cleaned.hash(name, group)
            return RefusedRow(key, customer or "", tuple(found.refusals), original, digest)
        return OrderLine(
            order_key=key,
            customer=customer or "",
            group_title=group,
            name=name,
            values=dict(zip(cleaned.plan.titles, cleaned.values, strict=True)),
            sizes=sizes,
            cancelled=cancelled,
            payload_hash=cleaned.hash(name, group),
            original=original,
            warnings=tuple(found.warnings),
        )

    def _with_known_names(self, row: Row) -> Row:
        """`row` with columns in another accepted spelling under the name the profile uses."""
        renamed: dict[str, object] | None = None
        for source, aliases in self._aliased:
            if source not in row:
                for alias in aliases:
                    if alias in row:
                        renamed = dict(row) if renamed is None else renamed
                        renamed[source] = row[alias]
                        break
        return row if renamed is None else renamed

    def _is_blank(self, row: Row) -> bool:
        mapping = self.mapping
        for name in mapping.blank_rows:
            text = clean_text(row.get(name))
            if text is not None and (name != mapping.total_quantity or clean_number(text)[0] != 0):
                return False
        if not mapping.blank_rows:
            return False
        return all(clean_text(row.get(name)) in _NOTHING for name in self._sizes)

    def _key(self, row: Row, customer: str, found: _Findings) -> str:
        parts = []
        for column in self.mapping.key:
            part = clean_text(row.get(column))
            if part is None:
                message = f"{column} is blank, so the order cannot be told apart: fill it in"
                found.refusals.append(Refusal("missing_key", message, field=column))
            parts.append(part or "")
        if self._extra_keys:
            extra = self._extra_keys.get(key_part(customer), ())
            parts += [clean_text(row.get(column)) or "" for column in extra]
        return order_key(parts)

    def _cleaned(self, rows: Sequence[Row], customers: Sequence[str | None]) -> Sequence[_Cleaned]:
        """The mapped columns of each row."""
        try:
            return self._cleaned_by(self._whole, rows, customers)
        except KeyError:  # a row lacks columns
            return [
                cleaned
                for row, customer in zip(rows, customers, strict=True)
                for cleaned in self._cleaned_by(self._plan(row), [row], [customer])
            ]

    def _cleaned_by(
        self, plan: _Plan, rows: Sequence[Row], customers: Sequence[str | None]
    ) -> list[_Cleaned]:
        by_column: list[Sequence[ReadCell]] = []
        columns = zip(*map(plan.pick, rows), strict=True)
        for column, reader, raw in zip(plan.columns, plan.readers, columns, strict=True):
            is_customer = column.source == self.mapping.customer
            cells = [*map(self._label, raw, customers)] if is_customer else raw
            by_column.append(reader.read_all(cells))
        if not by_column:
            return [_Cleaned(plan, (), (), ()) for _ in rows]
        by_row = zip(*by_column, strict=True)
        return [_Cleaned(plan, *zip(*row, strict=True)) for row in by_row]

    def _label(self, raw: object, customer: str | None) -> object:
        """What the board calls the customer."""
        if raw is None or customer is None:
            return raw
        return self._labels.get(key_part(customer), customer)

    def _plan(self, row: Row) -> _Plan:
        """How a row that lacks columns is read."""
        there = self._whole.sources.intersection(row)
        plan = self._plans.get(there)
        if plan is None:
            columns = [column for column in self._columns if column.source in there]
            plan = _Plan(columns, self._cell_readers)
            if len(self._plans) < _MOST_PLANS:
                self._plans[there] = plan
        return plan

    def _is_cancelled(self, row: Row) -> bool:
        order_type = replaced(row.get(self.mapping.order_type), self._order_type_values)
        return clean_text(order_type) == self.mapping.cancelled

    def _compare_total(self, row: Row, sizes: Iterable[SizeLine], found: _Findings) -> None:
        column = self.mapping.total_quantity
        total, _ = clean_number(row.get(column)) if column else (None, None)
        pieces = sum(size.quantity for size in sizes)
        if total is not None and total != Decimal(pieces):
            message = f"{column} is {row.get(column)}, the sizes add up to {pieces}"
            found.warnings.append(
                Warn("total_differs", message, field=column, value=str(row.get(column)))
            )

    def _group(self, row: Row, customer: str, found: _Findings) -> str:
        rule = self.mapping.group
        seasons = (clean_text(row.get(column)) for column in rule.seasons)
        season = next((season for season in seasons if season), None)
        if season is None:
            message = (
                f"{' and '.join(rule.seasons)} are blank: the order goes to the group "
                f"{rule.unknown_season} of its customer"
            )
            found.warnings.append(Warn("unknown_season", message, field=rule.seasons[0]))
            season = rule.unknown_season
        name = clean_text(row.get(rule.customer)) or customer
        return group_title(self._display_names.get(key_part(name), name), season)

    def _original(self, row: Row, ordered: Iterable[_Size]) -> dict[str, object]:
        original = {
            source: cell for source in self._sources if (cell := row.get(source)) is not None
        }
        for _, label, _, _ in ordered:
            original[label] = row[label]
        return original


def _size_lines(row: Row, ordered: Iterable[_Size], found: _Findings) -> tuple[SizeLine, ...]:
    lines = []
    for _, label, key, name in ordered:
        pieces, refusal = clean_quantity(row[label])
        if refusal is not None:
            found.add(refusal, label)
        elif pieces:
            lines.append(_size_line(key, label, name, pieces))
    return tuple(lines)


@lru_cache(_REMEMBERED)
def _size_line(key: str, label: str, name: str, pieces: int) -> SizeLine:
    return SizeLine(key, label, name, pieces, size_payload_hash(name, label, pieces))


def _values_of(mapping: Mapping, source: str) -> dict[str, str]:
    return next((dict(c.values) for c in mapping.columns if c.source == source), {})


def _missing_customer(column: str) -> Refusal:
    message = f"{column} is blank, so the order has no batch and no group: fill it in"
    return Refusal("missing_customer", message, field=column)
