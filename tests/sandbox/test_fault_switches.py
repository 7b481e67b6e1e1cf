"""The switches for faults: what they do, and whom they obey."""

import re
from urllib.parse import urlencode

import orjson
import pytest

from order_sync.sandbox import available_faults

HOST = "http://sandbox"  # of the caller of these tests
FORM = "application/x-www-form-urlencoded"


def _send(world, path, fields=None, **headers):
    """As a browser sends a form of the page itself."""
    sent = {"Content_Type": FORM, "Sec_Fetch_Site": "same-origin", "Origin": HOST, **headers}
    body = urlencode(fields or {}).encode()
    given = {name: value for name, value in sent.items() if value}
    return world.api.http("POST", path, body, **given)


def _armed(world):
    return [fault.name for fault in world.sandbox.faults]


def _html(world, path="/faults"):
    return world.api.http("GET", path).text


# What they do -----------------------------------------------------------------------------------


def test_every_fault_has_a_switch_with_its_description_and_settings(world):
    html = _html(world)

    for name, says in available_faults().items():
        assert f'name="name" value="{name}"' in html
        assert f">{says}<" in html
    for setting in ("times", "skip", "match", "probability", "seed"):
        assert html.count(f' name="{setting}"') == len(available_faults())
    assert ' name="text"' in html
    assert "No fault is armed" in html


def test_a_fault_is_armed_with_its_settings(world):
    fields = {"name": "429", "times": "2", "skip": "1", "match": "create_item", "code": "X"}
    reply = _send(world, "/faults", fields | {"probability": "0.5", "retry_s": "1.5", "seed": "7"})

    assert (reply.status, reply.headers["Location"]) == (303, "/faults?armed=1#armed")
    (fault,) = world.sandbox.faults
    assert (fault.times, fault.skip, fault.match, fault.code) == (2, 1, "create_item", "X")
    assert (fault.probability, fault.retry_s, fault.seed) == (0.5, 1.5, 7)
    html = _html(world, "/faults?armed=1")
    assert "<strong>429</strong> is armed." in html
    assert "2 times, after 1 other, only where" in html


def test_fields_left_empty_keep_their_defaults(world):
    _send(world, "/faults", {"name": "423", "times": "", "match": " ", "probability": ""})

    (fault,) = world.sandbox.faults
    assert (fault.times, fault.match, fault.probability) == (1, None, 1.0)


def test_an_armed_fault_strikes_and_says_how_often(world):
    _send(world, "/faults", {"name": "423", "times": "2"})
    assert world.create().status == 423

    assert re.search(r"struck <b>1</b> of 2", _html(world))
    assert world.api.http("GET", "/sandbox/gauges").json["faults"] == {"1": 1}


def test_one_fault_is_taken_away_and_the_others_stay(world):
    for name in ("423", "429", "423"):
        _send(world, "/faults", {"name": name})

    assert _send(world, "/faults/3/remove").headers["Location"] == "/faults#armed"

    assert [(fault.name, fault.number) for fault in world.sandbox.faults] == [
        ("423", 1),
        ("429", 2),
    ]
    _send(world, "/faults", {"name": "409"})
    assert world.sandbox.faults[-1].number == 4  # numbers are not used again


def test_all_faults_are_taken_away(world):
    for name in ("423", "429"):
        _send(world, "/faults", {"name": name})

    assert _send(world, "/faults/remove").status == 303

    assert _armed(world) == []


def test_a_fault_that_is_gone_is_not_found(world):
    reply = _send(world, "/faults/5/remove")

    assert reply.status == 404
    assert "not armed any more" in reply.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "429", "times": "often"}, "times has to be a number"),
        ({"name": "429", "times": "-1"}, "times has to be 0 or more"),
        ({"name": "429", "probability": "1.5"}, "probability is from 0 to 1"),
        ({"name": "429", "probability": "nan"}, "probability has to be 0 or more"),
        ({"name": "hang", "seconds": "inf"}, "seconds has to be 0 or more"),
        ({"name": "429", "times": "9" * 5000}, "times has to be a number"),
        ({"name": "429", "hint": "smoke"}, "hint cannot be"),
        ({"name": "poisonous-row"}, "needs a text"),
        ({"name": "423", "color": "red"}, "has no setting"),
    ],
)
def test_settings_that_cannot_be_are_shown_again_with_what_is_wrong(world, fields, said):
    reply = _send(world, "/faults", fields)

    assert reply.status == 400
    assert said in reply.text
    assert f'id="settings-{fields["name"]}" open' in reply.text
    for value in list(fields.values())[1:]:
        assert f'value="{value}"' in reply.text or "color" in fields
    assert _armed(world) == []


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": '"><script>alert(1)</script>'}])
def test_a_fault_there_is_not_is_refused(world, fields):
    reply = _send(world, "/faults", fields)

    assert reply.status == 400
    assert "there is no fault" in reply.text
    assert "<script>" not in reply.text


