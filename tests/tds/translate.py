"""T-SQL becomes SQL of SQLite: what the project writes, and its libraries write for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce

from sqlglot import exp, parse_one
from sqlglot.errors import ErrorLevel

from .values import Shape, shape_of

_WORD = re.compile(r"'(?:[^']|'')*'|\[[^\]]*\]|\"[^\"]*\"|;|[^;'\[\"]+")
# What our own dialect writes, and the translator does not know or drops.
_REWRITTEN = (
    (r"\bHASHBYTES\('SHA2_256', ", "tds_sha256("),
    (r"\bCONVERT\(VARCHAR\(64\), (tds_sha256\(.*\)), 2\)\)", r"tds_hex(\1))"),
    (r" COLLATE \[?Latin1_General\w*\]?", ""),
    (r"\bSYSUTCDATETIME\(\)", "tds_now()"),
    (r"\bDATEDIFF\(SECOND, ", "tds_seconds("),
    (r"\bDATEADD\(HOUR, ", "tds_hours("),
    (r"\bCAST\(tds_now\(\) AS DATETIME2\(6\)\)", "tds_now()"),
    (r"\bAPPLOCK_TEST\(", "tds_lock_is_free("),
    (r"@@SPID\b", "tds_spid()"),
    (r"@@VERSION\b", "tds_version()"),
    (r"@@TRANCOUNT\b", "tds_transactions()"),
    (r"\bDB_ID\(\)", "1"),
    (r"\bSCHEMA_NAME\(\)", "'dbo'"),
    (r"\bSCOPE_IDENTITY\(\)", "tds_identity()"),
    (r"\bOBJECT_ID\(", "tds_object_id("),
    (r"\bfn_listextendedproperty\s*\([^)]*\)", "no_rows"),
    (r"PRIMARY KEY (?:NON)?CLUSTERED", "PRIMARY KEY"),
    (r"\bNONCLUSTERED INDEX\b", "INDEX"),
    (r"IDENTITY(?:\(1,1\))?(?=,)", "/* counted */"),
)  # fmt: skip
_ROW_JSON = re.compile(r"\(SELECT ((?:[^()]|\((?:[^()]|\([^()]*\))*\))*?) FOR JSON PATH, "
                       r"INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER\)")  # fmt: skip
_TIMES = {"tds_now"}


@dataclass(frozen=True)
class Translated:
    """A statement for SQLite, and what is known of the columns it answers with."""

    sql: str
    tables: tuple[str, ...]
    sources: tuple[str | None, ...]  # the column a column is made of; empty: as they are called
    kinds: tuple[Shape | None, ...]
    is_insert: bool


def parts(batch: str) -> Iterator[str]:
    """The statements of a batch."""
    text = ""
    for word in _WORD.findall(batch):
        if word == ";":
            if text.strip():
                yield text.strip()
            text = ""
        else:
            text += word
    if text.strip():
        yield text.strip()


@lru_cache(maxsize=2000)
def translate(statement: str) -> Translated:
    created = re.match(r"\s*CREATE TABLE ", statement, re.I)
    text = statement
    for pattern, replacement in _REWRITTEN:
        text = re.sub(pattern, replacement, text, flags=re.I | re.S)
    text = _ROW_JSON.sub(lambda found: _row_json(found[1]), text)
    tree = parse_one(text, read="tsql", error_level=ErrorLevel.RAISE)
    sources, kinds = _answers(tree)
    tables = tuple(table.name for table in tree.find_all(exp.Table))
    for added in reversed(list(tree.find_all(exp.Add))):  # text is joined by the same sign
        function = exp.Anonymous(this="tds_add", expressions=[added.this, added.expression])
        added.replace(function)
    tree = tree.transform(_node)
    _correct_update(tree)
    sql = tree.sql("sqlite", identify=False)
    if created:
        sql = _counted(sql)
    return Translated(sql, tables, sources, kinds, isinstance(tree, exp.Insert))


def _row_json(listed: str) -> str:
    """A function of SQLite takes 127 cells at most: more go in portions."""
    cells = [cell.removesuffix(",").strip() for cell in re.split(r" AS c[0-9]+(?:, |$)", listed)]
    cells = [cell for cell in cells if cell]
    portions = [
        f"tds_row_json({', '.join(cells[at : at + 100])})" for at in range(0, len(cells), 100)
    ]
    return reduce(lambda left, right: f"tds_add({left}, {right})", portions)


def _node(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Table):
        if isinstance(node.this, exp.OpenJSON):
            return _rows_of_json(node.this, node.alias)
        if node.db:
            return exp.Table(this=exp.to_identifier(_relation(node), quoted=True),
                             alias=node.args.get("alias") or exp.TableAlias(
                                 this=exp.to_identifier(node.name, quoted=True)))  # fmt: skip
    if isinstance(node, exp.OpenJSON):
        return _rows_of_json(node, "")
    if isinstance(node, exp.ColumnDef) and node.kind is not None:
        node.set("kind", _kept(node.kind))
        return node
    if isinstance(node, exp.Cast) and "CHAR" in node.to.sql("tsql").upper():
        return exp.cast(node.this, "TEXT", dialect="sqlite")
    if isinstance(node, exp.Column) and node.args.get("db"):
        return exp.column(node.name, table=node.table, quoted=True)
    if isinstance(node, exp.Column) and node.table.lower() == "inserted":
        return exp.column(node.name, quoted=True)
    if isinstance(node, exp.National):
        return exp.Literal.string(node.this)
    return node


def _kept(kind: exp.DataType) -> exp.DataType:
    """The declared type by its own name: SQLite takes any."""
    said = kind.sql("tsql").upper().replace("(MAX)", "")
    return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=said)


def _relation(table: exp.Table) -> str:
    schema = table.db.lower()
    return table.name if schema == "dbo" else f"{schema}_{table.name}".lower()


def _rows_of_json(node: exp.OpenJSON, alias: str) -> exp.Expression:
    given = node.this.sql("sqlite")
    cells = [
        f"json_extract(value, {cell.args['path'].sql('sqlite')}) AS {_quoted(cell.this.name)}"
        for cell in node.expressions
    ]
    listed = ", ".join(cells) or "key, value, type"
    query = f"SELECT {listed} FROM json_each({given})"
    return parse_one(f"SELECT * FROM ({query}) AS {_quoted(alias or 'given')}", read="sqlite").find(
        exp.Subquery
    )  # type: ignore[return-value]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _correct_update(tree: exp.Expression) -> None:
    """UPDATE t ... FROM t, other: SQLite would join the table with itself."""
    source = tree.args.get("from_") or tree.args.get("from")
    if not isinstance(tree, exp.Update) or source is None:
        return
    joins = source.this.args.get("joins") or []
    if isinstance(source.this, exp.Table) and source.this.name == tree.this.name and joins:
        first = joins[0].this
        first.set("joins", joins[1:])
        source.set("this", first)


def _counted(sql: str) -> str:
    """IDENTITY: a first column that is the primary key counts by itself."""
    key = re.search(r'PRIMARY KEY \("?(stg_id|err_id|event_id|id)"?\)', sql)
    if key is None:
        return sql
    column = re.compile(rf'(\(\s*"?{key[1]}"?) INTEGER NOT NULL(?: /\* counted \*/)?')
    sql = sql.replace(", " + key[0], "").replace(key[0] + ", ", "")
    return column.sub(r"\1 INTEGER PRIMARY KEY AUTOINCREMENT", sql)


# What the answer's columns are -------------------------------------------------------------------


def _answers(tree: exp.Expression) -> tuple[tuple[str | None, ...], tuple[Shape | None, ...]]:
    if isinstance(tree, exp.Select):
        listed = tree.expressions
    else:
        listed = tree.args["returning"].expressions if tree.args.get("returning") else []
    if any(e.is_star or isinstance(e, exp.Star) for e in listed):
        return (), ()
    found = [_origin(e) for e in listed]
    return tuple(s for s, _ in found), tuple(k for _, k in found)


def _origin(e: exp.Expression | None) -> tuple[str | None, Shape | None]:
    match e:
        case exp.Column():
            return e.name, None
        case exp.Alias() | exp.Max() | exp.Min() | exp.Coalesce() | exp.Paren() | exp.Distinct():
            return _origin(e.this)
        case exp.Count():
            return None, Shape("INT")
        case exp.Avg():
            return None, Shape("FLOAT")
        case exp.Case():
            return _origin(e.args["ifs"][0].args["true"])
        case exp.Subquery():
            return (
                _origin(e.this.expressions[0]) if isinstance(e.this, exp.Select) else (None, None)
            )
        case exp.Cast():
            return None, shape_of(e.to.sql("tsql"))
        case exp.Anonymous() if str(e.this).lower() in _TIMES:
            return None, Shape("DATETIME2")
        case _:
            return None, None
