"""What answers say about pace and trouble: each workspace's budget and breaker, and those of its region.  [SQL]"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from connector.intercom.pace import Budget
from connector.intercom.rate_headers import limit_in, says_most
from connector.outbox import lanes, regions
from connector.outbox.breaker import Breaker
from connector.outbox.completion import Completion
from connector.outbox.lanes import Lane
from connector.outbox.regions import Region


@dataclass(frozen=True, slots=True)
class _News:
    """What one call says about its region."""

    done: Completion
    lane_opened: bool
    refused_with_plenty: bool

    def may_change_a_region(self, lane: Lane) -> bool:
        """False where all is well in a region that has never been in trouble."""
        trouble = self.done.outcome.trouble or self.refused_with_plenty
        return trouble or lane.region_known or self.done.claimed.region != lane.region


def learn(connection: Connection, completions: Sequence[Completion]) -> None:
    """Store what the answers say, and when the lanes they are of are next due."""
    news: list[_News] = []
    concerned: set[str] = set()
    for workspace_id in sorted({each.claimed.delivery.workspace_id for each in completions}):
        mine = [each for each in completions if each.claimed.delivery.workspace_id == workspace_id]
        lane = lanes.locked(connection, workspace_id)
        budget, refused = _paced(lane.budget, mine)
        breaker, opened = _tripped(lane.breaker, mine)
        if lane.breaker.opened and breaker == Breaker():
            budget = budget.eased(mine[-1].finished_at)
        heard = [_News(each, id(each) in opened, id(each) in refused) for each in mine]
        news += heard
        concerned |= {each.done.claimed.region for each in heard if each.may_change_a_region(lane)}
        lanes.save(connection, replace(lane, budget=budget, breaker=breaker))
    known = regions.all_known(connection) if concerned else {}
    for name in sorted(concerned):
        about = [each for each in news if each.done.claimed.region == name]
        if _told(known.get(name, Region(name)), about) != known.get(name, Region(name)):
            regions.save(connection, _told(regions.locked(connection, name), about))


def _paced(budget: Budget, completions: Sequence[Completion]) -> tuple[Budget, set[int]]:
    """The budget after some answers, and the ids of those completions that were refused with plenty left."""
    refused: set[int] = set()
    for done in _saying_most(completions):
        if done.answer.status == 429 and budget.has_plenty(done.finished_at):
            refused.add(id(done))
        budget = budget.learn(done.answer, done.finished_at)
        for answer in (done.looked_up, *done.further):
            if answer is not None:
                budget = budget.spend(1, done.finished_at).learn(answer, done.finished_at)
    return budget, refused


def _saying_most(completions: Sequence[Completion]) -> Iterator[Completion]:
    """All that did not just go well, and of the others those that tell all that they tell together."""
    plain = [each for each in completions if each.answer.status == 202 and each.looked_up is None]
    telling = {id(plain[place]) for place in says_most([each.answer.headers for each in plain])}
    skipped = {id(each) for each in plain} - telling
    return (each for each in completions if id(each) not in skipped)


def _tripped(breaker: Breaker, completions: Iterable[Completion]) -> tuple[Breaker, set[int]]:
    """The breaker after some outcomes, and the ids of those completions that opened it."""
    opened: set[int] = set()
    for done in completions:
        after = breaker.after(done.outcome, done.finished_at)
        if after.opened > breaker.opened:
            opened.add(id(done))
        breaker = after
    return breaker, opened


def _told(region: Region, news: Iterable[_News]) -> Region:
    for each in sorted(news, key=lambda news: news.done.finished_at):
        done = each.done
        if done.outcome.trouble:
            region = region.failed(done.finished_at, lane_opened=each.lane_opened)
        else:
            region = region.answered(done.finished_at)
        if each.refused_with_plenty:
            region = region.refused(limit_in(done.answer.headers), done.finished_at)
    return region
