"""Whether a batch is T-SQL, as a parser that knows nothing of us reads it.

The stand-in asks this of everything it is sent, so that every test that runs on it is a test of
the grammar, too.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError

# Valid T-SQL the parser does not know, each with the reason, and what it is read as.
UNKNOWN = (
    # SAVE TRANSACTION name: no rule for it; a name behind ROLLBACK is known.
    (r"^SAVE TRANSACTION \w+$", "BEGIN TRANSACTION"),
    # The other levels are known.
    (r"^(SET TRANSACTION ISOLATION LEVEL) SNAPSHOT$", r"\1 SERIALIZABLE"),
    # The word is known in a named constraint only.
    (r"\bPRIMARY KEY NONCLUSTERED \(", "PRIMARY KEY ("),
)

# What the parser lets pass although it is no T-SQL, or only that of the newest servers.
_FOREIGN = re.compile(
    r"\bLIMIT\b|\bON CONFLICT\b|\bRETURNING\b|\bLATERAL\b"
    r"|\bILIKE\b|\|\||::|\bADD COLUMN\b|\bIF NOT EXISTS\b|\bDISTINCT FROM\b|\bCONCAT_WS\b",
    re.I,
)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|\"(?:[^\"]|\"\")*\"")
_TRUTHS = (exp.Is, exp.EQ, exp.NEQ, exp.In, exp.And, exp.Or, exp.Not, exp.GT, exp.LT, exp.Exists)


@lru_cache(maxsize=4000)
def mistake_in(batch: str) -> str | None:
    """What the parser does not understand; None: all of it is T-SQL."""
    text = batch.strip()
    for pattern, known in UNKNOWN:
        text = re.sub(pattern, known, text)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        statements = sqlglot.parse(text, read="tsql", error_level=ErrorLevel.RAISE)
    except (ParseError, sqlglot.errors.TokenError) as error:
        return str(error).splitlines()[0]
    foreign = _FOREIGN.search(_QUOTED.sub("''", text))
    if foreign is not None:
        return f"no T-SQL: {foreign[0]}"
    return next(filter(None, map(_misread, filter(None, statements))), None)


def _misread(statement: exp.Expression) -> str | None:
    """What was only skipped, or means nothing in T-SQL."""
    unread = statement.find(exp.Command)
    if unread is not None:
        return f"not understood: {unread.sql('tsql')[:80]}"
    if isinstance(statement, exp.Update) and not statement.expressions:
        return "an update of nothing"
    for compared in statement.find_all(exp.EQ, exp.NEQ):
        if isinstance(compared.left.unnest(), _TRUTHS):
            return f"a truth is compared: {compared.sql('tsql')[:80]}"
    for query in statement.find_all(exp.Select):
        if any(isinstance(cell.unalias().unnest(), _TRUTHS) for cell in query.expressions):
            return "a truth is selected"
        is_inner = query.parent is not None and not isinstance(query.parent, exp.Insert)
        if is_inner and query.args.get("order") and not query.args.get("limit"):
            return "a query within another is sorted"
    return None
