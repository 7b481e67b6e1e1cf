"""plan --diff --out, sync --plan and the guards, as they are typed and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_sync.profiles import __path__ as profile_folders

from .conftest import GOOD, OTHER, TOKEN

THIRD = GOOD.replace("JOO-1", "JOO-3")


def removing(folder, monkeypatch, policy):
    """Let the profile say what becomes of orders that have left the source."""
    text = Path(profile_folders[0], "customer-master-schedule.toml").read_text(encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(text.replace('policy = "report"', f'policy = "{policy}"'), encoding="utf-8")
    monkeypatch.setenv("ORDER_SYNC_PROFILE", str(path))


def numbered(count):
    return [GOOD.replace("JOO-1", f"JOO-{n}") for n in range(10, 10 + count)]


# What a person reads


def test_a_diff_shows_every_order_with_old_and_new_values(run, board, load):
    load(GOOD, OTHER)
    run("sync")
    load(GOOD.replace("4755,12,7", "9,13,"), OTHER.replace("RECEIVED", "CANCELLED"), THIRD)
    shown = run("plan", "--diff").out
    for part in (
        "changed: M01 WHITE JOO-1 (item ",
        "    PO NUMBER: 4755 → 9\n",
        "    size S: 12 → 13\n",
        "    size M: 7 → 0\n",
        "cancelled: M01 BLACK RHY-1 (item ",
        "    ORDER TYPE: RECEIVED → CANCELLED\n",
        "new: M01 WHITE JOO-3, JOHNNIE O 2025 FALL\n",
        "    size S: none → 12\n",
    ):
        assert part in shown


def test_without_diff_a_plan_is_short(run, board, load):
    load(GOOD)
    assert "M01 WHITE JOO-1" not in run("plan").out


def test_an_empty_cell_is_told_from_a_blank_text(run, board, load):
    load(GOOD)
    run("sync")
    load(GOOD.replace("4755", ""))
    assert "PO NUMBER: 4755 → (empty)" in run("plan", "--diff").out


def test_very_many_orders_are_counted_not_listed(run, board, load):
    load(*numbered(103))
    shown = run("plan", "--diff").out
    assert shown.count("new: M01 WHITE") == 100
    assert "and 3 more orders" in shown


def test_a_plan_tells_calls_writes_points_time_and_share_of_the_day(run, board, load):
    load(GOOD)
    cost = run("plan", "-o", "json").document["cost"]
    shown = " ".join(run("plan").out.split())
    assert f"Cost: {cost['calls']} calls ({cost['reading']} reading) for" in shown
    assert f"{cost['mutations']} writes, about {cost['complexity']:,} complexity points" in shown
    assert "partly guessed" in shown
    assert f"bound by {cost['bound_by']}" in shown
    assert "of the account's 25,000 calls a day" in shown
    assert cost["share_of_day"] == pytest.approx(cost["calls"] / 25_000)


def test_a_plan_as_json_has_every_order_with_its_values(run, board, load):
    load(GOOD)
    run("sync")
    load(GOOD.replace("4755", "9"))
    (order,) = run("plan", "-o", "json").document["orders"]
    assert order["change"] == "CHANGED"
    assert order["operations"] == ["UPDATE"]
    assert order["columns"] == [{"title": "PO NUMBER", "before": "4755", "after": "9"}]


def test_items_in_a_diff_are_links_where_the_account_is_known(run, board, load, monkeypatch):
    load(GOOD)
    run("sync")
    load(GOOD.replace("4755", ""))
    (item,) = board.items()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "]8;" not in run("plan", "--diff").out
    monkeypatch.setenv("ORDER_SYNC_MONDAY__WEB_URL", "https://company.monday.com")
    address = f"https://company.monday.com/boards/{board.id}/pulses/{item.id}"
    assert f";{address}\x1b" in run("plan", "--diff").out


def test_data_in_a_diff_cannot_steer_the_terminal(run, board, load):
    load(GOOD)
    run("sync")
    load(GOOD.replace("4755", '"\x1b[2J[bold]9"'))
    shown = run("plan", "--diff").out
    assert "\x1b" not in shown
    assert "[bold]9" in shown


# A plan in a file


def test_a_plan_in_a_file_is_done_as_it_was_seen(run, board, load):
    load(GOOD, OTHER)
    planned = run("plan", "--customer", "rhythm", "--out", "plan.json")
    assert planned.exit_code == 0
    assert "order-sync sync --plan plan.json" in planned.out
    assert board.mutations() == 0
    ended = run("sync", "--plan", "plan.json", "-o", "json")
    assert ended.exit_code == 0
    assert ended.document["orders_done"] == {"NEW": 1}
    assert [item.group_title for item in board.items()] == ["RHYTHM 2025 FALL"]


def test_a_plan_that_no_longer_holds_exits_6_and_names_the_order(run, board, load):
    load(GOOD)
    run("plan", "--out", "plan.json")
    load(GOOD.replace("4755", "9"))
    ended = run("sync", "--plan", "plan.json")
    assert ended.exit_code == 6
    assert "joo-1|m01|white" in ended.err
    assert "do: look at a new plan" in ended.err
    assert board.mutations() == 0


def test_a_plan_is_done_once(run, board, load):
    load(GOOD)
    run("plan", "--out", "plan.json")
    assert run("sync", "--plan", "plan.json").exit_code == 0
    assert run("sync", "--plan", "plan.json").exit_code == 6
    assert len(board.items()) == 1


@pytest.mark.parametrize(
    "more", [["--customer", "rhythm"], ["--po", "1"], ["--limit", "1"], ["--dry-run"]], ids=str
)
def test_a_plan_takes_no_filters_besides_its_own(run, board, load, more):
    load(GOOD)
    run("plan", "--out", "plan.json")
    ended = run("sync", "--plan", "plan.json", *more)
    assert ended.exit_code == 2
    assert "--plan" in ended.err
    assert board.mutations() == 0


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"format": 2}', "\x00"], ids=repr)
def test_a_missing_or_broken_plan_exits_2(run, board, load, folder, content):
    load(GOOD)
    if content is not None:
        (folder / "plan.json").write_text(content, encoding="utf-8")
    ended = run("sync", "--plan", "plan.json")
    assert ended.exit_code == 2
    assert "plan.json" in ended.err
    assert "order-sync plan --out" in ended.err
    assert board.mutations() == 0


def test_a_plan_that_cannot_be_written_exits_2_and_leaves_no_half_file(run, board, load, folder):
    load(GOOD)
    (folder / "taken").mkdir()
    before = {path for path in folder.iterdir() if not path.name.startswith("order-sync.db")}
    for name in ("nowhere/plan.json", "taken"):
        ended = run("plan", "--out", name)
        assert ended.exit_code == 2
        assert f"the plan cannot be written to {name}" in ended.err
    after = {path for path in folder.iterdir() if not path.name.startswith("order-sync.db")}
    assert after == before


def test_the_token_is_in_no_plan(run, board, load, folder):
    load(GOOD)
    ended = run("plan", "--diff", "--out", "plan.json", "-v")
    assert TOKEN not in ended.out + ended.err + (folder / "plan.json").read_text(encoding="utf-8")


# Guards


GUARDS = [
    (["--max-creates", "1"], "2 order lines would be created, --max-creates allows 1"),
    (["--max-calls", "3"], "--max-calls allows 3"),
]


@pytest.mark.parametrize(("option", "told"), GUARDS, ids=[o[0] for o, _ in GUARDS])
def test_a_guard_is_told_by_plan_and_stops_sync_with_8(run, board, load, option, told):
    load(GOOD, OTHER)
    plan = run("plan", *option)
    assert plan.exit_code == 0
    assert "a sync would stop: " in plan.out
    assert told in " ".join(plan.out.split())
    assert "next: order-sync sync" not in plan.out
    assert [g["message"] for g in run("plan", *option, "-o", "json").document["guards"]]

    ended = run("sync", *option)

    assert ended.exit_code == 8
    assert told in ended.err
    assert "  do: " in ended.err
    assert board.mutations() == 0


@pytest.mark.parametrize("policy", ["cancel", "archive"])
def test_orders_that_left_the_source_go_only_as_far_as_allowed(
    run, board, load, folder, monkeypatch, policy
):
    removing(folder, monkeypatch, policy)
    rows = numbered(20)
    load(*rows)
    run("sync")
    load(*rows[2:])
    before = board.mutations()
    told = "2 of 20 known order lines have left the source and would go; --max-removals 5% allows 1"

    assert told in " ".join(run("plan").out.split())
    ended = run("sync")
    assert ended.exit_code == 8
    assert told in ended.err
    assert "--max-removals 2" in ended.err
    assert board.mutations() == before

    assert run("sync", "--max-removals", "2").exit_code == 0
    left = [item for item in board.items() if item.values["ORDER TYPE"] != "CANCELLED"]
    assert len(left) == 18
    assert len(board.items()) == (20 if policy == "cancel" else 18)


def test_one_in_twenty_orders_may_go_without_a_word(run, board, load, folder, monkeypatch):
    removing(folder, monkeypatch, "archive")
    rows = numbered(20)
    load(*rows)
    run("sync")
    load(*rows[1:])
    assert run("sync").exit_code == 0
    assert len(board.items()) == 19


@pytest.mark.parametrize("command", ["plan", "sync", "retry"])
@pytest.mark.parametrize("value", ["x", "-1", "5.5%", "", "%", "1 in 20"])
def test_a_share_that_is_none_is_a_usage_error(run, command, value):
    ended = run(command, f"--max-removals={value}")
    assert ended.exit_code == 2
    assert "--max-removals" in ended.err
