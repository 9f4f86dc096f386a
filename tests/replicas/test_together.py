"""Several things at the same time."""

from __future__ import annotations

import asyncio
import gc

import pytest

from replicas.together import together


async def answer(value: int, seconds: float = 0) -> int:
    await asyncio.sleep(seconds)
    return value


def test_answers_come_in_the_order_of_the_questions() -> None:
    async def ask() -> list[int]:
        return await together(answer(1, 0.02), answer(2), answer(3, 0.01))

    assert asyncio.run(ask()) == [1, 2, 3]


def test_the_others_end_before_the_failure_is_told() -> None:
    ended = []

    async def fails() -> int:
        await asyncio.sleep(0)
        raise ValueError("full")

    async def works() -> int:
        try:
            return await answer(1, 60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("works")

    async def ask() -> list[int]:
        return await together(works(), fails())

    with pytest.raises(ValueError, match="full"):
        asyncio.run(ask())
    assert ended == ["works"]


def test_a_second_failure_is_not_left_to_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> int:
        raise ValueError("full")

    async def fails_when_ended() -> int:
        try:
            return await answer(1, 60)
        except asyncio.CancelledError:
            raise OSError("the connection was lost") from None

    async def ask() -> list[int]:
        return await together(fails_when_ended(), fails())

    with pytest.raises(ValueError, match="full"):
        asyncio.run(ask())
    gc.collect()
    assert not caplog.records


def test_who_is_cancelled_ends_them_all() -> None:
    ended = []

    async def works(name: str) -> int:
        try:
            return await answer(1, 60)
        finally:
            ended.append(name)

    async def ask() -> None:
        task = asyncio.ensure_future(together(works("a"), works("b")))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert sorted(ended) == ["a", "b"]
