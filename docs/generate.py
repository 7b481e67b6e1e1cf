"""Writes the generated parts of the documentation, between markers that name them.

<!-- generated: NAME -->
...
<!-- end -->

Run it with scripts/docs. `tests/test_docs.py` fails when a part is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from docs.generator import (
    commands,
    errors,
    figures,
    json_documents,
    lifecycle,
    sandbox,
    settings,
    tables,
)

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)


def documents() -> list[Path]:
    """Every page that may have generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def generated(text: str) -> str:
    """`text` with each of its generated parts made anew."""

    def fresh(match: re.Match[str]) -> str:
        return f"{match[1]}{BLOCKS[match['name']]()}\n{match[4]}"

    return MARKED.sub(fresh, text)


def main() -> None:
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = generated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")


BLOCKS: dict[str, Callable[[], str]] = {
    "json-envelope": json_documents.json_envelope,
    "json-documents": json_documents.json_documents,
    "json-parts": json_documents.json_parts,
    "settings": settings.settings_list,
    "profile": settings.profile_reference,
    "errors-source": errors.errors_source,
    "errors-run": errors.errors_run,
    "errors-monday": errors.errors_monday,
    "errors-warnings": errors.errors_warnings,
    "states-rows": lifecycle.states_rows,
    "states-events": lifecycle.states_events,
    "states-transitions": lifecycle.states_transitions,
    "states-groups": lifecycle.states_groups,
    "states-diagram": lifecycle.states_diagram,
    "states-biography": lifecycle.states_biography,
    "states-batches": lifecycle.states_batches,
    "states-runs": lifecycle.states_runs,
    "states-requests": lifecycle.states_requests,
    "faults": sandbox.fault_list,
    "exit-codes": commands.exit_codes,
    "command-overview": commands.command_overview,
    "command-shared": commands.command_shared,
    "command-filters": commands.command_filters,
    "commands": commands.command_list,
    "tables": tables.table_list,
    "sandbox-settings": sandbox.sandbox_settings,
    "sandbox-imports": sandbox.sandbox_imports,
    "sandbox-plans": sandbox.sandbox_plans,
    "sandbox-faults": sandbox.sandbox_faults,
    "metrics": figures.metric_list,
    "alerts": figures.alert_list,
}

if __name__ == "__main__":
    sys.exit(main())
