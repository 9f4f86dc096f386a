"""The topology of a realm as a picture: where servers stand, what they do, and how the agreements between them look."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from replicas.lifecycle.rating import BEHIND_SECONDS

WIDTH, NARROW, NODE_WIDTH, NODE_HEIGHT = 720, 400, 210, 68
"""A picture of two servers is narrow, so that a phone shows it large."""
ROW, MARGIN, GAP = 134, 12, 24
APART = 11
"""Between the two directions of one pair of servers."""
BESIDE, STEEP = 9, 0.4
"""Words stand so far from their line; above or below it, unless it is steep."""
MARK_HEIGHT, MARK_GAP, MARK_SIDES, LETTER = 17, 5, 16, 6.5
"""A mark is as wide as its letters and its sides."""
OUTLINES = {
    "CA": "M{inner_left} {top}H{inner_right}L{right} {middle}L{inner_right} {bottom}H{inner_left}L{left} {middle}z",
    "DNS": "M{inner_left} {top}H{inner_right}A8.5 8.5 0 0 1 {inner_right} {bottom}H{inner_left}"
    "A8.5 8.5 0 0 1 {inner_left} {top}z",
    "KRA": "M{inner_left} {top}H{inner_right}L{right} {bottom}H{left}z",
    "AD trust": "M{inner_left} {top}H{right}L{inner_right} {bottom}H{left}z",
}
"""Each role has a shape of its own: pointed, round, narrow at the top, leaning."""
OTHER = "M{left} {top}H{right}V{bottom}H{left}z"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A role of a server: its letters around `x`, and the shape around them."""

    letters: str
    x: float
    y: float
    outline: str


@dataclass(frozen=True, slots=True)
class Node:
    """A server: the middle of its box, its roles, and where it leads to."""

    name: str
    x: float
    y: float
    roles: tuple[str, ...]
    problem: str
    url: str

    @property
    def left(self) -> float:
        return self.x - NODE_WIDTH / 2

    @property
    def top(self) -> float:
        return self.y - NODE_HEIGHT / 2

    @property
    def marks(self) -> list[Mark]:
        """In a row below the name, which stands around the same middle."""
        return list(_marks(self.roles, self.x, self.y + (1 if self.problem else 12)))

    @property
    def name_y(self) -> float:
        """Of the letters' foot: the higher, the more is below."""
        return self.y + 4 - 11 * bool(self.roles) - 11 * bool(self.problem)

    @property
    def problem_y(self) -> float:
        return self.y + (25 if self.roles else 13)


@dataclass(frozen=True, slots=True)
class Edge:
    """An agreement, from box to box: `look` is good, late or broken; `label` says the lag in words.

    The words stand on the side of the line that is away from the other direction; `anchor` is SVG's text-anchor.
    """

    supplier: str
    consumer: str
    x1: float
    y1: float
    x2: float
    y2: float
    look: str
    label: str

    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything in the units of the viewBox."""

    nodes: list[Node]
    edges: list[Edge]
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is scrolled sideways on a phone, rather than drawn too small to read."""
        return self.width > NARROW


def draw(servers: Rows, agreements: Rows, urls: Mapping[str, str]) -> Picture:
    """The servers on a curve, the first one at its top; two of them above each other. Each needs an address."""
    count, rows = len(servers), 1 + len(servers) // 2
    width = WIDTH if count > 2 else NARROW
    height = 2 * MARGIN + NODE_HEIGHT + (rows - 1) * ROW
    nodes = {
        one["name"]: Node(
            one["name"],
            *_place(index, count, rows, width),
            tuple(one["roles"]),
            one["problem"],
            urls[one["name"]],
        )
        for index, one in enumerate(servers)
    }
    drawable = [one for one in agreements if one["supplier"] in nodes and one["consumer"] in nodes]
    edges = [_edge(one, nodes[one["supplier"]], nodes[one["consumer"]]) for one in drawable]
    return Picture(list(nodes.values()), edges, width, height)


