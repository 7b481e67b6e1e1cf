"""docs/lessons.md against the tests, the files and the commands it names."""

from __future__ import annotations

import ast
import csv
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lessons.md"
ROW = re.compile(r"\| (\w\d\d) \| (high|medium|low) \| (.+) \| (.+) \|")


def rows() -> list[tuple[str, str, str, str]]:
    found = [ROW.fullmatch(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return [match.groups() for match in found if match]  # type: ignore[misc]


def marked_tests() -> dict[str, list[str]]:
    """Lesson -> names of the tests marked with it."""
    marked: dict[str, list[str]] = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "lesson":
                    lesson = ast.literal_eval(call.args[0])
                    marked.setdefault(lesson, []).append(node.name)
    return marked


def test_every_lesson_stands_there_once():
    ids = [row[0] for row in rows()]
    assert len(ids) == len(set(ids)) == 153


def test_every_lesson_of_high_weight_has_its_test_and_the_page_names_it():
    marked = marked_tests()
    high = {lesson: answer for lesson, weight, _, answer in rows() if weight == "high"}
    assert set(marked) == set(high)
    for lesson, names in marked.items():
        assert [f"`{name}`" for name in names] == high[lesson].split(", "), lesson


def test_everything_the_page_names_exists():
    tests = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("test_*.py"))
    for lesson, _, _, answer in rows():
        for name in re.findall(r"`([^`]+)`", answer):
            if name.startswith("test_"):
                assert f"def {name}(" in tests, (lesson, name)
            elif "/" in name:
                assert (ROOT / name).exists(), (lesson, name)


def test_the_lessons_are_those_that_were_collected():
    facts = os.environ.get("ORDER_SYNC_FACTS")
    if not facts:
        pytest.skip("ORDER_SYNC_FACTS names no collection")
    path = Path(facts) / "pain_points.csv"
    with path.open(encoding="utf-8", newline="") as file:
        collected = {row["id"]: row["severity"] for row in csv.DictReader(file)}
    assert {lesson: weight for lesson, weight, _, _ in rows()} == collected
