"""Requests in bulk: a table as spreadsheets write it, checked as a whole, each wrong cell named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas.actions.submit import Known, check
from replicas.actions.tables import Row, SomeRefused
from replicas.errors import Conflict, HostError, PortalError
from replicas.forms import spreadsheet
from replicas.forms.columns import COLUMNS, MOST_TITLE, NO, SWITCHES, YES, column_of, with_choices
from replicas.forms.fields import FingerprintField, OneRunPasswords
from replicas.forms.requests import ReplicaRequestForm
from replicas.forms.spreadsheet import TableError
from replicas.models import Draft, Master, Replica
from replicas.validators import suggest_hostname

NEEDED = ("hostname", "master", "ssh_address")
DEFAULTS = {"ssh_port": "22", "ssh_user": "root"}
EXAMPLE = {
    "hostname": "ipareplica.example.com",
    "master": "ipaserver.example.com",
    "ssh_address": "192.0.2.21",
    "ip_addresses": "192.0.2.21 2001:db8::21",
    "setup_dns": "yes",
    "forwarders": "192.0.2.53",
}
MOST_ROWS, MOST_BYTES = 200, 256 * 1024
MOST_WRONG = 20
"""Columns with a wrong title that are listed."""


class Wrong(NamedTuple):
    """One thing that is wrong with the table: the line in the file, the column's name (both if known), the cell."""

    line: int | None
    column: str
    value: str
    problem: str


@dataclass
class Sheet:
    """What a table asks for; nothing of it may be created while something is wrong."""

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def told(self, failure: PortalError | None) -> list[Wrong]:
        """What a service refused of the rows, by line and cell."""
        found = failure.refusals.items() if isinstance(failure, SomeRefused) else ()
        return [one for at, error in found for one in _refused(self.lines[at], self.rows[at].replica, error)]


class MasterField(forms.Field):
    """A master by its key, of those that were fetched for all rows."""

    def __init__(self, masters: Mapping[str, Master]) -> None:
        super().__init__()
        self.masters = masters

    def to_python(self, value: Any) -> Master | None:
        return self.masters.get(str(value or ""))


