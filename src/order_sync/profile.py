"""Profiles: TOML files that say how a source table becomes a board, checked as a whole."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from order_sync.errors import ConfigError
from order_sync.rules.mapping import (
    DeletedPolicy,
    GroupRule,
    Kind,
    LabelPolicy,
    MappedColumn,
    Mapping,
    SizeRules,
    TableNames,
)
from order_sync.rules.values import key_part, size_key
from order_sync.toml_file import Place, TomlFile, did_you_mean, parse_toml, pydantic_problems

DEFAULT_PROFILE = "customer-master-schedule"
MAX_FIELD_BYTES = 63  # the shortest limit of the databases, PostgreSQL's
# Technical columns of our own tables, and the title that monday.com gives to the item's name.
RESERVED_FIELDS = frozenset(
    {
        "title", "group", "group_id", "group_key", "updatedate", "item id", "board_id",
        "order_key", "customer_name", "payload_hash", "source_hash", "original_data",
        "update_operation", "update_fields", "moving_to", "change_type", "next_try_at",
        "created_date", "last_run_id",
    }
)  # fmt: skip
RESERVED_PREFIXES = ("stg_", "err_", "mon_")

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^\S(.*\S)?$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ColumnSection(_Section):
    """One board column and the source column that fills it."""

    source: Name = Field(description="column of the source table")
    title: Name | None = Field(None, description="title of the board column; default: source")
    field: Name | None = Field(None, description="column of our tables; default: title")
    kind: Annotated[Kind, Field(description="what a value is: text, number or date")] = Kind.TEXT
    required: Annotated[
        bool, Field(description="false: left out where the board lacks it or computes it")
    ] = True
    labels: Annotated[
        LabelPolicy, Field(description="a label the board lacks: known refuses, create makes it")
    ] = LabelPolicy.KNOWN
    values: dict[str, str] = Field({}, description="word of the source -> word of the board")
    source_aliases: Annotated[
        list[Name], Field(description="other spellings of the source column")
    ] = []

    def mapped(self) -> MappedColumn:
        title = self.title or self.source
        return MappedColumn(
            source=self.source,
            title=title,
            field=self.field or title,
            kind=self.kind,
            required=self.required,
            labels=self.labels,
            values=_folded(self.values),
            source_aliases=tuple(self.source_aliases),
        )


class TablesSection(_Section):
    """Names of the tables this profile works in."""

    suffix: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$"),
        Field(description="end of the table names, such as MON_<suffix>"),
    ]

    def names(self) -> TableNames:
        staging, production, errors = (f"{kind}MON_{self.suffix}" for kind in ("STG_", "", "ERR_"))
        return TableNames(
            staging=staging,
            staging_subitems=f"{staging}_Subitems",
            production=production,
            production_subitems=f"{production}_Subitems",
            errors=errors,
            errors_subitems=f"{errors}_Subitems",
        )


class OrderSection(_Section):
    """Which source columns identify, name and describe an order line."""

    key: list[Name] = Field(
        min_length=1, description="columns that identify an order line, order number first"
    )
    lookup: Name = Field(description="key column the board is asked for")
    item_name: list[Name] = Field(
        min_length=1, description="columns of the item's name, joined by one blank"
    )
    customer: Name = Field(description="column of the customer: one batch per customer")
    order_type: Name = Field(description="column that says whether an order is cancelled")
    cancelled: Name = Field(description="order type, after the value map, of a cancelled order")
    total_quantity: Annotated[
        str, Field(description="column compared with the sum of the sizes; blank: none")
    ] = ""
    purchase_order: Name = Field(description="column that --po looks at")
    aag_season: Name = Field(description="column that --aag-season looks at")
    customer_season: Name = Field(description="column that --customer-season looks at")
    blank_rows: Annotated[
        list[Name], Field(description="a row in which all these are blank is no order")
    ] = []
    extra_keys: dict[Name, list[Name]] = Field({}, description="customer -> more key columns")


class GroupSection(_Section):
    """How the title of an order's group is made."""

    customer: Name = Field(description="column of the customer's name in the title")
    seasons: list[Name] = Field(
        min_length=1, description="columns of the season; the first that is filled in counts"
    )
    unknown_season: Annotated[Name, Field(description="season of orders without one")] = (
        "UNKNOWN_SEASON"
    )


class CustomersSection(_Section):
    """Names of customers: in the source, as labels, in group titles."""

    aliases: dict[Name, Name] = Field({}, description="source name -> label")
    display_names: dict[Name, Name] = Field({}, description="source name -> name in groups")


class SizesSection(_Section):
    """Which source columns are sizes and how one becomes a subitem."""

    names: list[Name] = Field(
        min_length=1, description="columns of the sizes; the column's name is the size"
    )
    name_format: Annotated[
        str,
        StringConstraints(pattern=r"^[^{}]*\{size\}[^{}]*$"),
        Field(description="name of a subitem; {size} is the size"),
    ] = "Size {size}"
    label_title: Annotated[Name, Field(description="subitem column of the size")] = "Size"
    quantity_title: Annotated[Name, Field(description="subitem column of the pieces")] = "Order Qty"
    labels: Annotated[
        LabelPolicy, Field(description="a size the board lacks: known refuses, create makes it")
    ] = LabelPolicy.CREATE


