"""What a profile means: the one description of a source row on its way to a board.

Made once from a validated profile file; everything else reads it. Titles name board columns,
`source` names columns of the source table, `field` the columns of the staging and MON tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """What a cleaned value is, whatever type the board's column has."""

    TEXT = "text"  # str
    NUMBER = "number"  # Decimal, at most 4 decimal places
    DATE = "date"  # datetime.date


class LabelPolicy(StrEnum):
    """What to do with a value the board's status or dropdown column does not offer yet."""

    CREATE = "create"  # made before use, one writer at a time
    KNOWN = "known"  # the row is refused with `unknown_label`


# Which board types can hold a cleaned value of a kind. The first is the natural one.
BOARD_TYPES: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("text", "long_text", "dropdown", "status"),
    Kind.NUMBER: ("numbers", "text", "long_text"),
    Kind.DATE: ("date",),
}


class DeletedPolicy(StrEnum):
    """What becomes of an order on the board that has left the whole source."""

    REPORT = "report"  # it is listed, and nothing is sent
    CANCEL = "cancel"  # its order type becomes the cancelled one, its size lines 0
    ARCHIVE = "archive"  # its item goes to the board's archive


@dataclass(frozen=True)
class MappedColumn:
    """One source column and the board column it fills."""

    source: str
    title: str
    field: str
    kind: Kind
    required: bool = True  # False: left out with a notice when the board lacks it or computes it
    labels: LabelPolicy = LabelPolicy.KNOWN  # where the board's column is status or dropdown
    values: tuple[tuple[str, str], ...] = ()  # (source value casefolded, board value)
    source_aliases: tuple[str, ...] = ()  # other spellings of the source column


@dataclass(frozen=True)
class SizeRules:
    """How the size columns of a source row become subitems."""

    names: tuple[str, ...]  # source columns, in board order; the column name is the label
    name_format: str = "Size {size}"  # subitem name
    label_title: str = "Size"  # subitem column that holds the label
    quantity_title: str = "Order Qty"  # subitem column that holds the pieces
    labels: LabelPolicy = LabelPolicy.CREATE


@dataclass(frozen=True)
class GroupRule:
    """Group title = customer + first non-blank season, trimmed and upper-cased."""

    customer: str  # source column
    seasons: tuple[str, ...]  # source columns, first non-blank wins
    unknown_season: str = "UNKNOWN_SEASON"


@dataclass(frozen=True)
class TableNames:
    """Names of the tables of one profile."""

    staging: str
    staging_subitems: str
    production: str
    production_subitems: str
    errors: str
    errors_subitems: str


@dataclass(frozen=True)
class Mapping:
    """A whole profile, ready for use."""

    name: str
    fingerprint: str  # SHA-256 over everything that decides what a source row becomes
    tables: TableNames
    key: tuple[str, ...]  # source columns that identify an order line, order number first
    extra_keys: tuple[tuple[str, tuple[str, ...]], ...]  # (customer casefolded, more key columns)
    item_name: tuple[str, ...]  # source columns joined by one blank
    group: GroupRule
    customer: str  # source column with the customer's name
    customer_aliases: tuple[tuple[str, str], ...]  # (source name casefolded, board label)
    display_names: tuple[tuple[str, str], ...]  # (source name casefolded, name in groups)
    columns: tuple[MappedColumn, ...]
    sizes: SizeRules
    order_type: str  # source column that says whether an order is cancelled
    cancelled: str  # its board value, after the value map
    total_quantity: str  # source column compared with the sum of sizes, "" for none
    purchase_order: str  # source column of --po
    aag_season: str  # source column of --aag-season
    customer_season: str  # source column of --customer-season
    blank_rows: tuple[str, ...]  # a row whose columns named here are all blank is no order
    lookup: str  # source column of the key part an item is looked up by (AAG ORDER NUMBER)
    deleted: DeletedPolicy = DeletedPolicy.REPORT

    @cached_property
    def titles_by_policy(self) -> dict[LabelPolicy, tuple[str, ...]]:
        """Titles of the mapped columns with each label policy."""
        return {
            policy: tuple(column.title for column in self.columns if column.labels is policy)
            for policy in LabelPolicy
        }

    @cached_property
    def _columns_by_source(self) -> dict[str, MappedColumn]:
        return {column.source: column for column in reversed(self.columns)}

    def column_of(self, source: str) -> MappedColumn:
        """The mapped column filled from source column `source`.

        Raises:
            KeyError: no board column is filled from it.
        """
        return self._columns_by_source[source]
