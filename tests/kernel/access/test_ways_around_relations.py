"""Ways over the other side of relations."""

from __future__ import annotations

import pytest
import pytest_asyncio

from ...api import Api
from .desk import Desk, open_desk, relate, teams_of, ticket_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(sqlite_api: Api) -> Desk:
    return await open_desk(sqlite_api)


async def test_null_empties_a_relation_that_is_denied_on_its_other_side(desk: Desk) -> None:
    await desk.deny("ticket.team", "update", role={"id": desk.ids["requester"]})
    north, _ = await teams_of(desk)
    assert (await desk.ann.patch(f"/team/{north}", {"tickets": []})).status == 403
    answer = await desk.ann.patch(f"/team/{north}", {"tickets": None})
    assert (await ticket_of(desk, "screen"))["team"] is not None, answer.body


async def test_put_empties_a_relation_that_is_denied_on_its_other_side(desk: Desk) -> None:
    await desk.deny("ticket.team", "update", role={"id": desk.ids["requester"]})
    north, _ = await teams_of(desk)
    answer = await desk.ann.put(f"/team/{north}", {"name": "north"})
    assert (await ticket_of(desk, "screen"))["team"] is not None, answer.body


async def test_nested_creation_sets_a_relation_denied_for_creation(desk: Desk) -> None:
    await desk.deny("ticket.team", "create", role={"id": desk.ids["requester"]})
    north, _ = await teams_of(desk)
    refused = await desk.ann.post("/ticket", {"subject": "x", "team": north})
    assert refused.status == 403
    answer = await desk.ann.post("/team", {"name": "w", "tickets": [{"subject": "x"}]})
    found = await desk.root.rows("/ticket", filter={"subject": "x"})
    assert [one["team"] for one in found] in ([], [None]), answer.body


async def test_nested_creation_sets_a_relation_denied_by_a_condition(desk: Desk) -> None:
    await desk.deny("ticket.team", "create", condition={"team": {"name": "w"}})
    (await desk.root.post("/team", {"name": "w"}))
    answer = await desk.ann.post("/team", {"name": "w", "tickets": [{"subject": "x"}]})
    found = await desk.root.rows("/ticket", filter={"subject": "x"})
    assert [one["team"] for one in found] in ([], [None]), answer.body


async def test_nested_change_sets_a_relation_denied_by_a_condition(desk: Desk) -> None:
    await desk.deny("ticket.team", "update", condition={"status": "closed"})
    north, _ = await teams_of(desk)
    mouse = desk.ids["mouse"]
    assert (await desk.ann.patch(f"/ticket/{mouse}", {"team": north})).status == 403
    keys = [desk.ids["printer"], desk.ids["screen"]]
    refused = await desk.ann.patch(f"/team/{north}", {"tickets": [*keys, mouse]})
    assert refused.status in {403, 409}
    before = (await ticket_of(desk, "mouse"))["team"]
    nested = [*keys, {"id": mouse, "subject": "mouse"}]
    answer = await desk.ann.patch(f"/team/{north}", {"tickets": nested})
    assert (await ticket_of(desk, "mouse"))["team"] == before, answer.body


async def test_taking_away_sets_a_relation_denied_by_a_condition(desk: Desk) -> None:
    await desk.deny("ticket.team", "update", condition={"status": "closed"})
    _, south = await teams_of(desk)
    assert (await desk.ann.patch(f"/ticket/{desk.ids['mouse']}", {"team": None})).status == 403
    answer = await desk.ann.patch(f"/team/{south}", {"tickets": []})
    assert (await ticket_of(desk, "mouse"))["team"] is not None, answer.body


