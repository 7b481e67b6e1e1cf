"""A source row becomes an order line, or says why not."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from order_sync.rules.changes import payload_hash, size_payload_hash
from order_sync.rules.columns import group_title, item_name, name_refusals
from order_sync.rules.mapping import Kind, MappedColumn, Mapping
from order_sync.rules.order import OrderLine, Refusal, RefusedRow, SizeLine, Value, Warn
from order_sync.rules.values import (
    clean_date,
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


class OrderReader:
    """Reads source rows by one profile.

    `active_titles` are the mapped columns the board has; others are left out of the values and
    of the payload hash. None: all of them. So are columns the source row lacks.
    """

    def __init__(self, mapping: Mapping, active_titles: frozenset[str] | None = None) -> None:
        self.mapping = mapping
        self._columns = [
            (column, column.source, dict(column.values), column.source == mapping.customer)
            for column in mapping.columns
            if active_titles is None or column.title in active_titles
        ]
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
            digest = None if found.unreadable else payload_hash(name, group, values)
            return RefusedRow(key, customer or "", tuple(found.refusals), original, digest)
        return OrderLine(
            order_key=key,
            customer=customer or "",
            group_title=group,
            name=name,
            values=values,
            sizes=sizes,
            cancelled=cancelled,
            payload_hash=payload_hash(name, group, values),
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

    def _values(self, row: Row, customer: str | None, found: _Findings) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for column, source, replacements, is_customer in self._columns:
            if source not in row:
                continue
            raw = row[source]
            if raw is None:
                values[column.title] = None
                continue
            if is_customer and customer is not None:
                raw = self._labels.get(key_part(customer), customer)
            if replacements:
                raw = _replaced(raw, replacements)
            if column.kind is Kind.TEXT:
                values[column.title] = clean_text(raw)
            elif raw is None or raw == "":
                values[column.title] = None
            else:
                values[column.title] = _read_value(column, raw, found)
        return values

    def _is_cancelled(self, row: Row) -> bool:
        order_type = _replaced(row.get(self.mapping.order_type), self._order_type_values)
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


def _read_value(column: MappedColumn, raw: object, found: _Findings) -> Value:
    finding: Refusal | Warn | None
    value: Value
    if column.kind is Kind.NUMBER:
        value, finding = clean_number(raw)
    else:
        value, finding = clean_date(raw)
    found.add(finding, column.source)
    found.unreadable = found.unreadable or isinstance(finding, Refusal)
    return value


def _values_of(mapping: Mapping, source: str) -> dict[str, str]:
    return next((dict(c.values) for c in mapping.columns if c.source == source), {})


def _replaced(raw: object, replacements: Dict[str, str]) -> object:
    """`raw` after the value map of its column."""
    text = clean_text(raw)
    return text if text is None else replacements.get(key_part(text), text)


def _missing_customer(column: str) -> Refusal:
    message = f"{column} is blank, so the order has no batch and no group: fill it in"
    return Refusal("missing_customer", message, field=column)
