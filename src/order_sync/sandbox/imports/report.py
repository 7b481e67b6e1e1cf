"""What became of each row, as a CSV file."""

import csv
import io
from collections.abc import Iterable, Sequence

from order_sync.sandbox.imports.rows import Row


def report(header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Every row in the order of the file, with its columns; a row not tried has no status."""
    written = io.StringIO(newline="")
    lines = csv.writer(written)
    lines.writerow(["row", "name", "status", "error", *header[1:]])
    for row in rows:
        lines.writerow([row.number, row.values[0], row.outcome or "", row.error, *row.values[1:]])
    return written.getvalue().encode()
