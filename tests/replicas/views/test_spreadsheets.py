"""Tables as spreadsheets save and copy them: read as they are meant, and what is wrong is named by row and column."""

from __future__ import annotations

import html
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from replicas.actions import host_keys
from replicas.forms import bulk
from replicas.forms.requests import ReplicaRequestForm
from replicas.models import Draft
from tests.replicas.identity import host_key
from tests.replicas.views.conftest import World

TITLES = ["hostname", "master", "ssh_address", "setup_dns", "forwarders"]
ROWS = [
    ["one.example.com", "ipaserver.example.com", "192.0.2.31", "yes", "192.0.2.53"],
    ["two.example.com", "ipaserver.example.com", "192.0.2.32", "no", ""],
]


def table(delimiter: str = ",", end: str = "\n", titles: list[str] = TITLES, rows: list[list[str]] = ROWS) -> str:
    return "".join(delimiter.join(row) + end for row in [titles, *rows])


PLAIN = table()


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: host_key(address))
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


def read(world: World, content: str) -> bulk.Sheet:
    return bulk.read(content, world.people["operator"])


def understood(sheet: bulk.Sheet) -> list[tuple[str, str, bool, list[str]]]:
    assert sheet.wrong == []
    rows = [row.replica for row in sheet.rows]
    return [(row.hostname, row.ssh_address, row.setup_dns, list(row.forwarders)) for row in rows]


MEANT = [
    ("one.example.com", "192.0.2.31", True, ["192.0.2.53"]),
    ("two.example.com", "192.0.2.32", False, []),
]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(table(end=",\n"), id="a trailing comma in each row"),
        pytest.param(table(end=",,,\r\n"), id="several trailing commas"),
        pytest.param(table("\t"), id="tabs"),
        pytest.param(table("\t", end="\t\r\n"), id="tabs, also at the end"),
        pytest.param(table("\t", titles=["", *TITLES], rows=[["", *row] for row in ROWS]), id="an empty first column"),
        pytest.param(table(";", end=";\r\n"), id="semicolons"),
        pytest.param("sep=;\r\n" + table(";"), id="sep="),
        pytest.param('"sep=,"\n' + PLAIN, id="sep= in quotes"),
        pytest.param("SEP=\t\n" + table("\t"), id="sep= and a tab"),
        pytest.param(table(" | ").replace("\n", "\n--- | :---: | ---: | --- | ---\n", 1), id="a ruler as in Markdown"),
        pytest.param("\ufeff" + PLAIN, id="a byte order mark"),
        pytest.param("\ufeff\ufeffsep=;\n" + table(";"), id="two of them, and sep="),
        pytest.param(table(end="\r"), id="CR alone"),
        pytest.param(PLAIN.rstrip("\n"), id="no line end at the end"),
        pytest.param("\n\n" + PLAIN.replace("\n", "\n,,,,\n \t \n"), id="empty rows"),
        pytest.param("# servers of May,,,,\n" + PLAIN.replace("two.", "#not this one,,,\ntwo."), id="comments"),
        pytest.param(table(",", titles=[f'"{name}"' for name in TITLES]), id="quoted titles"),
        pytest.param(table(" , "), id="spaces around cells"),
        pytest.param(PLAIN.replace("192.0.2.31", ' "192.0.2.31" '), id="spaces around quotes"),
        pytest.param(PLAIN.replace(",", "\u00a0,\u00a0"), id="no-break spaces"),
        pytest.param(PLAIN.replace(",", "\u200b,\ufeff").replace("one", "\u200eone"), id="characters without width"),
        pytest.param(PLAIN.replace("192.0.2.53", '"192.0.2.53\n"'), id="a line break in a cell"),
        pytest.param(PLAIN.replace("192.0.2.53", "\u201c192.0.2.53\u201d"), id="typographic quotes"),
        pytest.param(PLAIN.replace("192.0.2.53", "\u201e192.0.2.53, \u201c"), id="German quotes around a comma"),
        pytest.param(PLAIN.replace("192.0.2.3", "'192.0.2.3"), id="an apostrophe that marks text"),
        pytest.param(PLAIN.replace("192.0.2.31", '="192.0.2.31"'), id="a formula that marks text"),
        pytest.param(table(titles=["Hostname", "MASTER", "SSH address ", "Setup-DNS", "Forwarders*"]), id="titles"),
        pytest.param(table(titles=["host name (FQDN)", *TITLES[1:]]), id="a note in a title"),
        pytest.param(PLAIN.replace("yes", "TRUE").replace("no,", "FALSE,"), id="TRUE and FALSE"),
        pytest.param(PLAIN.replace("yes", "WAHR").replace("no,", "FALSCH,"), id="WAHR and FALSCH"),
        pytest.param(PLAIN.replace("yes", "VRAI").replace("no,", "FAUX,"), id="VRAI and FAUX"),
        pytest.param(PLAIN.replace("yes", "Ja").replace("no,", "Nein,"), id="Ja and Nein"),
        pytest.param(PLAIN.replace("yes", "Oui").replace("no,", "Non,"), id="Oui and Non"),
        pytest.param(PLAIN.replace("yes", "X").replace("no,", ","), id="X and nothing"),
        pytest.param(PLAIN.replace("yes", "1").replace("no,", "0,"), id="1 and 0"),
        pytest.param(PLAIN.replace("yes", "\u2713").replace("no,", "-,"), id="a tick and a hyphen"),
    ],
)
def test_what_spreadsheets_write_is_read_as_it_is_meant(world: World, content: str) -> None:
    assert understood(read(world, content)) == MEANT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_files_in_every_encoding(world: World, encoding: str, delimiter: str) -> None:
    rows = [[*row, "Gerät in München"] for row in ROWS]
    content = table(delimiter, "\r\n", [*TITLES, "other_host_reason"], rows)
    upload = SimpleUploadedFile("replicas.csv", content.encode(encoding))
    page = world.client("operator").post(reverse("replica_bulk"), {"file": upload}, follow=True)
    assert "2 requests from a table" in page.content.decode()
    assert parse_qs(Draft.objects.latest("pk").disclose())["other_host_reason"] == ["Gerät in München"]


