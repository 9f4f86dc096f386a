"""Which segment is suggested next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from replicas.backends.freeipa.realm import Segment
from replicas.backends.freeipa.steps.removable import parts
from replicas.backends.freeipa.suggesting import MOST, suggest


def segments(*pairs: str) -> list[Segment]:
    return [Segment("domain", pair, pair[0], pair[1]) for pair in pairs]


@pytest.mark.parametrize(
    ("servers", "pairs", "wanted"),
    [
        ("a", [], None),
        ("ab", [], ("a", "b")),
        ("ab", ["ab"], None),
        ("abc", ["ab"], ("a", "c")),  # c is apart
        ("abc", ["ab", "bc"], ("a", "c")),  # all depend on b
        ("abc", ["ab", "bc", "ca"], None),
        ("abcd", ["ab", "bc", "cd", "da"], None),
        ("abcde", ["ab", "ac", "ad", "ae"], ("b", "c")),  # a star
        ("abcdef", ["ab", "bc", "ca", "de", "ef", "fd"], ("a", "d")),
    ],
)
def test_what_is_missing_most_comes_first(servers: str, pairs: list[str], wanted: tuple[str, str] | None) -> None:
    assert suggest(servers, segments(*pairs)) == wanted


@given(some.integers(2, 12))
def test_following_every_suggestion_makes_a_sound_realm(count: int) -> None:
    servers = [chr(ord("a") + number) for number in range(count)]
    made: list[Segment] = []
    while pair := suggest(servers, made):
        assert len(made) < count * MOST
        made += segments("".join(pair))
    for name in servers:
        assert len(parts([one for one in servers if one != name], made)) == 1
        assert min(2, count - 1) <= sum(one.joins(name) for one in made) <= MOST
