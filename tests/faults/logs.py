"""The log of a run against what the same steps say undisturbed: nothing lost, nothing more often than it was begun."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from replicas.models import LogLine, Run

Said = Mapping[str, list[str]]
"""What each step (by its key) says, as `plain` has it."""
HEADER = re.compile(r"\[[0-9]+/[0-9]+\]: ")
DONE, RESUMING = "already done", "Resuming: "
PRINTED = (
    "Starting installation ...",
    "Validate installation settings ...",
    "Create file system structures ...",
    "Create database backend",
    "Perform post-installation tasks ...",
    "Completed installation for instance",
)
"""By dscreate, which goes on without its worker."""


def texts(run: Run) -> list[str]:
    return list(LogLine.objects.filter(run=run).order_by("seq").values_list("text", flat=True))


def plain(text: str) -> str:
    """A line without what differs from one run to the next: digests, serials, numbers, durations."""
    return re.sub(r"(less than )?[0-9]+([.,][0-9]+)?( s| ms)?", "N", re.sub(r"\b[0-9A-Fa-f]{8,}\b", "H", text))


def said(run: Run) -> Said:
    """By the steps of an undisturbed run."""
    return {key: [plain(line) for turn in turns for line in turn] for key, turns in begun(run).items()}


def begun(run: Run) -> dict[str, list[list[str]]]:
    """The lines of each step, by the times that a worker came to it; what is between the steps is left out."""
    keys = {index: step["key"] for index, step in enumerate(run.plan.steps, 1)}
    found: dict[str, list[list[str]]] = defaultdict(list)
    for step, text in LogLine.objects.filter(run=run).order_by("seq").values_list("step", "text"):
        if step is None or text.startswith((RESUMING, "Done in ")):
            continue
        if HEADER.match(text):
            found[keys[step]].append([])
        found[keys[step]][-1].append(text)
    return found


def assert_whole(run: Run, begun_again: bool = False) -> None:
    """Numbered without gaps, in the order of time, and what a detached command printed exactly once.

    `begun_again`: a command on a host may have been ended with it, and started anew.
    """
    lines = list(LogLine.objects.filter(run=run).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, run.last_seq + 1))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    printed = Counter(line.text for line in lines if line.text.startswith(PRINTED))
    assert begun_again or set(printed.values()) <= {1}, printed


def assert_complete(run: Run, expected: Said, died_in: Collection[str] = ()) -> None:
    """Each step has said all that it says, and nothing more often than it was begun.

    `died_in`: there a worker may have died between what it did and the line about that, which then nobody says. What
    commands printed is there nevertheless.
    """
    for key, turns in begun(run).items():
        worked = [[plain(line) for line in turn] for turn in turns if DONE not in turn]
        found, wanted = Counter(line for turn in worked for line in turn), Counter(expected[key])
        lost = [line for line in wanted - found if key not in died_in or line.startswith(PRINTED)]
        assert not lost, f"{key} lost {lost}"
        most = Counter({line: count * len(worked) for line, count in wanted.items()})
        more = {line: count for line, count in (found - most).items() if line in wanted}
        assert not more, f"{key} was begun {len(worked)} times, and said {more}"
