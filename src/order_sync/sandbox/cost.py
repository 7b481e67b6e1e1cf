"""Complexity points: an estimate from the document before it runs, the real figure after it.

A scalar is 1 point and an object 10; a list multiplies what stands inside it by its size. How
monday.com counts today is not published, so the figures are ours; the rule of estimating first
and correcting later is theirs.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

SCALAR = 1
OBJECT = 10
FAILED_WRITE = 1

PAGE_FIELDS = frozenset({"items_page", "next_items_page", "items_page_by_column_values"})
DEFAULT_PAGE = 25
# How long a list is taken to be when the document does not say.
LIST_SIZES = {
    "activity_logs": 25,
    "boards": 25,
    "items": 25,
    "groups": 10,
    "columns": 20,
    "column_values": 20,
    "subitems": 25,
    "versions": 4,
    "values": 2,
    "persons_and_teams": 2,
}


class Estimate:
    """Counts one document with the variables of one request.

    asked_variables: a size was looked up among them, so another request may cost something else.
    """

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._fragments = fragments
        self._variables = variables
        self.asked_variables = False

    def of_selection(self, selection_set: SelectionSetNode | None, page: int = 1) -> int:
        if selection_set is None:
            return 0
        return sum(self._of(selection, page) for selection in selection_set.selections)

    def _of(self, selection: Any, page: int) -> int:
        if isinstance(selection, FragmentSpreadNode):
            fragment = self._fragments.get(selection.name.value)
            return 0 if fragment is None else self.of_selection(fragment.selection_set, page)
        if isinstance(selection, InlineFragmentNode):
            return self.of_selection(selection.selection_set, page)
        return self.of_field(selection, page)

    def of_field(self, field: FieldNode, page: int = 1) -> int:
        """`page` is how many items the page around this field may hold."""
        if field.selection_set is None:
            return SCALAR
        name = field.name.value
        if name in PAGE_FIELDS:
            return OBJECT + self.of_selection(field.selection_set, self._page_size(field))
        size = page if name == "items" and page > 1 else self._list_size(field)
        return size * (OBJECT + self.of_selection(field.selection_set))

    def _page_size(self, field: FieldNode) -> int:
        limit = self._argument(field, "limit")
        return limit if isinstance(limit, int) else DEFAULT_PAGE

    def _list_size(self, field: FieldNode) -> int:
        ids = self._argument(field, "ids")
        if isinstance(ids, list):
            return len(ids)
        limit = self._argument(field, "limit")
        if isinstance(limit, int):
            return limit
        return LIST_SIZES.get(field.name.value, 1)

    def _argument(self, field: FieldNode, name: str) -> Any:
        for argument in field.arguments or ():
            if argument.name.value == name:
                return self._literal(argument.value)
        return None

    def _literal(self, value: ValueNode) -> Any:
        if isinstance(value, VariableNode):
            self.asked_variables = True
            return self._variables.get(value.name.value)
        if isinstance(value, IntValueNode):
            return int(value.value)
        if isinstance(value, ListValueNode):
            return list(value.values)
        return None


def measured(data: Any) -> int:
    """What an answer really cost, counted from what stands in it."""
    if isinstance(data, dict):
        return OBJECT + sum(measured(value) for value in data.values())
    if isinstance(data, list):
        return sum(measured(value) for value in data)
    return SCALAR
