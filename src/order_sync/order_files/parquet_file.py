"""Order lines from a Parquet file, read a thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from order_sync.errors import ConfigError
from order_sync.order_files.cells import cell_text
from order_sync.order_files.columns import OrderFile, known_headers, order_file
from order_sync.rules.mapping import Mapping

_CHUNK = 1_000  # rows in memory at a time

_Texts = list[str | None]
_Reader = Callable[[pa.Array], _Texts]


def open_parquet(path: Path, mapping: Mapping) -> OrderFile:
    """The orders of a Parquet file, whose columns have names and single values.

    Text, numbers, decimals, dates, times, truth and dictionaries of these are read. A timestamp
    gives the day it is in its own time zone; bytes are text in UTF-8; a float that is no number
    is blank.

    Raises:
        ConfigError: the file is broken, a column holds lists or records, or the header does not
            fit the profile; while rows are read also: a value cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, error) from None
    problems = tuple(
        f'{path.name}: the column "{field.name}" holds {field.type}, not one value in each row'
        for field in schema
        if _reader_of(field.type) is None
    )
    if problems:
        raise ConfigError(
            problems[0], hint="write it as text or numbers, or leave it out", problems=problems
        )
    headers = known_headers(schema.names, mapping)
    return order_file(path.name, headers, mapping, partial(_rows, path))


def _rows(path: Path) -> Iterator[_Texts]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            readers = [_reader_of(field.type) or _values for field in file.schema_arrow]
            for batch in file.iter_batches(batch_size=_CHUNK):
                columns = [
                    _read(path, name, reader, column)
                    for name, reader, column in zip(
                        batch.schema.names, readers, batch.columns, strict=True
                    )
                ]
                yield from map(list, zip(*columns, strict=True))
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, error) from None


def _read(path: Path, name: str, reader: _Reader, column: pa.Array) -> _Texts:
    try:
        return reader(column)
    except (pa.ArrowException, ValueError, OverflowError, KeyError) as error:
        # Texts that are not UTF-8, days beyond the year 9999, time zones nobody knows.
        raise ConfigError(
            f'{path.name}: the column "{name}" has a value that cannot be read: {error}',
            hint="write the column as text and load that",
        ) from None


def _reader_of(kind: pa.DataType) -> _Reader | None:
    """What makes texts of a column of this type; None when there is no way."""
    if types.is_dictionary(kind):
        inner = _reader_of(kind.value_type)
        return None if inner is None else lambda column: inner(column.dictionary_decode())
    return next((reader for is_kind, reader in _READERS if is_kind(kind)), None)


def _values(column: pa.Array) -> _Texts:
    return [cell_text(value) for value in column.to_pylist()]


def _strings(column: pa.Array) -> _Texts:
    texts: _Texts = column.to_pylist()
    return texts


def _bytes(column: pa.Array) -> _Texts:
    return ["" if value is None else value.decode("utf-8") for value in column.to_pylist()]


def _short_floats(column: pa.Array) -> _Texts:
    """Floats of less than 64 bits by their own shortest text: as 64 bits 28.86 has noise."""
    texts = column.cast(pa.string()).to_pylist()
    return ["" if text is None else cell_text(Decimal(text)) for text in texts]


def _timestamps(column: pa.Array) -> _Texts:
    if column.type.unit == "ns":
        # Python knows no nanoseconds, and no order is dated by them.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return _values(column)


_READERS: tuple[tuple[Callable[[pa.DataType], bool], _Reader], ...] = (
    (types.is_timestamp, _timestamps),
    (types.is_float64, _values),
    (types.is_floating, _short_floats),
    (types.is_binary, _bytes),
    (types.is_large_binary, _bytes),
    (types.is_fixed_size_binary, _bytes),
    (types.is_string, _strings),
    (types.is_large_string, _strings),
    (types.is_string_view, _strings),
    (types.is_integer, _values),
    (types.is_decimal, _values),
    (types.is_boolean, _values),
    (types.is_date, _values),
    (types.is_time, _values),
    (types.is_duration, _values),
    (types.is_null, _values),
)


def _broken(path: Path, error: Exception) -> ConfigError:
    first = (str(error).splitlines() or [""])[0]
    return ConfigError(
        f"{path.name} cannot be read as Parquet: {first}",
        hint="write the file anew, or save it as CSV and load that",
    )