def test_hostile_settings_cannot_become_markup(world):
    hostile = '"><script>alert(1)</script>'
    _send(world, "/faults", {"name": "429", "match": hostile, "code": hostile})

    html = _html(world)

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


# Whom they obey ---------------------------------------------------------------------------------

FOREIGN = [
    {"Sec_Fetch_Site": "cross-site", "Origin": "http://elsewhere"},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://sandbox:81"},
    {"Sec_Fetch_Site": "none", "Origin": ""},
    {"Sec_Fetch_Site": "cross-site", "Origin": HOST},
    {"Sec_Fetch_Site": "", "Origin": "http://elsewhere"},
    {"Sec_Fetch_Site": "", "Origin": "null"},
    {"Sec_Fetch_Site": "", "Origin": "https://sandbox"},
    {"Host": "rebound.example", "Origin": "http://rebound.example"},
    {"Host": "127.0.0.1.example", "Origin": "http://127.0.0.1.example"},
    {"Host": "[", "Origin": "http://["},
]
SILENT = {"Sec_Fetch_Site": "", "Origin": ""}
ACTIONS = ("/faults", "/faults/remove", "/faults/1/remove")


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize("headers", [*FOREIGN, SILENT])
def test_a_form_from_elsewhere_changes_nothing(world, path, headers):
    world.sandbox.add_fault("423")

    reply = _send(world, path, {"name": "429"}, **headers)

    assert reply.status == 403
    assert "Nothing was changed" in reply.text
    assert _armed(world) == ["423"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ""},
        {"Sec_Fetch_Site": ""},
        {"Host": "127.0.0.1:8123", "Origin": "http://127.0.0.1:8123", "Sec_Fetch_Site": ""},
        {"Host": "[::1]:8123", "Origin": "http://[::1]:8123", "Sec_Fetch_Site": ""},
        {"Host": "app.localhost", "Origin": "http://app.localhost"},
    ],
)
def test_a_form_of_the_page_itself_is_obeyed(world, headers):
    assert _send(world, "/faults", {"name": "429"}, **headers).status == 303
    assert _armed(world) == ["429"]


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_only_the_form_of_the_page_is_read(world, kind):
    reply = _send(world, "/faults", {"name": "429"}, Content_Type=kind)

    assert reply.status == 400
    assert _armed(world) == []


def test_a_form_with_too_many_fields_is_refused(world):
    fields = {f"f{number}": "x" for number in range(60)}

    assert _send(world, "/faults", {"name": "429"} | fields).status == 400


@pytest.mark.parametrize("path", ACTIONS)
def test_a_link_changes_nothing(world, path):
    world.sandbox.add_fault("423")

    reply = world.api.http("GET", f"{path}?name=429", Sec_Fetch_Site="same-origin")

    assert reply.status in (200, 405)
    assert _armed(world) == ["423"]


def test_programs_arm_and_take_away_without_saying_where_they_come_from(world):
    first, second = (
        world.api.http("POST", "/sandbox/faults", orjson.dumps({"name": name})).json["number"]
        for name in ("423", "429")
    )

    assert world.api.http("DELETE", f"/sandbox/faults/{first}").json["active"][0]["name"] == "429"
    assert _armed(world) == ["429"]
    assert world.api.http("DELETE", f"/sandbox/faults/{first}").status == 404
    assert world.api.http("DELETE", "/sandbox/faults").json == {"active": []}
    assert second == 2


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_cannot_pass_for_a_program(world, headers):
    """A form of another page can send text that is JSON."""
    world.sandbox.add_fault("423")
    sent = {
        "Content_Type": "text/plain",
        "Sec_Fetch_Site": "same-origin",
        "Origin": HOST,
        **headers,
    }
    given = {name: value for name, value in sent.items() if value}

    replies = [
        world.api.http("POST", "/sandbox/faults", orjson.dumps({"name": "429"}), **given),
        world.api.http("DELETE", "/sandbox/faults", **given),
        world.api.http("DELETE", "/sandbox/faults/1", **given),
    ]

    assert [reply.status for reply in replies] == [403, 403, 403]
    assert all(reply.json["error"] for reply in replies)
    assert _armed(world) == ["423"]


def test_nobody_may_show_the_switches_in_a_frame(world):
    reply = world.api.http("GET", "/faults")

    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["X-Frame-Options"] == "DENY"
