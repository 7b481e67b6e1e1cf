"""Makes the sample orders that come with order-sync, always the same ones.

    python bench/make_sample.py

writes `src/order_sync/samples/greyson-and-friends.csv`, and beside it `expected.json`: what a
sync of the file has to do. That is known from how each row is made, not from order-sync's rules,
so that a test can hold one against the other. All customers but those of the shipped profile's
examples are invented.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tomllib
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "order_sync"
CSV_FILE = PACKAGE / "samples" / "greyson-and-friends.csv"
EXPECTED_FILE = PACKAGE / "samples" / "expected.json"
PROFILE = PACKAGE / "profiles" / "customer-master-schedule.toml"

SIZES: list[str] = tomllib.loads(PROFILE.read_text(encoding="utf-8"))["sizes"]["names"]
# fmt: off
BEFORE_SIZES = [
    "AAG ORDER NUMBER", "CUSTOMER NAME", "ORDER DATE PO RECEIVED", "CUSTOMER ALT PO", "AAG SEASON",
    "CUSTOMER SEASON", "DROP", "MONTH", "RANGE / COLLECTION",
    "PROMO GROUP / CAMPAIGN (HOT 30/GLOBAL EDIT", "CATEGORY", "PATTERN ID", "MAKE OR BUY",
    "PLANNER", "ORIGINAL ALIAS/RELATED ITEM", "PRICING ALIAS/RELATED ITEM", "ALIAS/RELATED ITEM",
    "CUSTOMER STYLE", "CUSTOMER''S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS", "ACTIVE",
    "All", "Multiple Items", "FACILITY CODE", "BULK AGREEMENT NUMBER", "Sum of TOTAL QTY",
    "BULK AGREEMENT DESCRIPTION", "CUSTOMER CODE", "CO NUMBER - INITIAL DISTRO",
    "CO NUMBER (INITIAL DISTRO)", "CO NUMBER (ALLOCATION DISTRO)", "CO NUMBER - ALLOCATION DISTRO",
    "PO NUMBER", "AAG SEASON CODE", "INFOR MAKE/BUY CODE", "PLANNER2", "ITEM TYPE CODE",
    "INFOR ITEM TYPE CODE", "PRODUCT GROUP CODE", "MAKE/BUY CODE", "INFOR PRODUCT GROUP CODE",
    "ITEM GROUP CODE", "STYLE DESCRIPTION", "INFOR ITEM GROUP CODE", "GENDER GROUP CODE",
    "INFOR GENDER GROUP CODE", "FABRIC TYPE CODE", "INFOR FABRIC TYPE CODE",
    "CUSTOMER COLOUR DESCRIPTION", "UNIT OF MEASURE", "INFOR COLOUR CODE",
]
AFTER_SIZES = [
    "TOTAL QTY", "ORDER TYPE", "DESTINATION", "DESTINATION WAREHOUSE", "ALLOCATION (CHANNEL)",
    "SHOP NAME", "COLLECTION DELIVERY", "SHOP CODE", "TRACKING NUMBER",
    "ETA CUSTOMER WAREHOUSE DATE", "EX FACTORY DATE", "DELIVERY TERMS", "PLANNED DELIVERY METHOD",
    "DELIVERY CODE (MODL)", "NOTES", "VALIDATION", "VALIDATION2", "VALIDATION3", "VALIDATION4",
    "CUSTOMER PRICE", "USA ONLY LSTP 75% EX WORKS", "EX WORKS (USD)", "ADMINISTRATION FEE",
    "DESIGN FEE", "FX CHARGE", "HANDLING", "PNP", "SURCHARGE FEE", "DISCOUNT", "FINAL FOB (USD)",
    "HS CODE", "US DUTY RATE", "US DUTY", "FREIGHT", "US TARIFF RATE", "US TARIFF", "DDP US (USD)",
    "UK DUTY RATE", "UK FREIGHT", "UK INSURANCE", "UK CIF", "UK DUTY", "DDP UK (USD)",
    "CAN DUTY RATE", "CAN DUTY", "DDP CAN (USD)", "SMS PRICE USD", "FINAL PRICES Y/N",
    "NOTES FOR PRICE", "PRICING NOTES", "Delta", "Warehouse", "ORTP (ORDER TYPE)", "Longson Alias",
    "BUAR (BUSINESS AREA UNIT)", "ADID", "record_uuid",
]
# fmt: on
HEADERS = [*BEFORE_SIZES, *SIZES, *AFTER_SIZES]

BLANKS = ["", " ", "N/A", "nan", "None", "NULL"]
COLOURS = [
    "WHITE", "417 - MALTESE BLUE", "001 - SHEPHERD", "DEAN BLUE/WHITE", "SOLID AQUAVERDE",
    "WHITE (REFLECTIVE LOGO)", "kelp green", "MIDNIGHT  HEATHER", "KIDâ€™S CORAL", "BLACK ",
]  # fmt: skip
NOTES = [
    "ADDED 20.5.25", "", "", 'SAYS "HOLD" ON THE PO', "FIRST LINE\nSECOND LINE", "50% \\ 50% SPLIT",
    "SHIP FIRST \N{PACKAGE} \N{WHITE HEAVY CHECK MARK}", "'; DROP TABLE orders; --",
    '"}) { id } # mutation', "FAÇADE – ÉTÉ", "NULL", "{{ 7 * 7 }} <b>bold</b>",
]  # fmt: skip
PRICES = ["28.86", "0", "15", "$1,234.50", "$ 1,234.50", "12.50 ", "", " ", "N/A", "NaN", "NONE"]
RATES = ["7.5%", "16", "0", "", "NULL"]
RUNS = {
    "alpha": ["XXS", "XS", "S", "M", "L", "XL", "XXL"],
    "dual": ["S/M", "M/L", "L/XL"],
    "numeric": ["0", "2", "4", "6", "8", "10", "12", "14", "16"],
    "infant": ["0-3M", "3-6M", "6-9M", "9-12M", "12-18M", "18-24M"],
    "youth": ["S(6-8)", "M(8-10)", "M(10-12)", "L(10-12)", "L(14-16)"],
    "bra": ["32C", "32D", "32DD", "34C", "34D", "34DD", "36C", "36D", "36DD"],
    "waist": ["30/30", "30X30", "32/32", "34/32", "36/32", "30-32L", "32-32L"],
    "accessories": ["OS", "ONE SIZE"],
    "extended": ["2XL", "3XL", "4XL", "4XT"],
}


@dataclass(frozen=True)
class Customer:
    """A customer as the source names it."""

    name: str
    label: str
    letters: str
    runs: tuple[str, ...]
    lines: int
    seasons: tuple[tuple[str, str, str], ...]  # CUSTOMER SEASON, AAG SEASON, season of the group


FRIENDS = [
    Customer("RHYTHM (AU)", "RHYTHM", "RHY", ("alpha",), 14, (("SS25", "2025 SPRING", "SS25"),)),
    Customer("RHYTHM (US)", "RHYTHM", "RHY", ("waist",), 12, (("SS25", "2025 SPRING", "SS25"),)),
    Customer("RHYTHM", "RHYTHM", "RHY", ("alpha",), 6, (("", "2025 FALL", "2025 FALL"),)),
    Customer("TITLE 9", "TITLE NINE", "TIT", ("bra", "alpha"), 18, (("F25", "2025 FALL", "F25"),)),
    Customer("TITLE NINE", "TITLE NINE", "TIT", ("bra",), 6, (("F25", "2025 FALL", "F25"),)),
    Customer("LORNA JANE (AU)", "LORNA JANE", "LOR", ("numeric",), 10,
             (("N/A", "2026 SUMMER", "2026 SUMMER"),)),
    Customer("LORNA JANE (NZ)", "LORNA JANE", "LOR", ("numeric",), 6,
             (("SP26", "2026 SPRING", "SP26"),)),
    Customer("UNE PIECE (AU)", "UNE PIECE", "UNE", ("alpha", "dual"), 10,
             (("2022 Q2", "2024 Q2", "2022 Q2"), (" ", "2025 HOLIDAY", "2025 HOLIDAY"))),
    Customer("JOHNNIE O", "JOHNNIE O", "JOO", ("alpha", "extended"), 18,
             (("SPRING SUMMER 2026", "2026 SPRING SUMMER", "SPRING SUMMER 2026"),
              ("FALL 24", "2024 FALL", "FALL 24"))),
    Customer("ALDERWICK ACTIVE", "ALDERWICK ACTIVE", "ALD", ("alpha", "accessories"), 22,
             (("FW25", "2025 FALL", "FW25"),
              ("SPRING 26 REBUY", "2026 SPRING", "SPRING 26 REBUY"))),
    Customer("BRINEFIELD SWIM", "BRINEFIELD SWIM", "BRI", ("bra", "numeric"), 20,
             (("ECOMM", "2026 SUMMER", "ECOMM"),)),
    Customer("Cindermoor & Daughters", "Cindermoor & Daughters", "CIN", ("youth", "infant"), 24,
             (("Q3 2024", "2024 Q3", "Q3 2024"), ("", "", "UNKNOWN_SEASON"))),
    Customer("O'DUNMORE \"OUTFIT\" CO.", "O'DUNMORE \"OUTFIT\" CO.", "ODU", ("waist", "dual"), 16,
             (("SPRING 26-1", "2026 SPRING", "SPRING 26-1"),)),
    Customer("ÉTOILE MARÉE", "ÉTOILE MARÉE", "ETM", ("alpha", "accessories"), 18,
             (("FALL", "2025 FALL", "FALL"),)),
]  # fmt: skip
GREYSON = Customer("GREYSON CLOTHIERS", "GREYSON CLOTHIERS", "GRE", ("alpha",), 69, ())
UNKNOWN_CUSTOMER = "QUILLMERE TRADING"


@dataclass
class Sample:
    """The rows so far, and what is to become of them."""

    rng: random.Random
    rows: list[dict[str, str]] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)  # order, cancelled, copy, blank, or a code
    sizes: list[int] = field(default_factory=list)  # size lines per row, 0 unless it is an order
    groups: set[str] = field(default_factory=set)
    warnings: Counter[str] = field(default_factory=Counter)
    serial: count[int] = field(default_factory=lambda: count(1))

    def add(self, row: dict[str, str], fate: str, group: str = "") -> None:
        self.rows.append(row)
        self.fates.append(fate)
        lines = sum(1 for size in SIZES if row.get(size, "") not in ("", "0", "0.0"))
        self.sizes.append(lines if fate == "order" else 0)
        if fate in ("order", "cancelled"):
            self.groups.add(group)


def base_row(sample: Sample, customer: Customer, order_number: str) -> dict[str, str]:
    """A row of a customer, all cells but seasons, sizes and total; clean where it matters."""
    rng, number = sample.rng, next(sample.serial)
    placed = date(2025, 1, 6) + timedelta(days=rng.randrange(200))
    row = dict.fromkeys(HEADERS, "")
    row |= {
        "AAG ORDER NUMBER": order_number,
        "CUSTOMER NAME": customer.name,
        "ORDER DATE PO RECEIVED": _date_text(placed, number),
        "EX FACTORY DATE": _date_text(placed + timedelta(days=130), number + 3),
        "ETA CUSTOMER WAREHOUSE DATE": "" if number % 3 else str(placed + timedelta(days=160)),
        "DROP": rng.choice(["", "", "DROP 1", "DROP01"]),
        "RANGE / COLLECTION": rng.choice(["CORE", "TRAVEL CAPSULE", ""]),
        "CATEGORY": rng.choice(["WOMENS", "MENS", "TOPS"]),
        "PATTERN ID": f"P{number:04}",
        "ALIAS/RELATED ITEM": rng.choice(["", f"AL-{number:03}"]),
        "CUSTOMER STYLE": _style(number),
        "CUSTOMER''S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS": f"C{number % 90:02}",
        "PO NUMBER": rng.choice(["8148-00", f"AB{number:04}", f"{number:05}"]),
        "CUSTOMER ALT PO": rng.choice(["", "", f"ALT-{number:04}"]),
        "STYLE DESCRIPTION": rng.choice(["NALLA", "ANCHOR LONG SLEEVE TEE", "RIDGE SHORT"]),
        "CUSTOMER COLOUR DESCRIPTION": COLOURS[number % len(COLOURS)],
        "UNIT OF MEASURE": "PCE",
        "INFOR COLOUR CODE": str(1000 + number % 40),
        "ORDER TYPE": rng.choice(["ACTIVE", "ACTIVE", "ACTIVE", "RECEIVED", "FORECAST"]),
        "DESTINATION": rng.choice(["MISSISSIPPI", "US"]),
        "DESTINATION WAREHOUSE": rng.choice(["NJ WAREHOUSE", ""]),
        "DELIVERY TERMS": rng.choice(["FOB", "DDP", "EX WORKS", "CIF"]),
        "PLANNED DELIVERY METHOD": rng.choice(["OCEAN", "AIR", "GROUND", "EXPRESS"]),
        "NOTES": NOTES[number % len(NOTES)],
        "CUSTOMER PRICE": rng.choice(PRICES),
        "EX WORKS (USD)": rng.choice(PRICES),
        "FINAL FOB (USD)": rng.choice(PRICES),
        "HANDLING": rng.choice(["", "INCL."]),
        "HS CODE": rng.choice(["6212.10.90.20", "6109100010"]),
        "US DUTY RATE": rng.choice(RATES),
        "US TARIFF RATE": rng.choice(["TRUE", "10%", ""]),
        "FINAL PRICES Y/N": rng.choice(["Y", "N"]),
        "record_uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    }
    return row


def fill_sizes(sample: Sample, row: dict[str, str], run: list[str], lines: int) -> None:
    """Give `row` quantities for `lines` neighbouring sizes of a run, and the matching total."""
    start = sample.rng.randrange(len(run) - lines + 1)
    total = 0
    for size in run[start : start + lines]:
        pieces = sample.rng.randrange(6, 240)
        total += pieces
        row[size] = sample.rng.choice([str(pieces), str(pieces), f"{pieces}.0"])
    for size in run[:start]:
        row[size] = "0"
    row["TOTAL QTY"] = f"{total:,}" if total > 999 and sample.rng.randrange(2) else str(total)


def add_greyson(sample: Sample) -> None:
    """PO 4755: 53 order lines with 264 sizes, 6 without quantities, 10 cancelled."""
    counts = [4, 5, 6, 5, 5] * 10 + [5, 5, 4]
    kinds = ["order"] * 53 + ["empty"] * 6 + ["cancelled"] * 10
    sample.rng.shuffle(kinds)
    for position, kind in enumerate(kinds):
        row = base_row(sample, GREYSON, "GRE-04755" if position < 40 else "GRE-04756")
        row |= {
            "PO NUMBER": "4755",
            "CUSTOMER SEASON": BLANKS[position % len(BLANKS)],
            "AAG SEASON": "2025 FALL",
            "TOTAL QTY": "0",
            "ORDER TYPE": "ACTIVE",
        }
        if kind == "order":
            fill_sizes(sample, row, RUNS["alpha"], counts.pop())
        if kind == "cancelled":
            row["ORDER TYPE"] = ["CANCELLED", "Cancelled"][position % 2]
        fate = "cancelled" if kind == "cancelled" else "order"
        sample.add(row, fate, "GREYSON CLOTHIERS 2025 FALL")


def friend_row(sample: Sample, customer: Customer, position: int) -> tuple[dict[str, str], str]:
    """One order line of a friend, and the title of its group."""
    row = base_row(sample, customer, f"{customer.letters}-{500 + position // 4:05}")
    season, aag_season, group_season = customer.seasons[position % len(customer.seasons)]
    row |= {"CUSTOMER SEASON": season, "AAG SEASON": aag_season}
    run = RUNS[customer.runs[position % len(customer.runs)]]
    fill_sizes(sample, row, run, 1 + position % min(len(run), 6))
    return row, f"{customer.name} {group_season}".upper()


def add_friends(sample: Sample) -> None:
    """The other customers: good order lines, a few cancelled, some copied, some odd."""
    for customer in FRIENDS:
        for position in range(customer.lines):
            row, group = friend_row(sample, customer, position)
            if position == 3:
                row["ORDER TYPE"] = "CANCELLED"  # its quantities are still there
                sample.add(row, "cancelled", group)
                continue
            if position == 5:
                row["TOTAL QTY"] = "1"
                sample.warnings["total_differs"] += 1
            if position == 8:
                row["CUSTOMER PRICE"] = "TO BE CONFIRMED"
                sample.warnings["unreadable_number"] += 1
            sample.add(row, "order", group)
            if position == 9:
                sample.add(dict(row), "copy")
            if position == 13:
                copied = {
                    "CUSTOMER STYLE": row["CUSTOMER STYLE"] + "  ",
                    "NOTES": row["NOTES"] + " ",
                }
                sample.add(row | copied | {"record_uuid": ""}, "copy")
    unknown = [row for row, fate in zip(sample.rows, sample.fates, strict=True)
               if fate != "copy" and not row["AAG SEASON"].strip()]  # fmt: skip
    sample.warnings["unknown_season"] += len(unknown)


def add_bad_rows(sample: Sample) -> None:
    """Rows that must be refused, each for one reason; and rows that are no orders."""
    johnnie = next(customer for customer in FRIENDS if customer.name == "JOHNNIE O")
    mistakes: list[tuple[str, dict[str, str]]] = [
        ("missing_key", {"CUSTOMER STYLE": " "}),
        ("missing_key", {"CUSTOMER COLOUR DESCRIPTION": "N/A"}),
        ("missing_key", {"AAG ORDER NUMBER": ""}),
        ("missing_customer", {"CUSTOMER NAME": "null"}),
        ("name_too_long", {"CUSTOMER STYLE": "LONGSTYLE " * 26}),
        ("negative_quantity", {"M": "-12"}),
        ("invalid_quantity", {"L": "12.5"}),
        ("invalid_quantity", {"S": "TBC"}),
        ("unknown_label", {"CUSTOMER NAME": UNKNOWN_CUSTOMER}),
        ("unknown_label", {"ORDER TYPE": "PREBOOK"}),
        ("unknown_label", {"UNIT OF MEASURE": "DOZ"}),
        ("too_long", {"NOTES": "CALL BEFORE SHIPPING. " * 100}),
        ("ambiguous_date", {"ORDER DATE PO RECEIVED": "03/04/2025"}),
        ("unreadable_date", {"EX FACTORY DATE": "ASAP"}),
    ]
    for position, (code, change) in enumerate(mistakes):
        row, _ = friend_row(sample, johnnie, 100 + position)
        sample.add(row | change, code)
    row, _ = friend_row(sample, johnnie, 120)
    other = row | {"CUSTOMER PRICE": "31.40"} if row["CUSTOMER PRICE"] != "31.40" else row
    sample.add(row, "duplicate_key")
    sample.add(other, "duplicate_key")
    sample.add(dict.fromkeys(HEADERS, ""), "blank")
    sample.add(dict.fromkeys(HEADERS, "") | {"TOTAL QTY": "0", "AAG SEASON": "NULL"}, "blank")


def build() -> tuple[str, dict[str, object]]:
    """The CSV text and the expectations."""
    sample = Sample(random.Random(4755))
    add_greyson(sample)
    add_friends(sample)
    add_bad_rows(sample)
    text, first_lines = _csv_text(sample.rows)
    fates = Counter(sample.fates)
    refused = [
        {"row": number, "line": line, "code": fate, "order_number": row["AAG ORDER NUMBER"]}
        for number, (fate, line, row) in enumerate(
            zip(sample.fates, first_lines, sample.rows, strict=True), start=1
        )
        if fate not in ("order", "cancelled", "copy", "blank")
    ]
    expected: dict[str, object] = {
        "rows": len(sample.rows),
        "blank_rows": fates["blank"],
        "order_lines": len(sample.rows) - fates["blank"],
        "copies": fates["copy"],
        "orders": fates["order"] + fates["cancelled"],
        "cancelled": fates["cancelled"],
        "size_lines": sum(sample.sizes),
        "groups": sorted(sample.groups),
        "customers": sorted({customer.label for customer in (GREYSON, *FRIENDS)}),
        "order_types": ["CANCELLED", "FORECAST", "RECEIVED"],
        "units_of_measure": ["PCE"],
        "warnings": dict(sorted(sample.warnings.items())),
        "greyson": {"po": "4755", "orders": 69, "cancelled": 10, "empty": 6, "size_lines": 264},
        "refused": refused,
    }
    return text, expected


def _csv_text(rows: list[dict[str, str]]) -> tuple[str, list[int]]:
    """The file, and the line on which each row begins."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADERS, lineterminator="\n")
    writer.writeheader()
    first_lines = []
    for row in rows:
        first_lines.append(out.getvalue().count("\n") + 1)
        writer.writerow(row)
    return out.getvalue(), first_lines


def _date_text(day: date, number: int) -> str:
    """Dates as spreadsheets leave them: ISO, with a time, with slashes, or a serial number."""
    forms = [
        day.isoformat(), day.isoformat(), f"{day} 00:00:00", f"{day:%Y/%m/%d}",
        str((day - date(1899, 12, 30)).days),
    ]  # fmt: skip
    return forms[number % len(forms)]


def _style(number: int) -> str:
    forms = [
        "MSP{:02}B{:02}",
        "JWHD10{:02}{:02}",
        "M{:02}Y{:02}",
        "WR{:02}{:03} P",
        "A{:02}{:02}X1, B2",
    ]
    return forms[number % len(forms)].format(number // 100, number % 100)


def main() -> None:
    text, expected = build()
    CSV_FILE.write_text(text, encoding="utf-8", newline="")
    document = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    EXPECTED_FILE.write_text(document, encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
