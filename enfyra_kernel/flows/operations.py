"""Flows over HTTP: set off, cancelled, run again, written whole, and when they run next."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from ..clock import Clock
from ..encoding import decode_json, encode_json
from ..errors import EnfyraError, did_you_mean
from ..lifecycle.context import Context
from ..lifecycle.messages import Response, success
from ..lifecycle.operations import Operation
from ..lifecycle.scripted.sections import named_query
from ..metadata.flows import FlowDefinition, Flows
from .defining import Defining
from .runs import Beginning, Run
from .schedule import Upcoming
from .service import FlowService
from .times import due, zone_of

# Headers that a flow may see of the request that has set it off.
_SHOWN_HEADERS = ("content-type", "user-agent", "x-request-id", "x-github-event", "x-event-type")
SIGNATURES = ("x-hub-signature-256", "x-signature-256")
SECRET = "x-webhook-secret"  # noqa: S105 - a header's name
_MOST_TIMES = 50


class FlowOperations:
    """Answers requests about flows."""

    def __init__(self, service: FlowService, defining: Defining, clock: Clock) -> None:
        self._service = service
        self._defining = defining
        self._clock = clock

    def operations(self) -> dict[tuple[str, str], Operation]:
        """Give what routes do, by method and path."""
        return {
            ("POST", "/admin/flow/trigger/:id"): self.trigger,
            ("POST", "/admin/flow/cancel/:id"): self.cancel,
            ("POST", "/admin/flow/rerun/:id"): self.rerun,
            ("GET", "/admin/flow/schedule"): self.upcoming,
            ("GET", "/admin/flow/artifact/:run/:name"): self.artifact,
            ("PUT", "/admin/flow/:name"): self.define,
            ("POST", "/trigger/:path"): self.webhook,
        }

    def _flows(self, context: Context) -> Flows:
        return context.snapshot.flows

    # -- runs -----------------------------------------------------------------------------------

    async def trigger(self, context: Context) -> Response:
        """Answer POST /admin/flow/trigger/:id: begin a run, by the flow's id or name."""
        flow = self._flows(context).find(context.parameters["id"])
        body = await _body(context, ("payload",))
        by = context.caller.id if context.caller is not None else None
        run = await self._service.triggers.begin(
            flow, Beginning(payload=body.get("payload"), by=by or None)
        )
        return _begun(flow, run, "Flow triggered")

    async def cancel(self, context: Context) -> Response:
        """Answer POST /admin/flow/cancel/:id: end a run that is not over."""
        run = await self._service.runs.find(_number(context))
        if not await self._service.cancel(run.id):
            raise EnfyraError(
                "INVALID_ARGUMENT", f"The run {run.id} is over: it is {run.status}", status=409
            )
        return success(encode_json([{"id": run.id, "status": "cancelled"}]), message="Cancelled")

    async def rerun(self, context: Context) -> Response:
        """Answer POST /admin/flow/rerun/:id: run the same again, perhaps from a step on."""
        body = await _body(context, ("from", "payload"))
        run = await self._service.runs.find(_number(context))
        flow = self._flows(context).find(run.flow_id)
        by = context.caller.id if context.caller is not None else None
        beginning = _again(run, flow, body, by or None)
        return _begun(flow, await self._service.triggers.begin(flow, beginning), "Flow triggered")

    async def artifact(self, context: Context) -> Response:
        """Answer GET /admin/flow/artifact/:run/:name: a notebook that a step has run."""
        run, name = context.parameters["run"], context.parameters["name"]
        body = await self._service.artifacts.read(run, name)
        # Its outputs may hold markup of anybody: it is not for a browser to show.
        headers = {
            "Content-Disposition": f'attachment; filename="{name}-{run}.ipynb"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(200, body, "application/x-ipynb+json", headers)

    # -- from elsewhere -------------------------------------------------------------------------

    async def webhook(self, context: Context) -> Response:
        """Answer POST /trigger/:path: begin the flow that waits for it.

        Whoever knows the flow's secret may: in the header `X-Webhook-Secret`, or as the key of
        the body's HMAC in `X-Hub-Signature-256`, as GitHub and others send it.
        """
        flow = self._flows(context).webhooks.get(context.parameters["path"])
        if flow is None:
            raise EnfyraError("ROUTE_NOT_FOUND", "There is no such webhook")
        secret = flow.trigger_config.get("secret")
        request = context.request
        if secret is not None and not _knows(str(secret), request.headers, request.body):
            raise EnfyraError("AUTHENTICATION_ERROR", "The webhook's secret is missing or wrong")
        payload = {
            "body": _content(context),
            "query": dict(context.named_query or {}) or _query(context),
            "headers": {
                name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers
            },
        }
        run = await self._service.triggers.begin(
            flow, Beginning(trigger="webhook", payload=payload)
        )
        answer = {"accepted": True, "executionId": run.id if run is not None else None}
        return success(encode_json([answer]), status=202, message="Accepted")

    # -- definitions ----------------------------------------------------------------------------

    async def define(self, context: Context) -> Response:
        """Answer PUT /admin/flow/:name: write a flow with all of its steps."""
        flow = await self._defining.define(context.parameters["name"], await context.json())
        return success(encode_json([flow]))

    async def upcoming(self, context: Context) -> Response:
        """Answer GET /admin/flow/schedule: when flows run next, in words and in a zone.

        `flow` names one of them.
        """
        which = context.option("flow")
        asked = None if which is None else self._flows(context).find(which).id
        zone = zone_of(context.option("timezone") or "UTC")
        number = _times_asked(context)
        now = self._clock.now()
        rows = [
            {
                "flow": one.flow.name,
                "flowId": one.flow.id,
                "words": one.times.words(),
                "next": [at.astimezone(zone).isoformat() for at in _some(one, now, number)],
            }
            for one in sorted(self._service.schedule.upcoming(), key=_place)
            if asked is None or one.flow.id == asked
        ]
        return success(encode_json(rows))


def _place(one: Upcoming) -> tuple[bool, float, str]:
    return one.next is None, one.next.timestamp() if one.next else 0.0, one.flow.name


def _some(one: Upcoming, now: datetime, number: int) -> list[datetime]:
    found: list[datetime] = []
    for instant in due(one.times, now, datetime.max.replace(tzinfo=now.tzinfo)):
        found.append(instant)
        if len(found) == number:
            break
    return found


def _times_asked(context: Context) -> int:
    text = context.option("times") or "1"
    if not text.isdigit() or not 1 <= int(text) <= _MOST_TIMES:
        raise EnfyraError("INVALID_QUERY", f"times must be a number from 1 to {_MOST_TIMES}")
    return int(text)


def _begun(flow: FlowDefinition, run: Run | None, message: str) -> Response:
    id_ = run.id if run is not None else None
    row = {"jobId": id_, "executionId": id_, "flowId": flow.id, "flowName": flow.name}
    return success(encode_json([row]), status=202, message=message)


async def _body(context: Context, keys: tuple[str, ...]) -> dict[str, Any]:
    if not context.request.body:
        return {}
    body = await context.json()
    if not isinstance(body, dict):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    named = cast("dict[str, Any]", body)
    problems = [
        f"{name} is not allowed.{did_you_mean(name, keys)}" for name in named if name not in keys
    ]
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return named


def _number(context: Context) -> int:
    text = context.parameters["id"]
    if not text.isdigit() or len(text) > 18:
        raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no run '{text[:80]}'")
    return int(text)


def _again(run: Run, flow: FlowDefinition, body: Mapping[str, Any], by: str | None) -> Beginning:
    """Give what a run begins with that does again what another one has done."""
    payload = body.get("payload", run.payload)
    start = body.get("from")
    if start is None:
        return Beginning(trigger="rerun", payload=payload, by=by, rerun_of=run.id)
    step = flow.step(str(start))
    if step not in flow.steps:
        raise EnfyraError(
            "INVALID_ARGUMENT", "A run begins at a step of the flow itself, not within another"
        )
    before = list(flow.steps[: flow.steps.index(step)])
    kept = {one.key for top in before for one in top.walk()}
    state = cast("dict[str, Any]", run.state or {})
    results = cast("dict[str, Any]", state.get("results") or {})
    listed = cast("list[dict[str, Any]]", run.completed_steps or [])
    turns = cast("list[dict[str, Any]]", run.turns or [])
    entries = [one for one in listed if one.get("key") in kept]
    over = {one["key"] for one in entries if one.get("status") != "failed"}
    missing = [one.key for one in before if one.key not in over]
    if missing:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"The run {run.id} has no result of '{missing[0]}', which comes before '{step.key}'",
        )
    return Beginning(
        trigger="rerun",
        payload=payload,
        by=by,
        rerun_of=run.id,
        start_at=step.key,
        completed=entries,
        turns=[one for one in turns if one.get("within") in kept],
        state={
            "results": {key: value for key, value in results.items() if key in kept},
            "last": results.get(before[-1].key) if before else None,
        },
    )


# -- webhooks -------------------------------------------------------------------------------------


def _knows(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    given = headers.get(SECRET)
    if given is not None:
        return hmac.compare_digest(given.encode(), secret.encode())
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    for name in SIGNATURES:
        if name in headers:
            given = headers[name].removeprefix("sha256=")
            return hmac.compare_digest(given.encode(), wanted.encode())
    return False


def _content(context: Context) -> Any:
    body = context.request.body
    if not body:
        return None
    try:
        return decode_json(body)
    except EnfyraError:
        return body.decode(errors="replace")


def _query(context: Context) -> Any:
    return named_query(context.request.query) if context.request.query else {}
