"""How far replicas are, as moments; who wrote when."""

from __future__ import annotations

from math import inf

from enfyra_kernel.storage.replicated.progress import Standing, Timeline
from enfyra_kernel.storage.replicated.writes import Writes
from enfyra_kernel.storage.sql.standing import Gtids, Lsn


def at(number: int, **facts: float) -> Standing:
    return Standing(Lsn(number), is_replica=False, origin="a", **facts)


def test_a_replica_has_what_came_before_the_last_question_that_it_has_reached() -> None:
    timeline = Timeline(10.0)
    assert timeline.reached_by(Lsn(100)) == timeline.latest == -inf
    for moment, number in ((1.0, 100), (2.0, 200), (3.0, 200), (4.0, 300)):
        timeline.note(moment, at(number))
    reached = [timeline.reached_by(Lsn(number)) for number in (99, 100, 199, 200, 299, 300, 999)]
    assert reached == [-inf, 1.0, 1.0, 3.0, 3.0, 4.0, 4.0]
    assert timeline.latest == 4.0


def test_old_questions_are_let_go() -> None:
    timeline = Timeline(10.0)
    timeline.note(1.0, at(100))
    timeline.note(11.0, at(200))
    assert timeline.reached_by(Lsn(150)) == 1.0
    timeline.note(11.5, at(300))
    assert timeline.reached_by(Lsn(150)) == -inf


def test_a_commit_that_is_answered_early_counts_as_later() -> None:
    timeline = Timeline(10.0)
    timeline.note(5.0, at(100, delay=0.6))
    assert timeline.reached_by(Lsn(100)) == 4.4


def test_a_primary_that_says_no_position_any_more_is_not_measured_by_old_ones() -> None:
    timeline = Timeline(10.0)
    timeline.note(1.0, at(100))
    timeline.note(2.0, Standing())
    assert timeline.latest == timeline.reached_by(Lsn(100)) == -inf


def test_gtids_are_held_against_each_other_by_domain() -> None:
    primary = Gtids.parse("0-1-100,5-9-3")
    assert Gtids.parse("0-1-100,5-9-3,7-1-1").covers(primary)
    assert Gtids.parse("0-2-101,5-9-4").covers(primary)
    assert not Gtids.parse("0-1-100").covers(primary)
    assert not Gtids.parse("0-1-99,5-9-3").covers(primary)
    assert not Gtids.parse("").covers(primary)


def test_writes_are_remembered_by_caller_until_they_are_old() -> None:
    writes = Writes()
    writes.note("ann", 1.0)
    writes.note("bob", 5.0)
    writes.note("ann", 3.0)
    assert [writes.last(who) for who in ("ann", "bob", "eve", None)] == [3.0, 5.0, -inf, -inf]
    writes.forget_before(4.0)
    assert [writes.last(who) for who in ("ann", "bob")] == [-inf, 5.0]
    writes.note_everybody(6.0)
    assert [writes.last(who) for who in ("ann", "bob", None)] == [6.0, 6.0, 6.0]
