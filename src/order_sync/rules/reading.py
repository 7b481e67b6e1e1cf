"""A source row becomes an order line, or says why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from order_sync.rules.cells import EMPTY, CellReaders, replaced
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
    """One row; for many rows make an `OrderReader` once, it is far faster."""
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


@dataclass
class _Values:
    """The cleaned cells of one row."""

    by_title: dict[str, Value]
    hasher: PayloadHash
    written: Sequence[str]  # the same, as their hash writes them

    def hash(self, name: str, group: str) -> str:
        return self.hasher.of(name, group, self.written)


class _Plan:
    """How the mapped columns `columns` of a row are read."""

    def __init__(
        self, columns: Sequence[MappedColumn], readers: CellReaders, customer: str
    ) -> None:
        self.columns = columns
        self.sources = frozenset(column.source for column in columns)
        self.titles = [column.title for column in columns]
        self.pick = picking([column.source for column in columns])
        self.readers = [readers.of(column) for column in columns]
        self.of_customer = [at for at, c in enumerate(columns) if c.source == customer]
        self.hasher = PayloadHash(self.titles)


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
        self._whole = _Plan(self._columns, self._cell_readers, mapping.customer)
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
        mapping = self.mapping
        if self._aliased:
            row = self._with_known_names(row)
        if self._is_blank(row):
            return None
        found = _Findings([], [])
        customer = clean_text(row.get(mapping.customer))
        if customer is None:
            found.refusals.append(_missing_customer(mapping.customer))
        key = self._key(row, customer or "", found)
        values = self._values(row, customer, found)
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
            digest = None if found.unreadable else values.hash(name, group)
            return RefusedRow(key, customer or "", tuple(found.refusals), original, digest)
        return OrderLine(
            order_key=key,
            customer=customer or "",
            group_title=group,
            name=name,
            values=values.by_title,
            sizes=sizes,
            cancelled=cancelled,
            payload_hash=values.hash(name, group),
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

    def _values(self, row: Row, customer: str | None, found: _Findings) -> _Values:
        plan = self._whole
        try:
            cells = plan.pick(row)
        except KeyError:
            plan = self._plan(row)
            cells = plan.pick(row)
        if plan.of_customer and customer is not None:
            cells = [*cells]
            label = self._labels.get(key_part(customer), customer)
            for at in plan.of_customer:
                if cells[at] is not None:
                    cells[at] = label
        read = [
            EMPTY if raw is None else reader[type(raw)][raw]
            for raw, reader in zip(cells, plan.readers, strict=True)
        ]
        values, written, findings = zip(*read, strict=True) if read else ((), (), ())
        if any(findings):
            for column, finding in zip(plan.columns, findings, strict=True):
                found.add(finding, column.source)
                found.unreadable = found.unreadable or isinstance(finding, Refusal)
        return _Values(dict(zip(plan.titles, values, strict=True)), plan.hasher, written)

    def _plan(self, row: Row) -> _Plan:
        """How a row that lacks columns is read."""
        there = self._whole.sources.intersection(row)
        plan = self._plans.get(there)
        if plan is None:
            columns = [column for column in self._columns if column.source in there]
            plan = _Plan(columns, self._cell_readers, self.mapping.customer)
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
