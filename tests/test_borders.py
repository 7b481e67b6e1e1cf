"""The shape of the code: who may import whom, and where SQL may stand."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "order_sync"


def modules(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def offenders(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.name} imports {name}"
        for path in modules(folder)
        for name in imports(path)
        if any(name == f or name.startswith(f + ".") for f in forbidden)
    ]


def test_rules_touch_nothing_but_the_standard_library():
    allowed = set(sys.stdlib_module_names) | {"order_sync", "__future__"}
    for path in modules("rules"):
        for name in imports(path):
            assert name.split(".")[0] in allowed, f"{path.name} imports {name}"
            if name.startswith("order_sync."):
                assert name.startswith(("order_sync.rules", "order_sync.errors")), name


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("db", ("order_sync.monday", "order_sync.delivery", "order_sync.cli", "httpx2")),
        ("monday", ("order_sync.db", "order_sync.delivery", "order_sync.config", "sqlalchemy")),
        ("delivery", ("order_sync.cli", "order_sync.sandbox")),
    ],
)
def test_folders_do_not_reach_where_they_should_not(folder, forbidden):
    assert offenders(folder, forbidden) == []


def test_the_sandbox_imports_nothing_of_the_client():
    for path in modules("sandbox"):
        ours = {n for n in imports(path) if n.startswith("order_sync")}
        assert all(n.startswith("order_sync.sandbox") for n in ours), (path.name, ours)


def test_the_client_imports_nothing_of_the_sandbox():
    may_start_it = {"demo.py", "sandbox.py"}  # the demo, and the command that serves it
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "sandbox" in path.parents or path.name in may_start_it:
            continue
        assert not [n for n in imports(path) if n.startswith("order_sync.sandbox")], path.name


def test_sql_stands_in_db_only():
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "db" in path.parents:
            continue
        names = {n for n in imports(path) if n.split(".")[0] == "sqlalchemy"}
        allowed = {"sqlalchemy", "sqlalchemy.Connection", "sqlalchemy.engine", "sqlalchemy.exc"}
        beyond = {n for n in names if n not in allowed and not n.startswith(
            ("sqlalchemy.engine.", "sqlalchemy.exc."))}  # fmt: skip
        assert not beyond, f"{path.name} imports {beyond}"


def test_no_file_outgrows_one_subject():
    long = {
        p.name: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 500
    }
    assert long == {}
