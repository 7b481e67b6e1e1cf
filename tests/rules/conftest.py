"""The shipped profile and one good source row, for the rules that need them."""

import pytest

from order_sync.profile import DEFAULT_PROFILE, load_profile


@pytest.fixture(scope="session")
def mapping():
    return load_profile(DEFAULT_PROFILE)


@pytest.fixture
def row():
    return {
        "AAG ORDER NUMBER": "JOO-00505",
        "CUSTOMER NAME": "JOHNNIE O",
        "CUSTOMER STYLE": "JWHD100120",
        "CUSTOMER COLOUR DESCRIPTION": "WHITE",
        "CUSTOMER SEASON": "SPRING SUMMER 2026",
        "AAG SEASON": "2026 SPRING SUMMER",
        "ORDER TYPE": "ACTIVE",
        "UNIT OF MEASURE": "PCE",
        "PO NUMBER": "8148-00",
        "CUSTOMER PRICE": "$ 28.860",
        "EX FACTORY DATE": "2025-09-26",
        "TOTAL QTY": 126,
        "INFOR COLOUR CODE": "1024",
        "S": 22,
        "M": "104.0",
        "L": 0,
        "XL": None,
    }
