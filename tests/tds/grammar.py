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
    for statement in statements:
        unread = statement.find(exp.Command) if statement is not None else None
        if unread is not None:
            return f"not understood: {unread.sql('tsql')[:80]}"
    return None
