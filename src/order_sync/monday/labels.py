"""Label lists with new labels in them, as the column mutations want them: whole, ids kept."""

from __future__ import annotations

from collections.abc import Iterable

from order_sync.monday.board import BoardColumn, Label
from order_sync.monday.documents import GREY_INDEX, STATUS_COLORS, STATUS_INDEXES

DROPDOWN_CAP = 500  # seen in the field; the schema names none


def missing_labels(column: BoardColumn, texts: Iterable[str]) -> tuple[str, ...]:
    """Texts without an active label that reads exactly so, in order, each once; no blank ones."""
    wanted = dict.fromkeys(text for text in texts if text.strip())
    return tuple(text for text in wanted if column.label(text) is None)


def room_for_labels(column: BoardColumn) -> int:
    """How many labels may still be added; deactivated ones hold their place."""
    if column.type == "status":
        taken = {label.id for label in column.labels} | {GREY_INDEX}
        return sum(1 for index in STATUS_INDEXES if index not in taken)
    return max(0, DROPDOWN_CAP - len(column.labels))


def dropdown_labels_with(column: BoardColumn, texts: Iterable[str]) -> list[dict[str, object]]:
    """The whole list of a dropdown column with these labels in it.

    A deactivated label that reads so is switched on again instead of made twice.

    Raises:
        ValueError: more labels than the column takes.
    """
    new = missing_labels(column, texts)
    asleep = {label.text for label in column.labels if not label.active}
    _check_room(column, [text for text in new if text not in asleep])
    kept: list[dict[str, object]] = [
        {
            "id": label.id,
            "label": label.text,
            "is_deactivated": not label.active and label.text not in new,
        }
        for label in column.labels
    ]
    added: list[dict[str, object]] = [{"label": text} for text in new if text not in asleep]
    return [*kept, *added]


def status_labels_with(column: BoardColumn, texts: Iterable[str]) -> list[dict[str, object]] | None:
    """The whole list of a status column with these labels in it; index and color are chosen.

    None when a present label's color is not known by its API name: writing the list would then
    repaint it, so the label has to be made by the first row that uses it.

    Raises:
        ValueError: more labels than the column takes.
    """
    new = missing_labels(column, texts)
    asleep = {label.text for label in column.labels if not label.active}
    made = [text for text in new if text not in asleep]
    _check_room(column, made)
    if any(not label.color for label in column.labels):
        return None
    colors = iter(c for c in STATUS_COLORS if c not in {x.color for x in column.labels})
    taken = {label.id for label in column.labels} | {GREY_INDEX}
    indexes = iter(i for i in STATUS_INDEXES if i not in taken)
    kept = [_status_label(label, woken=label.text in new) for label in column.labels]
    added: list[dict[str, object]] = [
        {"label": text, "color": color, "index": index}
        for text, color, index in zip(made, colors, indexes, strict=False)
    ]
    return [*kept, *added]


def _status_label(label: Label, *, woken: bool) -> dict[str, object]:
    listed: dict[str, object] = {
        "id": label.id,
        "label": label.text,
        "color": label.color,
        "index": label.id,
        "is_done": label.is_done,
        "is_deactivated": not label.active and not woken,
    }
    return listed | ({"description": label.description} if label.description else {})


def _check_room(column: BoardColumn, made: list[str]) -> None:
    if len(made) > room_for_labels(column):
        raise ValueError(
            f"the column {column.title!r} has room for {room_for_labels(column)} more labels,"
            f" not for {len(made)}"
        )
