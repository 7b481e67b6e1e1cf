"""The part of GraphQL the API needs: parse and validate once, execute often."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from order_sync.sandbox import mutations, queries
from order_sync.sandbox.call import Call
from order_sync.sandbox.cost import FAILED_WRITE, Estimate, measured
from order_sync.sandbox.errors import FieldLimitError, RequestError
from order_sync.sandbox.limits import Kind
from order_sync.sandbox.options import Dialect
from order_sync.sandbox.plans import NoPlan, Plan

CACHED_DOCUMENTS = 500
_UNKNOWN_FIELD = re.compile(r"Cannot query field ['\"](\w+)['\"] on type ['\"](\w+)['\"]")
# The version in which a root field appeared, where an older one may be served.
_SINCE = {
    "backfill_items": "2026-07",
    "fetch_job_status": "2026-07",
    "ingest_items": "2026-07",
}


@cache
def load_schema() -> GraphQLSchema:
    schema = build_schema(schema_text())
    queries.attach(schema)
    mutations.attach(schema)
    return schema


def schema_text() -> str:
    return files("order_sync.sandbox").joinpath("schema.graphql").read_text("utf-8")


@dataclass(frozen=True)
class Operation:
    """One valid operation of a document."""

    text: str
    document: DocumentNode
    name: str | None
    kind: Kind
    root_fields: tuple[FieldNode, ...]
    fragments: Mapping[str, FragmentDefinitionNode]
    plan: Plan | None  # None: graphql-core runs it

    @cached_property
    def field_names(self) -> list[str]:
        return [field.name.value for field in self.root_fields]

    def check_version(self, version: str) -> None:
        """Raises RequestError: a root field is younger than this version of the API."""
        for name in self.field_names:
            if version < _SINCE.get(name, ""):
                kind = "Mutation" if self.kind == "mutation" else "Query"
                raise _refused(
                    "GRAPHQL_VALIDATION_FAILED", f"Cannot query field '{name}' on type '{kind}'."
                )

    @property
    def only_asks_complexity(self) -> bool:
        return self.field_names == ["complexity"]

    def estimate(self, variables: Mapping[str, Any], write_cost: int) -> int:
        """Complexity points, before the operation runs."""
        points = self._fixed_points
        if points is None:
            counter = Estimate(self.fragments, variables)
            points = sum(counter.of_field(field) for field in self.root_fields)
        return points + self.writes * write_cost

    @cached_property
    def _fixed_points(self) -> int | None:
        """Points of all that is selected; None: they depend on the variables."""
        counter = Estimate(self.fragments, {})
        points = sum(counter.of_field(field) for field in self.root_fields)
        return None if counter.asked_variables else points

    def real_cost(self, data: Mapping[str, Any] | None, write_cost: int) -> int:
        """Complexity points it really took; a field that failed costs hardly anything."""
        if self.kind == "query":
            return measured(data) if data else FAILED_WRITE
        answered = [value for value in (data or {}).values() if value is not None]
        failed = len(self.root_fields) - len(answered)
        written = self.writes - failed  # `complexity` never fails, and is not a write
        return measured(answered) + written * write_cost + failed * FAILED_WRITE

    @cached_property
    def writes(self) -> int:
        """Root fields that change something."""
        if self.kind == "query":
            return 0
        return sum(name != "complexity" for name in self.field_names)


class Operations:
    """Parsed and validated operations, the most recently used ones kept."""

    def __init__(self, dialect: Dialect = "current") -> None:
        self._dialect = dialect
        self._schema = load_schema()
        self._cache: OrderedDict[tuple[str, str | None], Operation] = OrderedDict()

    def get(self, text: str, operation_name: str | None) -> Operation:
        """Raises RequestError: HTTP 400, the document is not what the schema allows."""
        key = (text, operation_name)
        operation = self._cache.get(key)
        if operation is None:
            operation = self._read(text, operation_name)
            self._cache[key] = operation
            if len(self._cache) > CACHED_DOCUMENTS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return operation

    def _read(self, text: str, name: str | None) -> Operation:
        try:
            document = parse(text, no_location=False)
        except GraphQLSyntaxError as error:
            raise _refused("GRAPHQL_PARSE_FAILED", f"Parse error on {error.message}") from None
        mistakes = validate(self._schema, document, max_errors=5)
        if mistakes and self._dialect == "legacy":
            raise _old_refusal(document, mistakes[0])
        if mistakes:
            raise _refused("GRAPHQL_VALIDATION_FAILED", mistakes[0].message)
        node = get_operation_ast(document, name)
        if node is None or node.operation is OperationType.SUBSCRIPTION:
            raise _refused("INVALID_GRAPHQL_REQUEST", "Name exactly one query or mutation")
        return _operation(self._schema, text, document, node, name)


def _refused(code: str, message: str) -> RequestError:
    return RequestError(code, message, status_code=400, extensions={})


def _old_refusal(document: DocumentNode, mistake: GraphQLError) -> RequestError:
    """As it was before 2025: a field that does not exist is named with its type and its path."""
    unknown = _UNKNOWN_FIELD.match(mistake.message)
    if unknown is None:
        return _refused("GRAPHQL_VALIDATION_FAILED", mistake.message)
    field, owner = unknown.groups()
    path = _path_to(mistake.nodes[0], document) if mistake.nodes else []
    return RequestError(
        "undefinedField",
        f"Field '{field}' doesn't exist on type '{owner}'",
        status_code=200,
        extensions={"typeName": owner, "fieldName": field},
        path=path,
    )


def _path_to(wanted: Node | None, document: DocumentNode) -> list[str]:
    """`query`, and the fields down to this one; empty if it is not there."""

    def below(selection_set: SelectionSetNode | None) -> list[str] | None:
        for selection in selection_set.selections if selection_set else ():
            here = [selection.name.value] if isinstance(selection, FieldNode) else []
            if selection is wanted:
                return here
            inner = below(getattr(selection, "selection_set", None))
            if inner is not None:
                return here + inner
        return None

    for definition in document.definitions:
        found = below(getattr(definition, "selection_set", None))
        if found is not None:
            kind = getattr(definition, "operation", OperationType.QUERY)
            return [kind.value, *found]
    return []


def _operation(
    schema: GraphQLSchema,
    text: str,
    document: DocumentNode,
    node: OperationDefinitionNode,
    name: str | None,
) -> Operation:
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return Operation(
        text=text,
        document=document,
        name=name,
        kind="mutation" if node.operation is OperationType.MUTATION else "query",
        root_fields=tuple(_fields(node.selection_set, fragments)),
        fragments=fragments,
        plan=_plan(schema, text, node, fragments),
    )


def _plan(
    schema: GraphQLSchema,
    text: str,
    node: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Plan | None:
    try:
        return Plan(schema, text, node, fragments)
    except NoPlan:
        return None


def _fields(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> list[FieldNode]:
    """The root fields, also those inside fragments."""
    found: list[FieldNode] = []
    for selection in selection_set.selections:
        if isinstance(selection, FieldNode):
            found.append(selection)
        else:
            inner = getattr(selection, "selection_set", None)
            if inner is None:
                inner = fragments[getattr(selection, "name").value].selection_set  # noqa: B009
            found.extend(_fields(inner, fragments))
    return found


def execute(operation: Operation, variables: dict[str, Any], call: Call) -> ExecutionResult:
    """Run an operation; its root fields one after another, each failing alone.

    Raises:
        RequestError: a variable has the wrong type, so nothing was executed.
    """
    if operation.plan is None:
        result = execute_sync(
            load_schema(),
            operation.document,
            context_value=call,
            variable_values=variables,
            operation_name=operation.name,
        )
    else:
        result = operation.plan.run(call, variables)
    if result.data is None and result.errors and not result.errors[0].path:
        raise _refused("INVALID_GRAPHQL_REQUEST", result.errors[0].message)
    return result


def field_limit(operation: Operation, result: ExecutionResult) -> FieldLimitError | None:
    """The limit that refused all a mutation was to write, if there is one."""
    originals = [error.original_error for error in result.errors or ()]
    limits = [error for error in originals if isinstance(error, FieldLimitError)]
    return limits[0] if limits and len(limits) == operation.writes else None


def error_entry(error: GraphQLError) -> dict[str, Any]:
    """One entry of `errors`; an unforeseen exception becomes an internal server error."""
    entry: dict[str, Any] = {"message": error.message}
    if error.locations:
        entry["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        entry["path"] = error.path
    entry["extensions"] = error.extensions or {
        "code": "INTERNAL_SERVER_ERROR",
        "status_code": 500,
        "error_data": {},
    }
    return entry
