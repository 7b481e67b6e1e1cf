"""Faults from a TOML file: read with all mistakes told, seeded, and counted when they strike."""

import orjson
import pytest

from order_sync.sandbox import FaultFileError, Sandbox, read_faults

GOOD = """
seed = 7

[[fault]]
name = "429"
times = 0
probability = 0.3

[[fault]]
name = "504-after-write"
times = 2
match = "create_group"
seed = 99
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "faults.toml"
        file.write_text(text)
        return file

    return write


def _create(world, number=20):
    return [world.create(f"PO-{n}").status for n in range(number)]


def test_a_file_says_what_a_flag_can_say(write):
    limited, late = read_faults(write(GOOD))
    assert (limited.name, limited.times, limited.probability, limited.seed) == ("429", 0, 0.3, 7)
    assert (late.name, late.times, late.match, late.seed) == (
        "504-after-write", 2, "create_group", 99,
    )  # fmt: skip


def test_the_same_seed_strikes_the_same_requests(make_world, write):
    def statuses(text):
        world = make_world()
        for fault in read_faults(write(text)):
            world.sandbox.add_fault(fault)
        return _create(world)

    first = statuses(GOOD)
    assert first == statuses(GOOD)
    assert first != statuses(GOOD.replace("seed = 7", "seed = 8"))
    assert set(first) == {200, 429}


def test_two_faults_of_one_probability_do_not_strike_together(write):
    text = '[[fault]]\nname = "429"\ntimes = 0\nprobability = 0.5\n'
    one, two = read_faults(write(text * 2), seed=5)
    struck = [[fault.strikes("mutation", "", {}) for _ in range(64)] for fault in (one, two)]
    assert struck[0] != struck[1]


def test_health_counts_what_struck_also_when_it_is_gone(world, write):
    for fault in read_faults(write(GOOD.replace("times = 0", "times = 3"))):
        world.sandbox.add_fault(fault)
    statuses = _create(world)
    world.sandbox.clear_faults()

    health = orjson.loads(world.api.http("GET", "/sandbox/health").text)

    assert health["faults"] == {"429": 3}
    assert statuses.count(429) == 3


def test_an_empty_file_has_no_faults(write):
    assert read_faults(write("")) == []


def test_the_mistakes_of_all_faults_are_told_with_their_lines(write):
    file = write(
        'sede = 1\nseed = "x"\n\n[[fault]]\nname = "430"\n\n[[fault]]\ntimes = 1\n'
        '\n[[fault]]\nname = "429"\ntimes = "many"\n\n[[fault]]\nname = "429"\nretry = 1\n'
        '\n[[fault]]\nname = "429"\nprobability = 2\n[[fault]]\nname = "hang"\nskip = -1\n'
    )

    with pytest.raises(FaultFileError) as refused:
        read_faults(file)

    told = [problem.removeprefix(str(file)) for problem in refused.value.problems]
    assert told[0] == ": unknown key 'sede', did you mean 'seed'?"
    assert told[1] == ": seed has to be a whole number, not 'x'"
    assert told[2].startswith(":4: fault 1: there is no fault '430'; choose from: ")
    assert told[3] == ":7: fault 2: has no name"
    assert told[4] == ":10: fault 3: times cannot be 'many'"
    assert told[5].startswith(":14: fault 4: 429 has no setting 'retry'; choose from: ")
    assert told[6] == ":18: fault 5: probability is from 0 to 1, not 2"
    assert told[7] == ":21: fault 6: skip has to be 0 or more, not -1"
    assert len(told) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[fault]\n", "not valid TOML"),
        ("fault = 3\n", r"write \[\[fault\]\]"),
        ("fault = [3]\n", "fault 1: has no name"),
    ],
)
def test_a_file_that_is_no_list_of_faults_is_refused(write, text, told):
    with pytest.raises(FaultFileError, match=told):
        read_faults(write(text))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(FaultFileError, match="not valid TOML"):
        read_faults(file)


def test_a_file_that_is_missing_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_faults(tmp_path / "nowhere.toml")


def test_settings_over_http_are_checked_alike(world):
    reply = world.api.http("POST", "/sandbox/faults", b'{"name": "429", "probability": 7}')
    assert (reply.status, reply.json["error"]) == (400, "probability is from 0 to 1, not 7")
    assert Sandbox().struck == {}
