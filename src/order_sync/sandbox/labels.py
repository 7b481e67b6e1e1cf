"""The labels of a status or dropdown column: exact names, stable ids, caps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

EMPTY_STATUS_ID = 5  # the default grey of a status column; a cell that has it reads as empty
STATUS_LABEL_LENGTH = 30
STATUS_INDEXES = 40

# Given in this order to labels that are made on the way, each colour once.
STATUS_COLORS = (
    "working_orange",
    "done_green",
    "stuck_red",
    "dark_blue",
    "purple",
    "explosive",
    "grass_green",
    "bright_blue",
    "saladish",
    "egg_yolk",
    "blackish",
    "dark_red",
    "sofia_pink",
    "lipstick",
    "dark_purple",
    "bright_green",
    "chili_blue",
    "american_gray",
    "brown",
    "dark_orange",
    "sunset",
    "bubble",
    "peach",
    "berry",
    "winter",
    "river",
    "navy",
    "aquamarine",
    "indigo",
    "dark_indigo",
    "pecan",
    "lavender",
    "royal",
    "steel",
    "orchid",
    "lilac",
    "tan",
    "sky",
    "coffee",
    "teal",
)


class LabelError(Exception):
    """A label is missing, too long, doubled, or one too many; the message says which."""


@dataclass(slots=True)
class Label:
    id: int
    text: str
    color: str | None = None  # status only
    is_done: bool = False
    is_deactivated: bool = False


_LABEL_PARTS = tuple(part.name for part in fields(Label))


class Labels:
    """What may be chosen in one column. No id is given out twice while higher ones are left."""

    def __init__(self, kind: Literal["status", "dropdown"], cap: int) -> None:
        self.kind = kind
        self.cap = cap
        self._by_id: dict[int, Label] = {}
        self._by_text: dict[str, Label] = {}
        self._next_id = 0 if kind == "status" else 1

    def stored(self) -> dict[str, Any]:
        """Everything about the labels, as JSON can hold it."""
        labels = [
            {name: getattr(label, name) for name in _LABEL_PARTS} for label in self._by_id.values()
        ]
        return {"kind": self.kind, "next_id": self._next_id, "labels": labels}

    @classmethod
    def restored(cls, stored: Mapping[str, Any], cap: int) -> "Labels":
        labels = cls(stored["kind"], cap)
        labels._next_id = stored["next_id"]
        for entry in stored["labels"]:
            labels._put(Label(**entry))
        return labels

    def __iter__(self) -> Iterator[Label]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, label_id: int) -> Label | None:
        return self._by_id.get(label_id)

    def find(self, text: str) -> Label | None:
        """The label with exactly this text, case included, unless it was deactivated."""
        label = self._by_text.get(text)
        return None if label is None or label.is_deactivated else label

    def add(self, text: str, **settings: Any) -> Label:
        """Raises LabelError: the text is empty, doubled or too long, or the column is full."""
        self._check_text(text)
        if len(self._by_id) >= self.cap:
            raise LabelError(f"the column already has {self.cap} labels, the most it can hold")
        if self.kind == "status":
            settings.setdefault("color", self._free_color())
        label = Label(self._take_id(), text, **settings)
        self._put(label)
        return label

    def take_in(self, text: str, label_id: int | None, **settings: Any) -> None:
        """A label as a described board has it; None: the next id. Nothing is checked."""
        if label_id is None:
            label_id = self._skip_empty()
        self._next_id = max(self._next_id, label_id + 1)
        self._put(Label(label_id, text, **settings))

    def _put(self, label: Label) -> None:
        self._by_id[label.id] = label
        if not label.is_deactivated or label.text not in self._by_text:
            self._by_text[label.text] = label

    def deactivate(self, text: str) -> None:
        """Keep the label and its id, but let nobody choose it. Raises KeyError: no such label."""
        self._by_text[text].is_deactivated = True

    def remove(self, text: str) -> None:
        """Raises KeyError: no such label."""
        del self._by_id[self._by_text.pop(text).id]

    def replace(self, wanted: Iterable[Mapping[str, Any]]) -> None:
        """Take over a whole new list, as the label mutations do.

        An entry with the id of a label keeps or renames it (for status the index will do, which
        is the same number); any other entry adds a label.

        Raises:
            LabelError: an id is unknown; a text, index or colour stands twice; more than one
                label would go, or one would go while another comes; or the list is too long.
        """
        entries = [(self._kept_id(entry), entry) for entry in wanted]
        dropped = self._by_id.keys() - {kept for kept, _ in entries}
        added = any(kept is None for kept, _ in entries)
        if len(dropped) > 1:
            raise LabelError("a call may remove one label at most")
        if dropped and added:
            raise LabelError("a call may either add or remove labels")
        if len(entries) > self.cap:
            raise LabelError(f"the column can hold {self.cap} labels at most")
        for part in ("id", "label", "index", "color"):
            given = [entry[part] for _, entry in entries if entry.get(part) is not None]
            if len(set(given)) < len(given):
                raise LabelError(f"two labels have the same {part}")
        for _, entry in entries:
            self._check_length(entry["label"])
        self._take_over(entries)

    def _kept_id(self, entry: Mapping[str, Any]) -> int | None:
        """Id of the label an entry stands for; None if it is a new one."""
        wanted, index = entry.get("id"), entry.get("index")
        if wanted is not None and wanted not in self._by_id:
            raise LabelError(f"there is no label with id {wanted}")
        if index is not None and not 0 <= index < STATUS_INDEXES:
            raise LabelError(f"an index is 0 to {STATUS_INDEXES - 1}")
        return wanted if wanted is not None or index not in self._by_id else index

    def _take_over(self, entries: Iterable[tuple[int | None, Mapping[str, Any]]]) -> None:
        labels: dict[int, Label] = {}
        for kept, entry in entries:
            label = Label(self._new_id(entry), "") if kept is None else self._by_id[kept]
            label.text = entry["label"]
            label.is_deactivated = bool(entry.get("is_deactivated"))
            if self.kind == "status":
                label.color = entry["color"]
                label.is_done = bool(entry.get("is_done"))
            labels[label.id] = label
        self._by_id = labels
        self._by_text = {label.text: label for label in labels.values()}

    def _new_id(self, entry: Mapping[str, Any]) -> int:
        index: int | None = entry.get("index")
        if index is None:
            return self._take_id()
        self._next_id = max(self._next_id, index + 1)
        return index

    def settings(self) -> list[dict[str, Any]]:
        """The `labels` list inside the `settings` of a column."""
        if self.kind == "dropdown":
            return [
                {"id": label.id, "label": label.text, "is_deactivated": label.is_deactivated}
                for label in self._by_id.values()
            ]
        return [
            {
                "id": label.id,
                "label": label.text,
                "index": label.id,
                "color": label.color,
                "is_done": label.is_done,
                "is_deactivated": label.is_deactivated,
            }
            for label in self._by_id.values()
        ]

    def described(self) -> str:
        """`{1: RECEIVED, 4: FORECAST}`: the labels that may be used, for error messages."""
        usable = (label for label in self._by_id.values() if not label.is_deactivated)
        return "{" + ", ".join(f"{label.id}: {label.text}" for label in usable) + "}"

    def _check_text(self, text: str) -> None:
        if text in self._by_text:
            raise LabelError(f"the label {text!r} is there already or was deactivated")
        self._check_length(text)

    def _check_length(self, text: str) -> None:
        if not text.strip():
            raise LabelError("a label cannot be empty")
        if self.kind == "status" and len(text) > STATUS_LABEL_LENGTH:
            raise LabelError(f"a status label has {STATUS_LABEL_LENGTH} characters at most")

    def _free_color(self) -> str:
        used = {label.color for label in self._by_id.values()}
        return next((color for color in STATUS_COLORS if color not in used), STATUS_COLORS[0])

    def _skip_empty(self) -> int:
        is_empty = self.kind == "status" and self._next_id == EMPTY_STATUS_ID
        return self._next_id + is_empty

    def _free_index(self) -> int:
        for index in range(STATUS_INDEXES):
            if index not in self._by_id and index != EMPTY_STATUS_ID:
                return index
        raise LabelError(f"every index from 0 to {STATUS_INDEXES - 1} is used")

    def _take_id(self) -> int:
        """Raises LabelError: a status column has no index left."""
        label_id = self._skip_empty()
        if self.kind == "status" and label_id >= STATUS_INDEXES:
            return self._free_index()
        self._next_id = label_id + 1
        return label_id