def look_of(agreement: Mapping[str, Any]) -> str:
    if agreement["problem"]:
        return "broken"
    return "late" if agreement["lag"] is None or agreement["lag"] >= BEHIND_SECONDS else "good"


def label_of(agreement: Mapping[str, Any]) -> str:
    """The lag in words, for people who see no colours."""
    return _("broken") if look_of(agreement) == "broken" else lag_of(agreement)


def lag_of(agreement: Mapping[str, Any]) -> str:
    if agreement["lag"] is None:
        return _("unknown")
    return _("in sync") if not agreement["lag"] else _("%(seconds)d s behind") % {"seconds": agreement["lag"]}


def _marks(roles: Sequence[str], x: float, y: float) -> Iterator[Mark]:
    widths = [MARK_SIDES + LETTER * len(role) for role in roles]
    left = x - (sum(widths) + MARK_GAP * (len(roles) - 1)) / 2
    for role, width in zip(roles, widths, strict=True):
        places = {
            "left": left,
            "inner_left": left + MARK_SIDES / 2 - 1,
            "right": left + width,
            "inner_right": left + width - MARK_SIDES / 2 + 1,
            "top": y - MARK_HEIGHT / 2,
            "middle": y,
            "bottom": y + MARK_HEIGHT / 2,
        }
        outline = OUTLINES.get(role, OTHER).format_map({name: f"{place:g}" for name, place in places.items()})
        yield Mark(role, left + width / 2, y, outline)
        left += width + MARK_GAP


def _place(index: int, count: int, rows: int, width: int) -> tuple[float, float]:
    """One at the top, then pairs, and perhaps one at the bottom: on a curve, so that no line crosses a box."""
    row = (index + 1) // 2
    y = MARGIN + NODE_HEIGHT / 2 + row * ROW
    if index == 0 or (index == count - 1 and index % 2):
        return width / 2, y
    height = 2 * row / (rows - 1) - 1 if row < rows - 1 else 0.8
    aside = max((NODE_WIDTH + GAP) / 2, (width - NODE_WIDTH) / 2 * math.sqrt(1 - height**2))
    return round(width / 2 + (aside if index % 2 else -aside), 1), y


def _edge(agreement: Mapping[str, Any], one: Node, other: Node) -> Edge:
    """Beside the straight line between the two, so that the other direction has its own."""
    length = math.hypot(other.x - one.x, other.y - one.y) or 1
    across_x, across_y = -(other.y - one.y) / length, (other.x - one.x) / length
    aside_x, aside_y = across_x * APART, across_y * APART
    x1, y1 = _border(one, other, aside_x, aside_y)
    x2, y2 = _border(other, one, aside_x, aside_y)
    anchor = "middle" if abs(across_x) < STEEP else "start" if across_x > 0 else "end"
    return Edge(
        one.name,
        other.name,
        round(x1, 1),
        round(y1, 1),
        round(x2, 1),
        round(y2, 1),
        look_of(agreement),
        label_of(agreement),
        round((x1 + x2) / 2 + across_x * BESIDE, 1),
        round((y1 + y2) / 2 + across_y * BESIDE + BESIDE / 2, 1),
        anchor,
    )


def _border(node: Node, towards: Node, aside_x: float, aside_y: float) -> tuple[float, float]:
    """Where the line from beside the middle of a box towards another one leaves it, and a little further."""
    dx, dy = towards.x - node.x, towards.y - node.y
    share = min(_share(NODE_WIDTH / 2 + 6, aside_x, dx), _share(NODE_HEIGHT / 2 + 6, aside_y, dy), 1.0)
    return node.x + aside_x + dx * share, node.y + aside_y + dy * share


def _share(half: float, aside: float, way: float) -> float:
    """How much of the way leads out of that half of the box, from that far aside of its middle."""
    return (half - math.copysign(aside, aside * way)) / abs(way) if way else math.inf