class DeletedSection(_Section):
    """What becomes of orders on the board that have left the source."""

    policy: Annotated[
        DeletedPolicy,
        Field(description="report: listed only; cancel: set to cancelled; archive: off the board"),
    ] = DeletedPolicy.REPORT


class ProfileFile(_Section):
    """A profile as it stands in its file."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"),
        Field(description="name of the profile: lower-case letters, digits and hyphens"),
    ]
    columns: list[ColumnSection] = Field(min_length=1, description="one entry per board column")
    tables: TablesSection
    order: OrderSection
    group: GroupSection
    customers: CustomersSection = CustomersSection(aliases={}, display_names={})
    sizes: SizesSection
    deleted: DeletedSection = DeletedSection()

    def mapping(self) -> Mapping:
        """The profile as the rules use it."""
        order = self.order
        return Mapping(
            name=self.name,
            fingerprint=self.fingerprint(),
            tables=self.tables.names(),
            key=tuple(order.key),
            extra_keys=tuple((key_part(c), tuple(more)) for c, more in order.extra_keys.items()),
            item_name=tuple(order.item_name),
            group=GroupRule(
                self.group.customer, tuple(self.group.seasons), self.group.unknown_season
            ),
            customer=order.customer,
            customer_aliases=_folded(self.customers.aliases),
            display_names=_folded(self.customers.display_names),
            columns=tuple(column.mapped() for column in self.columns),
            sizes=SizeRules(
                names=tuple(self.sizes.names),
                name_format=self.sizes.name_format,
                label_title=self.sizes.label_title,
                quantity_title=self.sizes.quantity_title,
                labels=self.sizes.labels,
            ),
            order_type=order.order_type,
            cancelled=order.cancelled,
            total_quantity=order.total_quantity,
            purchase_order=order.purchase_order,
            aag_season=order.aag_season,
            customer_season=order.customer_season,
            blank_rows=tuple(order.blank_rows),
            lookup=order.lookup,
            deleted=self.deleted.policy,
        )

    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) of the content; comments and layout do not matter."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def load_profile(name_or_path: str) -> Mapping:
    """The profile of a shipped name, or of the file at a path (which ends in `.toml`).

    Raises:
        ConfigError: unknown name, unreadable file, or mistakes in it, all of them at once.
    """
    return parse_profile(*_read(name_or_path))


def parse_profile(text: str, origin: str) -> Mapping:
    """The profile in `text`; `origin` is the file's name for messages.

    Raises:
        ConfigError: with every mistake found.
    """
    file = parse_toml(text, origin)
    try:
        profile = ProfileFile.model_validate(file.content)
    except ValidationError as error:
        found = pydantic_problems(error, ProfileFile, show_values=True)
        found += _more_mistakes(file.content, found)
    else:
        found = list(_contradictions(profile))
        if not found:
            return profile.mapping()
    problems = tuple(file.problem(place, message) for place, message in found)
    raise ConfigError(_summary(file, problems), problems=problems)


def shipped_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with order-sync."""
    folder = resources.files("order_sync.profiles")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def shipped_text(name: str) -> str:
    """A shipped profile as it stands in its file, comments and all."""
    file = resources.files("order_sync.profiles").joinpath(f"{name}.toml")
    return file.read_text(encoding="utf-8")


def profile_schema() -> dict[str, Any]:
    """JSON Schema of a profile file, for editors."""
    return ProfileFile.model_json_schema()


def is_path(name_or_path: str) -> bool:
    """Whether a profile setting names a file rather than a shipped profile."""
    return name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path


