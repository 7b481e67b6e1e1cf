"""The sandbox must be able to disagree with our client, so it shares nothing with it."""

import ast
import sys
from pathlib import Path

import order_sync.sandbox

FOLDER = Path(order_sync.sandbox.__file__).parent
ALLOWED = set(sys.stdlib_module_names) | {"graphql", "jinja2", "orjson", "starlette", "uvicorn"}


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} uses a relative import"
            found.add(node.module or "")
    return found


def test_the_sandbox_imports_nothing_else_of_ours():
    files = sorted(FOLDER.rglob("*.py"))
    assert len(files) > 20

    strangers = {
        (path.name, module)
        for path in files
        for module in _imported(path)
        if not module.startswith("order_sync.sandbox") and module.split(".")[0] not in ALLOWED
    }

    assert not strangers


def test_the_public_names_are_these():
    assert set(order_sync.sandbox.__all__) == {
        "ApiError",
        "BoardFileError",
        "DescribedBoard",
        "Fault",
        "FaultFileError",
        "GroupView",
        "ImportLimits",
        "ItemView",
        "Plan",
        "RequestRecord",
        "Sandbox",
        "SandboxOptions",
        "SandboxServer",
        "StateError",
        "StateInUse",
        "available_faults",
        "create_app",
        "parse_fault",
        "read_board",
        "read_faults",
        "serve",
        "template_names",
        "with_settings",
    }