def test_big_endian_with_its_mark(world: World) -> None:
    upload = SimpleUploadedFile("replicas.txt", b"\xfe\xff" + table("\t").encode("utf-16-be"))
    page = world.client("operator").post(reverse("replica_bulk"), {"file": upload}, follow=True)
    assert "2 requests from a table" in page.content.decode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 40, "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 40, "save the sheet as CSV"),
        (b"%PDF-1.7\n", "save the sheet as CSV"),
        (b"hostname,master\n\x81\x8d,x\n", "cannot be read as text (byte 16)"),
        (b"\xff\xfeh\0o\0x", "cannot be read as text"),
        (b"a" * (bulk.MOST_BYTES + 1), "larger than 256 KiB"),
    ],
)
def test_files_that_are_no_tables(world: World, content: bytes, words: str) -> None:
    upload = SimpleUploadedFile("replicas.csv", content)
    page = world.client("operator").post(reverse("replica_bulk"), {"file": upload})
    assert words in html.unescape(page.content.decode())
    page = world.client("operator").post(reverse("replica_bulk"), {"content": "a" * (bulk.MOST_BYTES + 1)})
    assert "larger than 256 KiB" in page.content.decode()


def test_an_empty_first_column_survives_the_form(world: World) -> None:
    content = table("\t", titles=["", *TITLES], rows=[["", *row] for row in ROWS])
    page = world.client("operator").post(reverse("replica_bulk"), {"content": content}, follow=True)
    assert "2 requests from a table" in page.content.decode()


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_titles_can_be_the_labels_of_the_form(world: World, language: str) -> None:
    with translation.override(language):
        labels = [str(ReplicaRequestForm.base_fields[name].label) for name in TITLES]
    assert understood(read(world, table(";", titles=labels))) == MEANT