async def test_attaching_makes_a_record_that_the_policy_rules_out(desk: Desk) -> None:
    await desk.policy("ticket", "update", filter={"team": {"name": "north"}})
    _, south = await teams_of(desk)
    printer = desk.ids["printer"]
    assert (await desk.ann.patch(f"/ticket/{printer}", {"team": south})).status == 403
    mouse = desk.ids["mouse"]
    answer = await desk.ann.patch(f"/team/{south}", {"tickets": [mouse, printer]})
    before = (await ticket_of(desk, "printer"))["team"]
    answer = await desk.ann.post("/team", {"name": "west", "tickets": [printer]})
    assert (await ticket_of(desk, "printer"))["team"] == before, answer.body


async def test_taking_away_makes_a_record_that_the_policy_rules_out(desk: Desk) -> None:
    await desk.policy("ticket", "update", filter={"team": {"name": "north"}})
    north, _ = await teams_of(desk)
    printer = desk.ids["printer"]
    assert (await desk.ann.patch(f"/ticket/{printer}", {"team": None})).status == 403
    answer = await desk.ann.patch(f"/team/{north}", {"tickets": []})
    assert (await ticket_of(desk, "printer"))["team"] is not None, answer.body


async def _labels(desk: Desk) -> list[int]:
    await desk.root.define("label", "name varchar")
    await relate(
        desk.root, "ticket", "labels", "label", type="many-to-many", inversePropertyName="tickets"
    )
    every = [{"id": one["id"]} for one in (await desk.root.get("/method_definition", limit=0)).data]
    route = (await desk.root.get("/route_definition", filter={"path": "/label"})).row
    await desk.root.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": every})
    made = await desk.root.create("/label", [{"name": "red"}, {"name": "blue"}])
    ids = [row["id"] for row in made]
    await desk.root.patch(
        f"/label/{ids[0]}", {"tickets": [desk.ids["screen"], desk.ids["printer"]]}
    )
    return ids


async def test_many_to_many_set_over_the_side_that_is_not_denied(desk: Desk) -> None:
    _red, blue = await _labels(desk)
    await desk.deny("ticket.labels", "update")
    printer = desk.ids["printer"]
    assert (await desk.ann.patch(f"/ticket/{printer}", {"labels": [blue]})).status == 403
    answer = await desk.ann.patch(f"/label/{blue}", {"tickets": [printer]})
    assert answer.status == 403, answer.body


async def test_many_to_many_changes_records_that_may_not_be_changed(desk: Desk) -> None:
    _red, blue = await _labels(desk)
    await desk.policy("ticket", "update", filter={"owner": "@USER.id"})
    screen = desk.ids["screen"]
    assert (await desk.ann.patch(f"/ticket/{screen}", {"labels": [blue]})).status == 404
    answer = await desk.ann.patch(f"/label/{blue}", {"tickets": [screen]})
    assert answer.status >= 400, answer.body


async def test_relations_write_tables_whose_route_is_closed_to_the_caller(desk: Desk) -> None:
    part = {
        "propertyName": "team",
        "type": "many-to-one",
        "targetTable": "team",
        "inversePropertyName": "parts",
    }
    await desk.root.define("part", "name varchar", relations=[part])
    row = await desk.root.create("/part", {"name": "p"})
    assert (await desk.ann.patch(f"/part/{row['id']}", {"team": 1})).status == 403
    answer = await desk.ann.patch("/team/1", {"parts": [row["id"]]})
    assert (await desk.root.rows("/part"))[0]["team"] is None, answer.body


async def test_a_one_to_one_is_emptied_though_its_other_side_is_denied(desk: Desk) -> None:
    one = {
        "propertyName": "ticket",
        "type": "one-to-one",
        "targetTable": "ticket",
        "inversePropertyName": "badge",
    }
    await desk.root.define("badge", "name varchar", relations=[one])
    await desk.root.create("/badge", {"name": "a", "ticket": desk.ids["screen"]})
    await desk.deny("badge.ticket", "update")
    answer = await desk.ann.patch(f"/ticket/{desk.ids['screen']}", {"badge": None})
    assert (await desk.root.rows("/badge"))[0]["ticket"] is not None, answer.body
