"""Settings as people write them on a command line."""

import pytest

from order_sync.sandbox import ImportLimits, SandboxOptions, with_settings
from order_sync.sandbox.options import PLANS, setting_names


def test_a_setting_is_a_name_and_a_value():
    made = with_settings(
        SandboxOptions(),
        ["cursor_life_s=60.5", " items_limit = 7 ", "read_lag_on_ids=true", "caller=app"],
    )

    assert (made.cursor_life_s, made.items_limit) == (60.5, 7)
    assert (made.read_lag_on_ids, made.caller) == (True, "app")


def test_figures_of_the_plan_can_be_set_one_by_one():
    made = with_settings(
        SandboxOptions(plan="pro"), ["requests_per_minute=5", "requests_per_day=50"]
    )

    assert (made.quota.requests_per_minute, made.quota.requests_per_day) == (5, 50)
    assert made.quota.requests_in_flight == PLANS["pro"].requests_in_flight


def test_figures_of_imports_can_be_set_one_by_one():
    made = with_settings(SandboxOptions(), ["items_per_hour=5", "rows_per_s=0.5"])

    assert made.imports == ImportLimits(items_per_hour=5, rows_per_s=0.5)


@pytest.mark.parametrize(
    "text",
    [
        "items_limit",
        "nonsense=1",
        "items_limit=many",
        "items_limit=1.5",
        "items_limit=-1",
        "time_scale=0",
        "rows_per_s=0",
        "read_lag_s=inf",
        "read_lag_s=nan",
        "limits=yes",
        "plan=gold",
        "token=secret",
        "versions=1",
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        with_settings(SandboxOptions(), [text])


def test_every_number_can_be_set():
    options = SandboxOptions()
    known = {**vars(options), **vars(options.imports)}
    numbers = {name for name, value in known.items() if isinstance(value, int | float)}

    assert numbers <= set(setting_names())
    assert len(set(setting_names())) == len(setting_names())
    assert "token" not in setting_names()