def wrong(world: World, content: str) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.column, one.value) for one in read(world, content).wrong]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PLAIN.replace("yes", "perhaps"), (2, "setup_dns", "perhaps")),
        (PLAIN.replace("192.0.2.53", "192.0.2.53,,surplus"), (2, "column 7", "surplus")),
        (table(titles=[*TITLES, ""], rows=[ROWS[0], [*ROWS[1], "lost"]]), (3, "column 6", "lost")),
        (table(titles=[*TITLES, "Hostname"]), (1, "hostname", "Hostname")),
        (table(titles=[*TITLES, "SSH address"]), (1, "ssh_address", "SSH address")),
        (table(titles=[*TITLES, "colour"]), (1, "colour", "colour")),
        ("sep=;\n\n# note\n" + table(";").replace("yes", "perhaps"), (5, "setup_dns", "perhaps")),
        (
            PLAIN.replace("two.", '"two\n.').replace("no,", 'no",'),
            (3, "hostname", f"two\n.{ROWS[1][0][4:]},{ROWS[1][1]},192.0.2.32,no"),
        ),
        (PLAIN.replace("192.0.2.31", '"192.0.2.31'), (2, "column 3", "")),
        (PLAIN.replace("192.0.2.31", '"192.0.2.31"x'), (2, "column 3", "")),
        (PLAIN.replace("192.0.2.31", "192.0.2.31\0"), (2, "column 3", "")),
        (PLAIN.replace("\nt", '\n"#","a\nb"\nt').replace("192.0.2.32", "nowhere"), (5, "ssh_address", "nowhere")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_row_and_column(
    world: World, content: str, expected: tuple[int | None, str, str]
) -> None:
    assert expected in wrong(world, content)


@pytest.mark.parametrize("master", ["ipaserver.example.com:22", "IPAserver.example.com.", "root@ipaserver.example.com"])
def test_a_registered_master_is_offered_for_a_name_like_its_own(world: World, master: str) -> None:
    (problem,) = read(world, PLAIN.replace("ipaserver.example.com,192.0.2.31", f"{master},192.0.2.31")).wrong
    assert (problem.line, problem.column, problem.value) == (2, "master", master)
    assert "Did you mean ipaserver.example.com?" in problem.problem


def test_choices_may_begin_with_a_capital(world: World) -> None:
    content = table(titles=[*TITLES, "forward_policy"], rows=[[*ROWS[0], "Only"]])
    assert read(world, content).rows[0].replica.forward_policy == "only"


@pytest.mark.parametrize("piece", ['"', '"",', '""', "\u201c", '"a"b,', "\u201c,", ",\n", "\t", " ", "'"])
def test_a_large_table_of_quotes_is_read_in_no_time(world: World, piece: str) -> None:
    content = PLAIN + piece * (bulk.MOST_BYTES // len(piece))
    started = time.monotonic()
    read(world, content)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "piece",
    [
        *("(", "[(", "(a", "a,", "hostname,", '",",', ",", ";", "-,", "“,", "\n", "\r\n", " \n", ",\n", " ", "\u00a0"),
        *("\u200b", "sep=;", "\n;", '"\n"\n'),
    ],
)
def test_a_table_of_one_piece_many_times_takes_no_time_and_a_short_answer(world: World, piece: str) -> None:
    begin = time.process_time()
    wrong = read(world, piece * (bulk.MOST_BYTES // len(piece))).wrong
    assert time.process_time() - begin < 2
    assert 0 < len(wrong) <= bulk.MOST_WRONG + 3


def test_a_row_of_many_cells_too_many_is_one_problem(world: World) -> None:
    content = PLAIN + "three.example.com,ipaserver.example.com,192.0.2.33,no,," + "x," * 9000
    (wrong,) = read(world, content).wrong
    assert (wrong.line, wrong.column) == (4, "column 6")


def test_as_many_empty_cells_as_a_sheet_has_are_read(world: World) -> None:
    content = table(end="," * (16_384 - len(TITLES)) + "\n")
    assert understood(read(world, content)) == MEANT
    (wrong,) = read(world, f"{content}{',' * 16_384}x").wrong
    assert (wrong.line, wrong.problem) == (4, "This is not a table: A row has at most 16384 cells.")


def test_blank_lines_count_for_the_numbers_of_lines(world: World) -> None:
    (wrong,) = read(
        world, f"\r\n \r\n{table(end=chr(10) * 3)}\n,,\nfour.example.com,ipaserver.example.com,x,no,\n"
    ).wrong
    assert wrong.line == 14
