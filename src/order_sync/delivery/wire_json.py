"""Column values as monday.com takes them, written as JSON for many orders."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from functools import partial

from order_sync.delivery.json_text import as_json
from order_sync.rules.columns import wire_values
from order_sync.rules.order import Value
from order_sync.rules.remembered import Remembered

REMEMBERED = 2_048  # cells of a column


class WireJson:
    """`wire_values` of orders as JSON; equal cells of a column are written once.

    Args:
        titles: every column that an order may name.
        types: board type of each title the board has.
        label_ids: of status columns: title -> label -> id.
    """

    def __init__(
        self, titles: Iterable[str], types: Dict[str, str], label_ids: Dict[str, Dict[str, int]]
    ) -> None:
        self._types = types
        self._label_ids = label_ids
        listed = tuple(titles)
        self._written = {
            clear: {title: Remembered(partial(self._write, title, clear), REMEMBERED)
                    for title in listed}
            for clear in (False, True)
        }  # fmt: skip

    def of(self, values: Dict[str, Value], *, clear_blanks: bool) -> str:
        """A JSON object."""
        written = self._written[clear_blanks]
        parts = [written[title][value] for title, value in values.items()]
        return f"{{{','.join(filter(None, parts))}}}"

    def _write(self, title: str, clear_blanks: bool, value: Value) -> str:
        """What stands between the braces for one cell; nothing when it is left out."""
        wire = wire_values(
            {title: value}, self._types, clear_blanks=clear_blanks, label_ids=self._label_ids
        )
        return as_json(wire)[1:-1]
