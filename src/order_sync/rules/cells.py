"""The cells of a mapped column become values; what one cell became is remembered for its equals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from datetime import date
from decimal import Decimal
from typing import Any

from order_sync.rules.changes import canonical
from order_sync.rules.mapping import Kind, MappedColumn
from order_sync.rules.order import Refusal, Value, Warn
from order_sync.rules.remembered import Remembered
from order_sync.rules.values import (
    PLAIN_NUMBER,
    REMEMBERED,
    clean_date,
    clean_number,
    clean_text,
    key_part,
)

# The value, how the payload hash writes it, and what is odd about the cell.
ReadCell = tuple[Value, str, Refusal | Warn | None]

EMPTY: ReadCell = (None, canonical(None), None)  # what NULL becomes


class CellReaders:
    """The cell readers of a profile: columns that are read alike share what they remember."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, tuple[tuple[str, str], ...]], CellReader] = {}

    def of(self, column: MappedColumn) -> CellReader:
        how = column.kind, column.values
        return self._known.setdefault(how, CellReader(*how))


class CellReader(dict[type, "_Cells"]):
    """`reader[type(raw)][raw]` is what any raw cell but NULL becomes.

    Equal cells of different types are different cells.
    """

    def __init__(self, kind: Kind, values: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._kind = kind
        self._replacements = dict(values)

    def __missing__(self, kind: type) -> _Cells:
        if kind in (str, int, float, date):
            cells = _Cells(self._read)
        elif kind is Decimal and self._kind is Kind.NUMBER and not self._replacements:
            cells = _PlainDecimals(self)
        else:  # it may have no hash, or equal cells may not look alike
            cells = _NotRemembered(self._read)
        self[kind] = cells
        return cells

    def read_all(self, column: Sequence[Any]) -> list[ReadCell]:
        """What the raw cells of a column become: a look-up for each that was read before."""
        kinds = set(map(type, column)) - {type(None)}
        if not kinds:
            return [EMPTY] * len(column)
        if len(kinds) > 1:
            return [EMPTY if raw is None else self[type(raw)][raw] for raw in column]
        cells = self[kinds.pop()]
        if type(cells) is _Cells:
            return [*map(cells.__getitem__, column)]
        return [EMPTY if raw is None else cells[raw] for raw in column]

    def _read(self, raw: object) -> ReadCell:
        if self._replacements:
            raw = replaced(raw, self._replacements)
        value: Value
        finding: Refusal | Warn | None = None
        if self._kind is Kind.TEXT:
            value = clean_text(raw)
        elif self._kind is Kind.NUMBER:
            value, finding = clean_number(raw)
        else:
            value, finding = clean_date(raw)
        return value, canonical(value), finding


class _Cells(Remembered[ReadCell]):
    """Cells of one type."""

    def __init__(self, read: Callable[[object], ReadCell]) -> None:
        super().__init__(read, REMEMBERED)
        self._read = read


class _NotRemembered(_Cells):
    """Cells that are read one by one."""

    def __getitem__(self, raw: object) -> ReadCell:
        return self._read(raw)


class _PlainDecimals(_Cells):
    """Decimals, of which those without an exponent are the same numbers as texts."""

    def __init__(self, reader: CellReader) -> None:
        super().__init__(reader._read)
        self._texts = reader[str]

    def __getitem__(self, raw: object) -> ReadCell:
        text = str(raw)
        return self._texts[text] if PLAIN_NUMBER.fullmatch(text) else self._read(raw)


def replaced(raw: object, replacements: Dict[str, str]) -> object:
    """`raw` after the value map of its column."""
    text = clean_text(raw)
    return text if text is None else replacements.get(key_part(text), text)
