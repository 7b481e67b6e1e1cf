"""What the header of a file of orders may say, and the rows below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from order_sync.errors import ConfigError
from order_sync.order_files.cells import Cell, DateOrder, converters
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.reading import needed_columns

Column = tuple[str, str]  # name, SQL type: TEXT, INTEGER or DATE
Texts = Sequence[str | None]  # the cells of one row, in the order of the header

_HINT = (
    "name each column once, as the profile does; or name your columns in a profile of your own, as"
    " source_aliases (none yet? `order-sync init --profile my-profile.toml` writes one)"
)


@dataclass(frozen=True)
class OrderFile:
    """A file whose header was checked; its rows are read one at a time, as often as asked."""

    headers: tuple[str, ...]  # as the source table calls them, in the order of the file
    columns: tuple[Column, ...]  # of a table that holds every row
    absent: tuple[str, ...]  # columns the profile reads and the file lacks: they stay empty
    further: tuple[str, ...]  # columns the profile does not know: they are kept and never sent
    texts: Callable[[], Iterator[Texts]]
    dates: DateOrder | None = None  # None: only ISO dates are dates
    notices: tuple[str, ...] = ()  # what a person should know before trusting the rows

    def rows(self) -> Iterator[dict[str, Cell]]:
        """Every row by column name. Blank cells are None.

        Sizes, the total and dates are whole numbers and ISO dates where they can be read; what
        cannot be read stays as it is, so that the run reports it with its order.

        Raises:
            ConfigError: a row is not readable; the message names its place.
        """
        types = dict(self.columns)
        by_type = converters(self.dates)
        convert = [by_type[types[name]] for name in self.headers]
        for texts in self.texts():
            yield {
                name: to_cell(text) if text and not text.isspace() else None
                for name, to_cell, text in zip(self.headers, convert, texts, strict=True)
            }


def known_headers(cells: Sequence[str], mapping: Mapping) -> list[str]:
    """Headers trimmed, with the profile's name for columns in another spelling or another case.

    Sizes are compared exactly.
    """
    known = {
        name.casefold(): column.source
        for column in mapping.columns
        for name in (*column.source_aliases, column.source)
    }
    headers = [cell.strip() for cell in cells]
    kept = {*mapping.sizes.names, *headers}  # what already has its name is not given away twice
    found = [(header, known.get(header.casefold(), header)) for header in headers]
    return [header if name in kept else name for header, name in found]


def order_file(
    place: str,
    headers: Sequence[str],
    mapping: Mapping,
    texts: Callable[[], Iterator[Texts]],
    *,
    position: Callable[[int], str] = str,
    notices: tuple[str, ...] = (),
) -> OrderFile:
    """The orders below a header.

    Args:
        place: of the header, as a message names it.
        headers: from `known_headers`.
        texts: reads the rows from the beginning; each has as many cells as the header.
        position: what a person calls the n-th column, counted from 1.

    Raises:
        ConfigError: a column has no name or stands there twice, or one that every order needs is
            missing; all of it at once.
    """
    problems = list(_problems(place, headers, mapping, position))
    if problems:
        raise ConfigError(
            problems[0],
            hint=_HINT,
            problems=tuple(problems),
        )
    expected = source_columns(mapping)
    further = _further(headers, mapping)
    columns = (*expected, *((name, "TEXT") for name in further))
    absent = tuple(name for name, _ in expected if name not in headers)
    return OrderFile(tuple(headers), columns, absent, further, texts, notices=notices)


def source_columns(mapping: Mapping) -> list[Column]:
    """Columns of a source table that holds everything the profile reads."""
    types = {column.source: "DATE" for column in mapping.columns if column.kind is Kind.DATE}
    types |= dict.fromkeys(mapping.sizes.names, "INTEGER")
    if mapping.total_quantity:
        types[mapping.total_quantity] = "INTEGER"
    return [(name, types.get(name, "TEXT")) for name in needed_columns(mapping)]


def _problems(
    place: str, headers: Sequence[str], mapping: Mapping, position: Callable[[int], str]
) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, header in enumerate(headers, start=1):
        if not header:
            yield f"{place}: column {position(number)} has no name"
        # Databases compare column names without case.
        elif first.setdefault(header.casefold(), number) != number:
            yield f'{place}: the column "{header}" stands there twice'
    of_profile = {name.casefold(): name for name, _ in source_columns(mapping)}
    further = [name for name in _further(headers, mapping) if name]
    for header in further:
        meant = of_profile.get(header.casefold())
        if meant is not None and meant not in headers:
            yield f'{place}: the column "{header}" is "{meant}" in the profile, where case counts'
    missing = [name for name in (*mapping.key, mapping.customer) if name not in headers]
    yield from (f'{place}: the column "{name}" is missing' for name in missing)
    if missing and further:
        named = ", ".join(f'"{name}"' for name in further)
        yield f"{place}: of its columns the profile does not know {named}"


def _further(headers: Sequence[str], mapping: Mapping) -> tuple[str, ...]:
    known = {name for name, _ in source_columns(mapping)}
    return tuple(name for name in headers if name not in known)
