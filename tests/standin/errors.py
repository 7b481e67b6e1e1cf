"""Refusals with the codes and fields that monday.com documents."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError


def refusal(message: str, code: str, status: int = 200, **data: Any) -> GraphQLError:
    """An error of one field: the other aliases of the document stand."""
    return GraphQLError(
        message, extensions={"code": code, "status_code": status, "error_data": data}
    )


def bad_value(column: Any, why: str) -> GraphQLError:
    return refusal(
        f"invalid value for column {column.id}: {why}",
        "ColumnValueException",
        column_id=column.id,
        column_type={"status": "color", "numbers": "numeric"}.get(column.type, column.type),
    )


def no_such(what: str, given: object) -> GraphQLError:
    codes = {
        "board": "InvalidBoardIdException",
        "item": "InvalidItemIdException",
        "group": "InvalidGroupIdException",
        "column": "InvalidColumnIdException",
    }
    return refusal(f"{what} {given} was not found", codes[what])


def bad_argument(why: str) -> GraphQLError:
    return refusal(why, "InvalidArgumentException")


def not_allowed() -> GraphQLError:
    return refusal(
        "User is not authorized to change the structure of this board",
        "UserUnauthorizedException",
        403,
    )
