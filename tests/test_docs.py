"""The documentation says what the code does: lists are generated, commands parse, links resolve."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from docs import generate
from docs.generator import commands

from order_sync.cli import app
from order_sync.config import _known_variables
from order_sync.db.schema import build_tables
from order_sync.db.upgrade import ACTIVE_BATCHES
from order_sync.errors import EXIT_MEANINGS, ExitCode
from order_sync.profile import DEFAULT_PROFILE, ProfileFile, load_profile
from order_sync.rules.refusals import OWN_CODES, WARNING_CODES
from order_sync.rules.retry import ERROR_TABLE
from order_sync.rules.states import (
    BATCH_ENDED,
    BATCH_MILESTONES,
    TRANSITIONS,
    BatchState,
    Event,
    RowState,
)
from order_sync.sandbox import SandboxOptions
from order_sync.settings import FileSettings

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "order_sync"


PAGES = [
    *generate.documents(),
    *(
        ROOT / name
        for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
    ),
    *PACKAGE.rglob("*.md"),
]
BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<code>.*?)^ *```", re.M | re.S)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each_page(pages: list[Path] = PAGES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=name_of)


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


# What is generated --------------------------------------------------------------------------------


@each_page(generate.documents())
def test_generated_parts_are_up_to_date(page: Path):
    text = page.read_text(encoding="utf-8")
    assert generate.generated(text) == text, "run scripts/docs"


def test_every_generated_part_stands_somewhere_and_every_marker_is_known():
    texts = [page.read_text(encoding="utf-8") for page in generate.documents()]
    used = {match["name"] for text in texts for match in generate.MARKED.finditer(text)}
    assert used == set(generate.BLOCKS)
    assert sum(text.count("<!-- generated:") for text in texts) == sum(
        len(generate.MARKED.findall(text)) for text in texts
    )


def test_every_command_says_how_it_may_end():
    assert set(commands.EXITS) == set(commands.leaf_commands())
    assert {code for codes in commands.EXITS.values() for code in codes} <= set(ExitCode)
    assert set(EXIT_MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("model", [FileSettings, ProfileFile], ids=lambda model: model.__name__)
def test_every_setting_is_described(model: type):
    lacking = []
    for name, field in model.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        lacking += [f"{name}.{key}" for key, f in inner.items() if not f.description]
        lacking += [name] if not inner and not field.description else []
    assert lacking == []


# Commands, settings, links ------------------------------------------------------------------------


CALL = re.compile(r"""(?P<before>^|[\s=&;('"])(?:[\w./-]*/)?(?P<call>order-sync [a-z].*)""")


def commands_in(page: Path) -> Iterator[str]:
    """Every line that calls order-sync, in code blocks and in the running text."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        for line in block["code"].splitlines():
            if found := CALL.search(line):
                quote = found["before"] if found["before"] in ("'", '"') else None
                call = found["call"].partition(quote)[0] if quote else found["call"]
                # What a shell makes of the rest of its line is not the command's.
                yield re.split(r" (?:\|\|?|&&|[12]?>|\$\{\w+:\+)", call)[0]
    yield from re.findall(r"`(order-sync [^`\n]+)`", prose(page))


def parse(line: str) -> None:
    """Read a command line as the real command line does, without running it."""
    words = shlex.split(line, comments=True)[1:]
    context = typer.main.get_command(app).make_context("order-sync", words)
    while hasattr(context.command, "commands"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    assert context.args == []


@each_page()
def test_every_command_parses(page: Path, capsys: pytest.CaptureFixture[str]):
    for line in commands_in(page):
        try:
            parse(line)
        except typer.Exit:
            continue  # it asks for help
        except Exception as error:
            pytest.fail(f"{line}: {error!r}")


def test_a_command_that_is_none_is_noticed():
    for line in ("order-sync publish", "order-sync sync --limits 5", "order-sync errors show"):
        with pytest.raises(Exception, match=r"(?i)no such|missing"):
            parse(line)


def test_the_pages_show_commands():
    assert sum(1 for page in PAGES for _ in commands_in(page)) > 30


@each_page()
def test_every_variable_is_a_setting(page: Path):
    known = {*_known_variables(), "ORDER_SYNC_ENV", "ORDER_SYNC_SECTION__KEY"}
    if page.name in ("CONTRIBUTING.md", "sqlserver.md"):  # name variables of the tests, too
        known |= {"ORDER_SYNC_OFFICIAL_SDL", "ORDER_SYNC_FACTS", "ORDER_SYNC_TEST_DATABASE_URL"}
    if page.name == "kestra.md":  # a secret of Kestra's
        known.add("ORDER_SYNC_ALERT_URL")
    named = set(re.findall(r"\bORDER_SYNC_[A-Z0-9_]+", page.read_text(encoding="utf-8")))
    assert named <= known


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {slug.replace(" ", "-") for slug in slugs}


@each_page()
def test_every_link_within_the_project_resolves(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors_of(there), target


@each_page()
def test_pages_speak_of_the_project_alone(page: Path):
    text = page.read_text(encoding="utf-8")
    strangers = r"/work/|/root\b|/home/|/tmp/|\bissues?\b|\bsessions?\b|\bpypi\b|\bregistry\b"
    assert re.findall(strangers, text, re.I) == []


def test_every_page_is_in_the_navigation_of_the_site_and_nothing_else():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = [page for section in site["nav"] for pages in section.values() for page in pages]
    in_nav = [address for page in named for address in page.values()]
    from_elsewhere = site["extra"]["pages_from"]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} | from_elsewhere.keys()
    assert sorted(in_nav) == sorted(pages), "each page once, in the nav of mkdocs.yml"
    assert [name for name in from_elsewhere.values() if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", ["docs/settings.md", "docs/profile.md"])
def test_toml_examples_are_toml(page: str):
    tomllib = pytest.importorskip("tomllib")
    blocks = [b for b in BLOCK.finditer((ROOT / page).read_text()) if b["language"] == "toml"]
    assert blocks
    for block in blocks:
        tomllib.loads(block["code"])


def test_the_example_settings_load(tmp_path: Path):
    from order_sync.config import load_settings

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    example = next(b["code"] for b in BLOCK.finditer(text) if b["language"] == "toml")
    (tmp_path / "order-sync.toml").write_text(example)
    (tmp_path / "token-prod.txt").write_text("token")
    dev = load_settings(config=None, env="dev", environ={}, cwd=tmp_path)
    prod = load_settings(config=None, env="prod", environ={}, cwd=tmp_path)
    assert (dev.monday.board_id, prod.monday.board_id) == ("1234567890", "9876543210")
    assert prod.monday.token is not None
    assert prod.database.url.endswith("orders-prod.db")


# Tables, codes, states ----------------------------------------------------------------------------


@each_page([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
def test_tables_that_are_named_exist(page: Path):
    tables = set(build_tables(load_profile(DEFAULT_PROFILE)).metadata.tables)
    known = tables | {ACTIVE_BATCHES, "ORDERS_UNIFIED"}
    named = re.findall(r"\b(?:(?:STG_|ERR_|VW_)?MON_[A-Z]\w+|ORDERS_\w+)", page.read_text())
    assert set(named) <= known


# Calls and keywords that name a code: function -> place of the code among the arguments.
_NAMES_A_CODE = {"Refusal": 0, "Warn": 0, "_refused_date": 0, "_fail": 2, "staged_error": 1}
_CODE_KEYWORDS = {"error_type", "code"}


def codes_in_source() -> tuple[set[str], set[str]]:
    """Codes of refusals and of warnings, wherever the source names one."""
    refusals: set[str] = set()
    warnings: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "sandbox" in path.parts or "cli" in path.parts or path.name in ("refusals.py",):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = [k.value for k in node.keywords if k.arg in _CODE_KEYWORDS]
                place = _NAMES_A_CODE.get(name)
                if place is not None and len(node.args) > place:
                    given.append(node.args[place])
                found = {text for value in given for text in _texts(value)}
                (warnings if name == "Warn" else refusals).update(found)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "error_type":
                        refusals.update(_texts(value))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LABEL_REFUSED":
                refusals.update(_texts(node.value))
    return refusals, warnings


def _texts(value: ast.expr) -> Iterator[str]:
    """Codes written out in an expression; a condition's own texts do not count."""
    if isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def test_every_code_of_ours_is_documented_and_none_is_invented():
    refusals, warnings = codes_in_source()
    monday = {rule.code for rule in ERROR_TABLE}
    assert refusals - monday <= {code.code for code in OWN_CODES}
    assert {code.code for code in OWN_CODES} <= refusals
    assert warnings == {code.code for code in WARNING_CODES}


def test_codes_are_listed_once():
    for codes in (OWN_CODES, WARNING_CODES, ERROR_TABLE):
        names = [code.code for code in codes]
        assert len(names) == len(set(names))


def test_the_diagram_of_the_architecture_names_every_state_and_event():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    after = text.partition("## States of a staged row")[2]
    diagram = next(BLOCK.finditer(after))["code"]
    named = set(re.findall(r"[A-Z][A-Z_]+", diagram))
    events = {event.value for _, event in TRANSITIONS}
    assert named == {state.value for state in RowState} | events
    assert events <= {event.value for event in Event}


def test_files_the_architecture_names_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py|\.toml))`", text)
    assert len(named) > 20
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_every_event_of_a_biography_is_one_the_states_name():
    """A name written out elsewhere would be missing on the page of the states."""
    written_out = [
        f"{path.name}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "OrderEvent"
        and any(isinstance(part, ast.Constant) for part in node.args[1:2])
    ]
    assert written_out == []


def test_every_batch_state_is_a_milestone_or_an_end():
    assert sorted((*BATCH_MILESTONES, *BATCH_ENDED)) == sorted(BatchState)


# The sandbox --------------------------------------------------------------------------------------

STANDINGS = {"exact", "form", "invented"}


def sandbox_rules() -> list[tuple[str, str, str, str, str]]:
    """rule, figure, place in the code, source, standing."""
    text = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rules = text.partition("## Rules")[2].partition("## What it does not")[0]
    rows = [line.strip("|").split("|") for line in rules.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in row) for row in rows if row[0].strip() != "rule"]


def figure_in_code(place: str) -> float:
    """`module.NAME`, `module.NAME[key]` or the name of a setting, with `imports.` if it is one."""
    module_name, dot, name = place.partition(".")
    if not dot:
        return getattr(SandboxOptions(), place)
    if module_name == "imports":
        return getattr(SandboxOptions().imports, name)
    name, _, key = name.partition("[")
    found = getattr(importlib.import_module(f"order_sync.sandbox.{module_name}"), name)
    return found[key.rstrip("]")] if key else found


def test_every_rule_of_the_sandbox_says_what_it_rests_on():
    rules = sandbox_rules()
    assert len(rules) > 80
    for rule, figure, place, source, standing in rules:
        assert standing in STANDINGS, rule
        assert source or standing == "invented", rule
        assert bool(figure) == bool(place), rule


@pytest.mark.parametrize(
    "what",
    ["DAILY_LIMIT_EXCEEDED", "IP_RATE_LIMIT_EXCEEDED", "RESOURCE_LOCKED", "report:", "`modern`"],
)
def test_what_nobody_published_is_said_to_be_invented(what: str):
    assert {row[4] for row in sandbox_rules() if what in row[0]} == {"invented"}


@pytest.mark.parametrize(
    ("rule", "figure", "place"), [row[:3] for row in sandbox_rules() if row[1]], ids=str
)
def test_a_figure_of_the_sandbox_is_the_one_in_the_code(rule: str, figure: str, place: str):
    assert float(figure.replace(",", "")) == figure_in_code(place.strip("`")), rule


def test_every_figure_of_the_sandbox_has_a_rule():
    """Seed, log and what is off by default are no rules of the API."""
    named = {place.strip("`") for _, _, place, _, _ in sandbox_rules()}
    options = SandboxOptions()
    figures = {
        name
        for name, value in vars(options).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 1
    }
    figures |= {f"imports.{name}" for name in vars(options.imports)}
    assert figures - named == {"request_log_size", "request_log_answer_bytes"}
