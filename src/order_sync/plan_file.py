"""A plan that was looked at and approved: written to a file, and held against a later run.

`sync --plan` does exactly what the file says or nothing: the run makes its own plan first and
compares the two.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from order_sync.errors import BoardMismatch, ConfigError
from order_sync.monday.columns import BoardMap
from order_sync.outcome import PlannedOrder
from order_sync.private_files import open_private
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping

FORMAT = 1  # grows when older files no longer say what a run would do
_NAMED = 10  # differences told one by one


@dataclass(frozen=True)
class PlanBasis:
    """What a plan depends on and what it wants; two equal ones are the same plan."""

    board_id: str
    profile_fingerprint: str
    board_columns: dict[str, list[str]]  # board title -> [column id, type]
    new_groups: list[str]
    new_labels: dict[str, list[str]]
    orders: dict[str, dict[str, Any]]  # order key -> everything about it

    @classmethod
    def of(
        cls, board: BoardMap, mapping: Mapping, orders: Sequence[PlannedOrder],
        groups: Sequence[str], labels: dict[str, Sequence[str]],
    ) -> PlanBasis:  # fmt: skip
        columns = {title: [c.id, c.type] for title, c in board.columns.items()}
        for column in (board.subitem_label, board.subitem_quantity):
            columns[f"subitems: {column.title}"] = [column.id, column.type]
        basis = cls(
            board.board_id, mapping.fingerprint, columns, list(groups),
            {title: sorted(texts) for title, texts in labels.items()},
            {order.order_key: asdict(order) for order in orders},
        )  # fmt: skip
        # As the file gives it back: tuples are lists there.
        return cls(**json.loads(json.dumps(asdict(basis))))


@dataclass(frozen=True)
class PlanFile:
    """A plan as it stands in its file."""

    made_at: str
    filters: Filters
    basis: PlanBasis

    def require_same(self, now: PlanBasis) -> None:
        """Go on only if a run would do what the file says.

        Raises:
            BoardMismatch: source, board or profile have moved; names what and, of orders, the
                first few.
        """
        problems = list(_differences(self.basis, now))
        if problems:
            raise BoardMismatch(
                f"the plan of {self.made_at} no longer holds: {problems[0]}",
                hint="look at a new plan with: order-sync plan --diff --out FILE",
                problems=tuple(problems),
            )


def write_plan(path: Path, filters: Filters, basis: PlanBasis) -> None:
    """Write the plan so that a file is there whole or not at all.

    Raises:
        ConfigError: the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "filters": asdict(filters),
        **asdict(basis),
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)  # a container gives a process the number of a dead one
        with open_private(beside) as file:
            file.write(json.dumps(content, ensure_ascii=False, indent=1))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(
            f"the plan cannot be written to {path}: {error.strerror or error}",
            hint="name a file in a directory that exists and may be written",
        ) from None


def read_plan(path: Path) -> PlanFile:
    """The plan in a file.

    Raises:
        ConfigError: the file is missing, or is no plan of this version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the plan {path} cannot be read: {error.strerror or error}",
            hint="make one with: order-sync plan --out FILE",
        ) from None
    except ValueError:
        raise _no_plan(path) from None
    try:
        file = _Content.model_validate(content, strict=True)
    except ValidationError:
        raise _no_plan(path) from None
    basis = file.model_dump(exclude={"format", "made_at", "filters"})
    return PlanFile(file.made_at, Filters(**file.filters.model_dump()), PlanBasis(**basis))


class _Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    customer: str | None
    po: str | None
    aag_season: str | None
    customer_season: str | None
    key: str | None
    limit: int | None


class _Content(BaseModel):
    """The shape of a plan file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1]
    made_at: str
    filters: _Filters
    board_id: str
    profile_fingerprint: str
    board_columns: dict[str, list[str]]
    new_groups: list[str]
    new_labels: dict[str, list[str]]
    orders: dict[str, dict[str, Any]]


def _no_plan(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not a plan of this version of order-sync",
        hint="make one with: order-sync plan --out FILE",
    )


def _differences(planned: PlanBasis, now: PlanBasis) -> Iterator[str]:
    if planned.board_id != now.board_id:
        yield f"it was made for board {planned.board_id}, not {now.board_id}"
    if planned.profile_fingerprint != now.profile_fingerprint:
        yield "the profile has changed"
    for title in sorted(planned.board_columns.keys() | now.board_columns.keys()):
        if planned.board_columns.get(title) != now.board_columns.get(title):
            yield f"the board's column {title} has changed"
    yield from _order_differences(planned.orders, now.orders)
    if planned.new_groups != now.new_groups:
        yield "other groups would be made: groups of the board or seasons have changed"
    if planned.new_labels != now.new_labels:
        yield "other labels would be made: labels of the board or values have changed"


def _order_differences(
    planned: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]
) -> Iterator[str]:
    found = [key for key in sorted(planned.keys() | now.keys()) if planned.get(key) != now.get(key)]
    for key in found[:_NAMED]:
        if key not in now:
            yield f"order {key}: there is nothing to send for it any more"
        elif key not in planned:
            yield f"order {key}: it is not in the plan"
        else:
            parts = [name for name in planned[key] if planned[key].get(name) != now[key].get(name)]
            yield f"order {key}: {', '.join(parts)} differ from the plan"
    if len(found) > _NAMED:
        yield f"and {len(found) - _NAMED:,} more orders differ"
