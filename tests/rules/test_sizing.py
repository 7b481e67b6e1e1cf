"""Documents shrink when rows are slow, and grow again up to what was set."""

from order_sync.rules.sizing import AIM_S, Sizing


def test_a_document_is_full_until_an_answer_has_told_otherwise():
    assert Sizing(15).rows("create_items") == 15


def test_slow_rows_travel_in_documents_that_are_answered_in_time():
    sizing = Sizing(15)
    sizing.learn("create_items", 15, 60.0)

    assert sizing.rows("create_items") == 5
    assert sizing.rows("create_items") * 60.0 / 15 <= AIM_S


def test_what_nobody_has_timed_yet_is_as_slow_as_the_slowest():
    sizing = Sizing(15)
    sizing.learn("create_items", 15, 60.0)
    sizing.learn("board", 0, 50.0)

    assert sizing.rows("update_items") == 5
    sizing.learn("update_items", 5, 1.0)
    assert sizing.rows("update_items") == 15


def test_a_row_that_takes_longer_than_the_aim_travels_alone():
    sizing = Sizing(15)
    sizing.learn("create_items", 1, 65.0)

    assert sizing.rows("create_items") == 1


def test_documents_grow_again_but_never_beyond_what_was_set():
    sizing = Sizing(15)
    sizing.learn("create_items", 15, 60.0)
    sizes = []
    for _ in range(40):
        sizes.append(sizing.rows("create_items"))
        sizing.learn("create_items", sizes[-1], sizes[-1] * 0.1)

    assert sizes == sorted(sizes)
    assert sizes[0] == 5
    assert sizes[-1] == 15
