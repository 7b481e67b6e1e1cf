"""Documents that are looked at once and run often.

graphql-core finds out anew for every request which fields a document selects, of which types they
are and where their arguments come from, although that depends on the document alone. A plan keeps
it. Parsing, validation, literals and unusual variables stay with graphql-core, whose rules for
errors and nulls are followed here; a test compares the answers of both.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    ListValueNode,
    NonNullTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_argument_values,
    get_variable_values,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    located_error,
    type_from_ast,
)
from graphql.execution.values import VariableValues

from order_sync.sandbox.call import Call

Fragments = Mapping[str, FragmentDefinitionNode]
Path = tuple[Any, str | int] | None  # the path of what is above, and the last step
Read = Callable[["_Run", Any, Path], Any]  # run, source of the field, its path -> answer
Complete = Callable[["_Run", Any, Path], Any]  # run, what was resolved, its path -> answer

_MISSING = object()
# Scalars whose texts are taken and given as they are.
_TEXTS = frozenset({"ID", "String"})
_PLAIN_INPUTS: dict[str, type] = {"ID": str, "String": str, "JSON": str, "Boolean": bool}
_MOST_COERCION_ERRORS = 50  # as many as graphql-core reports when it runs a document itself


class NoPlan(Exception):
    """The document needs something only graphql-core does."""


@dataclass(frozen=True, slots=True)
class Info:
    """What resolvers are told: they ask for nothing but the call."""

    context: Call


@dataclass(slots=True)
class _Run:
    info: Info
    variables: VariableValues
    errors: list[GraphQLError]


class Plan:
    """One operation of a valid document, ready to run."""

    def __init__(
        self,
        schema: GraphQLSchema,
        text: str,
        operation: OperationDefinitionNode,
        fragments: Fragments,
    ) -> None:
        """Raises NoPlan: the document has directives, or asks for the schema."""
        root = schema.get_root_type(operation.operation)
        if root is None or "@" in text:
            raise NoPlan
        maker = _Maker(schema, operation, fragments)
        try:
            self._root = maker.object_of(root, [operation])
        except RecursionError:
            raise NoPlan from None
        self._inputs = _Inputs(schema, operation, plain=not maker.looks_into_variables)

    def run(self, call: Call, variables: dict[str, Any]) -> ExecutionResult:
        """The same as `graphql.execute_sync`, root fields one after another."""
        coerced = self._inputs.coerced(variables)
        if isinstance(coerced, list):
            return ExecutionResult(None, coerced)
        run = _Run(Info(call), coerced, [])
        try:
            data = self._root(run, None, None)
        except GraphQLError as error:
            run.errors.append(error)
            data = None
        return ExecutionResult(data, run.errors or None)


# Variables ------------------------------------------------------------------------------------


class _Inputs:
    """The variables of an operation: texts and truth values are taken as they come."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, *, plain: bool
    ) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        expected = [_plain_input(definition) for definition in self._definitions]
        self._plain = [one for one in expected if one is not None]
        self._all_plain = plain and len(self._plain) == len(expected)

    def coerced(self, given: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        if self._all_plain:
            values = self._taken(given)
            if values is not None:
                return VariableValues({}, values)
        return get_variable_values(
            self._schema, self._definitions, given, max_errors=_MOST_COERCION_ERRORS
        )

    def _taken(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """None: something is not as expected, graphql-core has to judge it."""
        values: dict[str, Any] = {}
        for name, kind, required in self._plain:
            value = given.get(name, _MISSING)
            if type(value) is kind or (value is None and not required):
                values[name] = value
            elif value is not _MISSING or required:
                return None
        return values


def _plain_input(definition: VariableDefinitionNode) -> tuple[str, type, bool] | None:
    """Name, Python type and whether it has to be given; None: not that simple."""
    node = definition.type
    required = isinstance(node, NonNullTypeNode)
    name = getattr(node.type if isinstance(node, NonNullTypeNode) else node, "name", None)
    kind = _PLAIN_INPUTS.get(name.value) if name is not None else None
    if kind is None or definition.default_value is not None:
        return None
    return definition.variable.name.value, kind, required


# Selections -----------------------------------------------------------------------------------


class _Maker:
    """Turns selections into functions.

    looks_into_variables: some argument needs to know more of the variables than their values.
    """

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
    ) -> None:
        self.looks_into_variables = False
        self._schema = schema
        self._fragments = fragments
        self._required = {
            definition.variable.name.value
            for definition in operation.variable_definitions or ()
            if isinstance(definition.type, NonNullTypeNode)
        }

    def object_of(self, kind: GraphQLObjectType, nodes: Iterable[Any]) -> Complete:
        """`nodes` hold the selection sets that are read from objects of this type."""
        selected: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for node in nodes:
            self._collect(kind, node.selection_set.selections, selected, seen)
        fields = [(key, self._field(kind, key, found)) for key, found in selected.items()]

        def complete(run: _Run, found: Any, path: Path) -> Any:
            return {key: read(run, found, path) for key, read in fields}

        return complete

    def _collect(
        self,
        kind: GraphQLObjectType,
        selections: Iterable[SelectionNode],
        selected: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        """Fields by the name they have in the answer; a fragment counts once."""
        for selection in selections:
            if isinstance(selection, FieldNode):
                selected.setdefault((selection.alias or selection.name).value, []).append(selection)
                continue
            fragment: Any = selection
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in seen:
                    continue
                seen.add(name)
                fragment = self._fragments[name]
            if self._concerns(fragment, kind):
                self._collect(kind, fragment.selection_set.selections, selected, seen)

    def _concerns(self, fragment: Any, kind: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        wanted = type_from_ast(self._schema, fragment.type_condition)
        return wanted is kind or (
            is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind)
        )

    # Fields ---------------------------------------------------------------------------------

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Read:
        name = nodes[0].name.value
        if name == "__typename":
            return lambda _run, _source, _path: parent.name
        definition = parent.fields.get(name)
        if definition is None:
            raise NoPlan
        resolve = definition.resolve or _named(name)
        arguments = self._arguments(definition, nodes[0])
        complete = self._completion(definition.type, f"{parent.name}.{name}", nodes)
        nullable = not is_non_null_type(definition.type)

        def read(run: _Run, source: Any, path: Path) -> Any:
            at = (path, key)
            try:
                if arguments is None:
                    return complete(run, resolve(source, run.info), at)
                return complete(run, resolve(source, run.info, **arguments(run)), at)
            except Exception as error:
                _fail(run, error, nodes, at, nullable=nullable)
                return None

        return read

    def _arguments(
        self, field: GraphQLField, node: FieldNode
    ) -> Callable[[_Run], Mapping[str, Any]] | None:
        """What the resolver of a field is given beside its source; None: nothing."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if not field.args:
            return None
        variables = {
            name: value.name.value
            for name, value in given.items()
            if isinstance(value, VariableNode)
        }
        if any(
            _holds_variable(value) for name, value in given.items() if name not in variables
        ) or any(
            is_non_null_type(field.args[name].type) and variable not in self._required
            for name, variable in variables.items()
        ):
            self.looks_into_variables = True
            return lambda run: get_argument_values(field, node, run.variables)
        fixed = _fixed_arguments(field, node, given.keys() - variables.keys())
        if not variables:
            return lambda _run: fixed

        def arguments(run: _Run) -> Mapping[str, Any]:
            values = run.variables.coerced
            found = fixed.copy()
            for name, variable in variables.items():
                if variable in values:
                    found[name] = values[variable]
            return found

        return arguments

    # What becomes of a resolved value -----------------------------------------------------------

    def _completion(self, kind: GraphQLOutputType, field: str, nodes: list[FieldNode]) -> Complete:
        """`field` is what the field is called when it lacks a value it must have."""
        if not is_non_null_type(kind):
            return self._nullable(kind, field, nodes)
        inner = self._nullable(kind.of_type, field, nodes)

        def complete(run: _Run, found: Any, path: Path) -> Any:
            completed = inner(run, found, path)
            if completed is None:
                raise TypeError(f"Cannot return null for non-nullable field {field}.")
            return completed

        return complete

    def _nullable(self, kind: Any, field: str, nodes: list[FieldNode]) -> Complete:
        if is_leaf_type(kind):
            return _leaf(kind)
        if is_list_type(kind):
            present = self._list_of(kind.of_type, field, nodes)
        elif is_abstract_type(kind):
            present = self._one_of(kind, nodes)
        else:
            present = self.object_of(kind, nodes)
        return lambda run, found, path: None if found is None else present(run, found, path)

    def _list_of(self, kind: GraphQLOutputType, field: str, nodes: list[FieldNode]) -> Complete:
        complete_one = self._completion(kind, field, nodes)
        nullable = not is_non_null_type(kind)

        def complete(run: _Run, found: Iterable[Any], path: Path) -> list[Any]:
            completed = []
            for index, one in enumerate(found):
                at = (path, index)
                try:
                    completed.append(complete_one(run, one, at))
                except Exception as error:
                    _fail(run, error, nodes, at, nullable=nullable)
                    completed.append(None)
            return completed

        return complete

    def _one_of(self, kind: Any, nodes: list[FieldNode]) -> Complete:
        """An interface or a union."""
        type_name = kind.resolve_type
        if type_name is None:
            raise NoPlan
        possible = {
            one.name: self.object_of(one, nodes) for one in self._schema.get_possible_types(kind)
        }

        def complete(run: _Run, found: Any, path: Path) -> Any:
            return possible[type_name(found, run.info, kind)](run, found, path)

        return complete


def _named(name: str) -> Callable[..., Any]:
    """Reads a key of a dict or an attribute of anything else."""

    def resolve(source: Any, _info: Info, **_arguments: Any) -> Any:
        return source.get(name) if isinstance(source, dict) else getattr(source, name, None)

    return resolve


def _leaf(kind: GraphQLLeafType) -> Complete:
    coerce = kind.coerce_output_value
    texts = kind.name in _TEXTS

    def complete(_run: _Run, found: Any, _path: Path) -> Any:
        if found is None or (texts and type(found) is str):
            return found
        return coerce(found)

    return complete


def _fail(
    run: _Run, error: Exception, nodes: list[FieldNode], path: Path, *, nullable: bool
) -> None:
    """Keep the error and answer null, or pass it on to where null may stand."""
    steps: list[str | int] = []
    above: Any = path
    while above is not None:
        above, step = above
        steps.append(step)
    located = located_error(error, nodes, steps[::-1])
    if not nullable:
        raise located from error
    run.errors.append(located)


def _fixed_arguments(
    field: GraphQLField, node: FieldNode, literals: Iterable[str]
) -> dict[str, Any]:
    """Defaults and literals, which are the same for every request."""
    optional = {name: one for name, one in field.args.items() if not is_required_argument(one)}
    bare = FieldNode(name=node.name, arguments=())
    defaults = get_argument_values(GraphQLField(field.type, optional), bare)
    written = GraphQLField(field.type, {name: field.args[name] for name in literals})
    return {**defaults, **get_argument_values(written, node)}


def _holds_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(_holds_variable(one) for one in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_holds_variable(one.value) for one in value.fields)
    return isinstance(value, VariableNode)