def _read(name_or_path: str) -> tuple[str, str]:
    if is_path(name_or_path):
        try:
            return Path(name_or_path).read_text(encoding="utf-8-sig"), name_or_path
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise ConfigError(f"profile {name_or_path}: {reason}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"profile {name_or_path}: it is not UTF-8 text") from None
    shipped = shipped_profiles()
    if name_or_path not in shipped:
        suggestion = did_you_mean(name_or_path, shipped)
        raise ConfigError(
            f'there is no profile "{name_or_path}"{suggestion or "."}',
            hint=f"Shipped profiles: {', '.join(shipped)}. The path of an own one ends in .toml.",
        )
    return shipped_text(name_or_path), f"{name_or_path}.toml"


def _more_mistakes(
    content: dict[str, Any], found: list[tuple[Place, str]]
) -> list[tuple[Place, str]]:
    """Contradictions in what is left of a profile without its wrong values, if that is enough."""
    rest = copy.deepcopy(content)
    for place, _ in found:
        node: Any = rest
        for part in place[:-1]:
            node = node.get(part, {}) if isinstance(node, dict) else node[part]
        if isinstance(node, dict) and place:
            node.pop(place[-1], None)
    try:
        return list(_contradictions(ProfileFile.model_validate(rest)))
    except ValidationError:
        return []


def _contradictions(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    """Mistakes that only show when the sections are seen together, as (place, sentence)."""
    yield from _repeated_columns(profile)
    yield from _unusable_fields(profile)
    yield from _unknown_sources(profile)
    yield from _size_mistakes(profile)
    yield from _customer_mistakes(profile)
    order = profile.order
    if order.lookup != order.key[0]:
        yield ("order", "lookup"), f'must be the first key column, "{order.key[0]}"'
    for index, column in enumerate(profile.columns):
        if column.kind is Kind.DATE and column.values:
            yield ("columns", index, "values"), "a date has no words to replace"
        yield from _repeated_words(("columns", index, "values"), column.values)
        names_item = column.source in (*order.key, order.customer, order.order_type)
        if names_item and (column.kind is not Kind.TEXT or not column.required):
            yield (
                ("columns", index),
                "a column of the key, the customer or the order type must be text and required",
            )


def _repeated_columns(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    """One rule for each title, each source and each field: nothing decides between two."""
    seen: dict[tuple[str, str], int] = {}
    for index, column in enumerate(profile.columns):
        mapped = column.mapped()
        names = [("title", mapped.title), ("field", mapped.field), ("source", mapped.source)]
        names += [("source", alias) for alias in mapped.source_aliases]
        for what, name in names:
            first = seen.setdefault((what, key_part(name)), index)
            if first != index and (what != "field" or mapped.field != mapped.title):
                yield (
                    ("columns", index, what),
                    f'"{name}" stands in columns[{first}] already: '
                    f"each {what} may have one rule only",
                )


def _unusable_fields(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    for index, column in enumerate(profile.columns):
        field = column.mapped().field
        place: Place = ("columns", index, "field" if column.field else "title")
        folded = key_part(field)
        if folded in RESERVED_FIELDS or folded.startswith(RESERVED_PREFIXES):
            yield place, f'"{field}" is a column of order-sync itself: choose another field'
        if len(field.encode()) > MAX_FIELD_BYTES:
            yield place, f'"{field}" has more than {MAX_FIELD_BYTES} bytes: choose a shorter field'


def _unknown_sources(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    """Columns named outside `columns` must be mapped: a typing error must not pass as blank."""
    order, group = profile.order, profile.group
    named: list[tuple[Place, str]] = []
    for key in ("lookup", "customer", "order_type", "purchase_order", "aag_season",
                "customer_season"):  # fmt: skip
        named.append((("order", key), getattr(order, key)))
    if order.total_quantity:
        named.append((("order", "total_quantity"), order.total_quantity))
    for key in ("key", "item_name", "blank_rows"):
        named += [(("order", key), name) for name in getattr(order, key)]
    for customer, more in order.extra_keys.items():
        named += [(("order", "extra_keys", customer), name) for name in more]
    named.append((("group", "customer"), group.customer))
    named += [(("group", "seasons"), name) for name in group.seasons]
    known = {column.source for column in profile.columns}
    for place, name in named:
        if name not in known:
            yield place, f'"{name}" is the source of no column{did_you_mean(name, known)}'


def _size_mistakes(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    sources = {
        name: index
        for index, column in enumerate(profile.columns)
        for name in (column.source, *column.source_aliases)
    }
    seen: dict[str, str] = {}
    for name in profile.sizes.names:
        first = seen.setdefault(size_key(name), name)
        if first is not name:
            yield ("sizes", "names"), f'"{name}" and "{first}" are the same size'
        if name in sources:
            yield (
                ("sizes", "names"),
                f'"{name}" is mapped to a column already (columns[{sources[name]}]), '
                "so it is no size",
            )
    if key_part(profile.sizes.label_title) == key_part(profile.sizes.quantity_title):
        yield ("sizes", "quantity_title"), "label and quantity need two columns"


def _customer_mistakes(profile: ProfileFile) -> Iterator[tuple[Place, str]]:
    for key in ("aliases", "display_names"):
        yield from _repeated_words(("customers", key), getattr(profile.customers, key))
    yield from _repeated_words(("order", "extra_keys"), dict.fromkeys(profile.order.extra_keys, ""))


def _repeated_words(place: Place, words: dict[str, str]) -> Iterator[tuple[Place, str]]:
    """Words that are one word once case and blanks no longer count."""
    seen: dict[str, str] = {}
    for word in words:
        first = seen.setdefault(key_part(word), word)
        if first is not word:
            yield (*place, word), f'"{word}" and "{first}" are the same name'


def _folded(words: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((key_part(word), meaning) for word, meaning in words.items())


def _summary(file: TomlFile, problems: tuple[str, ...]) -> str:
    count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
    return f"{file.origin} has {count}: {problems[0]}"
