"""A row whose sender was told that it is not stored is not stored after all: it comes again, from the sender."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from connector.database.group_commit import GroupCommit, Limits, Write
from connector.errors import Unavailable

PATIENCE_S = 0.05


class HangsOnce:
    """The first commit hangs until it is told to fail; what is committed later is kept."""

    def __init__(self) -> None:
        self.fails = asyncio.Event()
        self.stored: list[object] = []
        self.tried: list[list[object]] = []

    async def commit(self, writes: Sequence[Write]) -> Sequence[object]:
        self.tried.append([write.row for write in writes])
        if len(self.tried) == 1:
            await self.fails.wait()
            raise OSError("the connection hung, and was given up")
        self.stored += [write.row for write in writes]
        return [write.row for write in writes]


def nothing(_connection: Connection, rows: Sequence[object]) -> Sequence[object]:
    return list(rows)


async def test_a_row_that_was_refused_while_its_commit_hung_is_not_tried_again() -> None:
    slow = HangsOnce()
    writer = GroupCommit(slow.commit, Limits(patience_s=PATIENCE_S))
    refused = [writer.write(nothing, "refused"), writer.write(nothing, "refused too", urgent=True)]
    gone = writer.write(nothing, "its sender has hung up")
    patient = writer.write(nothing, "patient", patient=True)
    await asyncio.sleep(0)
    gone.cancel()
    for each in refused:
        with pytest.raises(Unavailable, match="too long"):
            await each
    assert not patient.done()
    slow.fails.set()
    assert await patient == "patient"
    await writer.close()
    assert len(slow.tried[0]) == 4, "they were not in one commit"
    assert slow.stored == ["its sender has hung up", "patient"], "who has heard nothing may have been told nothing else"


async def test_a_row_that_is_refused_while_the_rest_of_its_group_is_tried_one_by_one_is_left_out() -> None:
    slow = HangsOnce()
    writer = GroupCommit(slow.commit, Limits(patience_s=PATIENCE_S))
    commit, goes_on = slow.commit, asyncio.Event()

    async def second_hangs(writes: Sequence[Write]) -> Sequence[object]:
        if len(slow.tried) == 1:
            await goes_on.wait()
        return await commit(writes)

    writer._commit = second_hangs
    slow.fails.set()  # the group fails at once
    first = writer.write(nothing, "first", patient=True)
    last = writer.write(nothing, "last")
    with pytest.raises(Unavailable, match="too long"):
        await last
    goes_on.set()
    assert await first == "first"
    await writer.close()
    assert slow.stored == ["first"]
