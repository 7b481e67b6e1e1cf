"""What our schema says is what the official one says.

The official SDL is no part of this repository; ORDER_SYNC_OFFICIAL_SDL names a copy of it.
"""

import os
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    print_ast,
)

from order_sync.sandbox.graphql import schema_text

OFFICIAL = os.environ.get("ORDER_SYNC_OFFICIAL_SDL")

pytestmark = pytest.mark.skipif(not OFFICIAL, reason="ORDER_SYNC_OFFICIAL_SDL is not set")


@pytest.fixture(scope="module")
def official() -> GraphQLSchema:
    assert OFFICIAL
    return build_schema(Path(OFFICIAL).read_text("utf-8"), assume_valid=True)


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    return build_schema(schema_text())


def _own_types(schema: GraphQLSchema) -> dict[str, object]:
    return {name: kind for name, kind in schema.type_map.items() if not name.startswith("__")}


def _arguments(arguments) -> dict[str, str]:
    """Name -> type and default, as the SDL writes them."""
    found = {}
    for name, argument in arguments.items():
        default = argument.ast_node.default_value
        found[name] = str(argument.type) + (f" = {print_ast(default)}" if default else "")
    return found


def test_every_type_is_an_official_one_of_the_same_kind(ours, official):
    for name, kind in _own_types(ours).items():
        assert type(official.type_map.get(name)) is type(kind), name


def test_every_field_has_the_official_type_and_arguments(ours, official):
    for name, kind in _own_types(ours).items():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        theirs = official.type_map[name]
        for field_name, field in kind.fields.items():
            place = f"{name}.{field_name}"
            assert field_name in theirs.fields, place
            assert str(field.type) == str(theirs.fields[field_name].type), place
            wanted = _arguments(theirs.fields[field_name].args)
            for argument, described in _arguments(field.args).items():
                assert described == wanted.get(argument), f"{place}({argument})"


def test_every_required_argument_is_there(ours, official):
    """Without one of them a document that works here would be refused there."""
    for name in ("Query", "Mutation"):
        for field_name, field in ours.type_map[name].fields.items():
            for argument, described in _arguments(
                official.type_map[name].fields[field_name].args
            ).items():
                if described.endswith("!"):
                    assert argument in field.args, f"{name}.{field_name}({argument})"


def test_every_input_field_is_official(ours, official):
    for name, kind in _own_types(ours).items():
        if isinstance(kind, GraphQLInputObjectType):
            wanted = _arguments(official.type_map[name].fields)
            for field, described in _arguments(kind.fields).items():
                assert described == wanted.get(field), f"{name}.{field}"


def test_every_enum_has_the_official_values(ours, official):
    for name, kind in _own_types(ours).items():
        if isinstance(kind, GraphQLEnumType):
            assert set(kind.values) == set(official.type_map[name].values), name


def test_every_union_has_the_official_members(ours, official):
    for name, kind in _own_types(ours).items():
        if isinstance(kind, GraphQLUnionType):
            theirs = {member.name for member in official.type_map[name].types}
            assert {member.name for member in kind.types} == theirs, name


def test_every_value_type_implements_the_interface(ours, official):
    for name, kind in _own_types(ours).items():
        if isinstance(kind, GraphQLObjectType):
            theirs = {interface.name for interface in official.type_map[name].interfaces}
            assert {interface.name for interface in kind.interfaces} <= theirs, name
