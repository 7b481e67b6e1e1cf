"""Which order lines a command was asked to look at."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass

from order_sync.errors import ConfigError
from order_sync.rules.mapping import Mapping
from order_sync.rules.values import clean_text, key_part, key_parts, order_key, parse_key


@dataclass(frozen=True)
class Filters:
    """Filters of a run. All that are given must match, exactly but for case and blanks around.

    `limit` cuts the list of actions by order lines, not the rows looked at.

    Raises:
        ConfigError: a filter is blank (it would look like no filter at all), or limit is below 1.
    """

    customer: str | None = None  # source name, alias or label
    po: str | None = None
    aag_season: str | None = None
    customer_season: str | None = None
    key: str | None = None  # an order key, or an order number alone
    limit: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"--{name.replace('_', '-')} is blank: leave it out, or say what to look for"
            for name in ("customer", "po", "aag_season", "customer_season", "key")
            if (value := getattr(self, name)) is not None and not key_part(value)
        ]
        if self.limit is not None and self.limit < 1:
            problems.append(f"--limit is {self.limit}: it must be 1 or more")
        if problems:
            raise ConfigError(problems[0], problems=tuple(problems))

    @property
    def is_empty(self) -> bool:
        """Whether every order line of the source is looked at."""
        given = (self.customer, self.po, self.aag_season, self.customer_season, self.key)
        return all(value is None for value in given)

    def matches(self, row: Dict[str, object], mapping: Mapping) -> bool:
        """Whether a source row, as read, is within the filters."""
        if self.customer is not None:
            customer = clean_text(row.get(mapping.customer))
            if key_part(customer or "") not in self.customer_keys(mapping):
                return False
        for wanted, column in self.column_filters(mapping):
            if key_part(clean_text(row.get(column)) or "") != wanted:
                return False
        return self.key is None or self._matches_key(row, mapping)

    def customer_keys(self, mapping: Mapping) -> frozenset[str]:
        """Source names (as `key_part`) the customer filter selects: all with the same label.

        `RHYTHM` selects RHYTHM and the names whose alias it is; so does one of those names.
        """
        if self.customer is None:
            return frozenset()
        labels = dict(mapping.customer_aliases)
        asked = key_part(self.customer)
        label = key_part(labels.get(asked, asked))
        same_label = {name for name, known in labels.items() if key_part(known) == label}
        # A name with an alias of its own stands for that alias, even if it is a label, too.
        return frozenset(same_label | ({label} if label not in labels else set()))

    def column_filters(self, mapping: Mapping) -> list[tuple[str, str]]:
        """(wanted value as `key_part`, source column) of every filter on a single column."""
        pairs = (
            (self.po, mapping.purchase_order),
            (self.aag_season, mapping.aag_season),
            (self.customer_season, mapping.customer_season),
        )
        return [(key_part(value), column) for value, column in pairs if value is not None]

    def order_number(self) -> str | None:
        """The order number of the key filter as `key_part`, None without one."""
        return None if self.key is None else key_part(key_parts(self.key)[0])

    def matches_order_key(self, key: str) -> bool:
        """Whether an order key (as `order_key` gives it) is within the key filter."""
        if self.key is None:
            return True
        wanted = parse_key(self.key)
        alone = len(key_parts(wanted)) == 1
        return key == wanted or (alone and key_parts(key)[0] == key_parts(wanted)[0])

    def _matches_key(self, row: Dict[str, object], mapping: Mapping) -> bool:
        columns = list(mapping.key)
        extra_keys = dict(mapping.extra_keys)
        if extra_keys:
            customer = key_part(clean_text(row.get(mapping.customer)) or "")
            columns += extra_keys.get(customer, ())
        key = order_key([clean_text(row.get(column)) or "" for column in columns])
        return self.matches_order_key(key)