class RowForm(ReplicaRequestForm):
    """One row as a request. The database is asked nothing for it: there may be hundreds."""

    fingerprint = FingerprintField(required=False)

    def __init__(self, masters: Mapping[str, Master], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["master"] = MasterField(masters)

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own, not in its stubs
        return excluded | {"master"}


class BulkForm(OneRunPasswords):
    """A file, or its content, `content` in the cleaned data; and passwords for the runs of all rows."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("A table as spreadsheets save it: CSV, or text with tabs."),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain"}
        ),
    )
    content = forms.CharField(
        label=gettext_lazy("Or its content"),
        help_text=gettext_lazy("Cells that were copied from a spreadsheet can be pasted."),
        required=False,
        strip=False,  # a tab in front of the first name is an empty column
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "mono"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload = data.get("file")
        if (upload.size if upload else len(data.get("content", ""))) > MOST_BYTES:
            raise ValidationError(_("The table is larger than %(most)d KiB.") % {"most": MOST_BYTES // 1024})
        if upload:
            data["content"] = spreadsheet.decode(upload.read())
        if not data.get("content", "").strip() and not self.errors:
            raise ValidationError(_("Choose a file, or enter its content."))
        return data


def example() -> str:
    """A table with every column and one row."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerow(EXAMPLE)
    return text.getvalue()


def again(drafts: Iterable[Draft]) -> str:
    """The table that these drafts were made of, to be changed. Raises PortalError when one cannot be opened."""
    masters = {str(key): name for key, name in Master.objects.values_list("pk", "hostname")}
    rows = []
    for draft in drafts:
        row = QueryDict(draft.disclose()).dict()
        rows.append(row | {"master": masters.get(row["master"], "")})
    used = [name for name in COLUMNS if name in NEEDED or any(row.get(name) for row in rows)]
    text = io.StringIO()
    table = csv.DictWriter(text, used, extrasaction="ignore", restval="")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def reread(drafts: Sequence[Draft], user: User) -> Sheet:
    """What the drafts of a table ask for by now, numbered from 1. Raises PortalError when one cannot be opened."""
    masters = _masters()
    sheet = Sheet()
    for number, draft in enumerate(drafts, 1):
        kept = draft.disclose()
        form = RowForm(masters, QueryDict(kept), instance=Replica(requested_by=user))
        told = _told(number, form, {})
        sheet.wrong += told
        if not told:
            sheet.rows.append(_row(form, kept))
            sheet.lines.append(number)
    _find_in_the_way(sheet)
    return sheet


def read(content: str, user: User, passwords: Mapping[str, str] | None = None) -> Sheet:
    """Read and check a table of what `user` requests, with passwords for all runs.

    The first row names the columns, in any order.
    """
    sheet = Sheet()
    try:
        table = spreadsheet.parse(content, lambda title: bool(column_of(title)))
    except TableError as error:
        problem = _("This is not a table: %(error)s") % {"error": error.problem}
        sheet.wrong.append(Wrong(error.line, _numbered(error.column), "", problem))
        return sheet
    if not table:
        sheet.wrong.append(Wrong(None, "", "", _("The table is empty.")))
        return sheet
    titles = table[0].cells
    sheet.wrong += _wrong_columns(table[0].line, titles)
    if len(table) - 1 > MOST_ROWS:
        problem = _("The table has %(rows)d rows; %(most)d go at a time.") % {"rows": len(table) - 1, "most": MOST_ROWS}
        sheet.wrong.append(Wrong(None, "", "", problem))
    if len(table) == 1:
        sheet.wrong.append(Wrong(None, "", "", _("There is no row below the names of the columns.")))
    if not sheet.wrong:
        _read_rows(sheet, user, [column_of(title) for title in titles], table[1:], passwords or {})
    return sheet


def _row(form: RowForm, sent: str) -> Row:
    data = form.cleaned_data
    return Row(form.instance, sent, data["passwords"], data["fingerprint"])


def _numbered(column: int) -> str:
    return _("column %(number)d") % {"number": column}


def _wrong_columns(line: int, titles: list[str]) -> Iterable[Wrong]:
    seen: set[str] = set()
    wrong = 0
    for title in filter(None, titles):
        name = column_of(title)
        if not name:
            known = ", ".join(COLUMNS)
            title = title[:MOST_TITLE]
            yield Wrong(line, title, title, _("There is no such column. There are: %(known)s.") % {"known": known})
        elif name in seen:
            yield Wrong(line, name, title, _("The column is there more than once."))
        wrong += not name or name in seen
        seen.add(name)
        if wrong == MOST_WRONG:
            return
    for name in NEEDED:
        if name not in seen:
            yield Wrong(line, name, "", _("The column is missing."))


def _masters() -> dict[str, Master]:
    """By key, with their realms."""
    return {str(master.pk): master for master in Master.objects.select_related("realm")}


def _read_rows(
    sheet: Sheet, user: User, names: list[str], table: list[spreadsheet.Row], passwords: Mapping[str, str]
) -> None:
    masters = _masters()
    keys = {master.hostname: key for key, master in masters.items()}
    first_seen: dict[str, int] = {}
    for line, cells in table:
        row = with_choices({name: cell for name, cell in zip(names, cells, strict=False) if name})
        wrong = [*_wrong_cells(line, names, cells, row, keys)]
        typed = _typed(row, keys) | dict(passwords)
        form = RowForm(masters, typed, instance=Replica(requested_by=user))
        told = {one.column for one in wrong}
        wrong += [one for one in _told(line, form, row) if one.column not in told]
        hostname = row.get("hostname", "")
        if hostname in first_seen:
            problem = _("The same host is in line %(line)d.") % {"line": first_seen[hostname]}
            wrong.append(Wrong(line, "hostname", hostname, problem))
        first_seen.setdefault(hostname, line)
        sheet.wrong += wrong
        if not wrong:
            sheet.rows.append(_row(form, urlencode(typed)))
            sheet.lines.append(line)
    _find_in_the_way(sheet)
    sheet.wrong.sort(key=lambda one: one.line or 0)
    realms = {row.replica.master.realm.name for row in sheet.rows}
    if any(passwords.values()) and len(realms) > 1:
        problem = _("The passwords are those of one realm, but there are masters of %(realms)s: make a table for each.")
        sheet.wrong.append(Wrong(None, "master", "", problem % {"realms": ", ".join(sorted(realms))}))


def _told(line: int, form: RowForm, row: Mapping[str, str]) -> list[Wrong]:
    """What is wrong with the fields of a row."""
    return [
        Wrong(line, "" if column == "__all__" else column, row.get(column, ""), str(problem))
        for column, problems in form.errors.items()
        for problem in problems
    ]


def _wrong_cells(
    line: int, names: list[str], cells: list[str], row: dict[str, str], keys: Mapping[str, str]
) -> Iterable[Wrong]:
    """Yield what a form cannot know: cells without a column, names of masters, words for yes and no."""
    for at, cell in enumerate(cells):
        if cell and at >= len(names):
            yield Wrong(line, _numbered(at + 1), cell, _("The row has more cells than there are columns."))
            break
        if cell and not names[at]:
            yield Wrong(line, _numbered(at + 1), cell, _("The column has no name in the first row."))
    master = row.get("master", "")
    if master and master not in keys:
        problem = _("There is no registered master of that name.")
        if (offer := suggest_hostname(master)) in keys:
            problem += " " + _("Did you mean %(name)s?") % {"name": offer}
        yield Wrong(line, "master", master, problem)
    for name in SWITCHES:
        if row.get(name, "").casefold() not in YES | NO:
            yield Wrong(line, name, row[name], _("Write yes or no."))


def _typed(row: dict[str, str], keys: Mapping[str, str]) -> dict[str, str]:
    """The row as a browser would send it."""
    typed = {name: value for name, value in row.items() if value}
    for name in SWITCHES:
        if row.get(name, "").casefold() not in YES:
            typed.pop(name, None)
    return DEFAULTS | typed | {"master": keys.get(row.get("master", ""), "")}


def _find_in_the_way(sheet: Sheet) -> None:
    """What keeps well-formed rows from being asked for, all of them looked up at once."""
    known = Known.of(*(row.replica for row in sheet.rows))
    for line, row in zip(sheet.lines, sheet.rows, strict=True):
        try:
            check(row.replica, known)
        except (Conflict, ValidationError) as error:
            sheet.wrong += _refused(line, row.replica, error)
        known.servers.add(row.replica)


def _refused(line: int, replica: Replica, error: PortalError | ValidationError) -> Iterable[Wrong]:
    """What a service says of a row, by the cell that it is about."""
    if isinstance(error, ValidationError):
        for column, problems in error.message_dict.items():
            for problem in problems:
                yield Wrong(line, column, str(getattr(replica, column, "")), problem)
    elif isinstance(error, HostError):
        yield Wrong(line, "ssh_address", replica.ssh_address, str(error))
    else:
        yield Wrong(line, "hostname", replica.hostname, str(error))
