"""Why somebody may do something, or may not: `POST /admin/access/explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import msgspec

from ..access.guards import Guard, Passage, first_refusal, requester_of
from ..access.policy import Ruling, decide
from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..identity.callers import Caller
from ..identity.users import UserRow, Users, caller_of
from ..metadata.permissions import Action
from ..metadata.routes import RouteMatch
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.answers import moved
from ..query.ast import Compare, Every, Operator, Query, Shape
from ..query.plan import ADMINISTRATOR, Access
from ..query.visibility import Condition, Use
from ..records.records import Records
from .accesses import Accesses
from .asking import strict
from .context import Context
from .guarding import Guarding, refused
from .messages import Response, success

Step = Literal["route", "guard", "identity", "policy", "scripts", "rows", "fields"]
Verdict = Literal["passes", "refuses", "depends"]
_ACTIONS: dict[str, Action] = {
    "GET": "read", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete",
}  # fmt: skip


class Said(msgspec.Struct, frozen=True):
    """What one step comes to.

    Attributes:
        rule: What decides, where that is a row of ours.
        reason: Why, in a sentence.
        code: The error's, if it refuses.
    """

    step: Step
    verdict: Verdict
    reason: str
    rule: str | None = None
    code: str | None = None


@dataclass(slots=True)
class _Question:
    """What is asked: whether somebody may do something, and what has been found so far."""

    snapshot: Snapshot
    method: str
    path: str
    row: str | None
    ip: str | None
    user: UserRow | None = None
    caller: Caller | None = None
    steps: list[Said] = field(default_factory=list[Said])

    def say(self, said: Said) -> bool:
        """Note what a step comes to; say whether it goes on from there."""
        self.steps.append(said)
        return said.verdict != "refuses"

    def refuse(self, step: Step, error: EnfyraError, rule: str | None = None) -> bool:
        """Note that a step refuses; say that it does not go on."""
        return self.say(Said(step, "refuses", error.message, rule, error.code))


class Explaining:
    """Goes the way of a request without doing anything, and tells what it meets."""

    def __init__(
        self, users: Users, records: Records, accesses: Accesses, guarding: Guarding
    ) -> None:
        self._users = users
        self._records = records
        self._accesses = accesses
        self._guarding = guarding

    async def explain(self, context: Context) -> Response:
        """Answer POST /admin/access/explain."""
        question = await self._question(context)
        await self._go(question)
        last = question.steps[-1]
        answer = {
            "allowed": last.verdict != "refuses",
            "status": EnfyraError(last.code).status if last.code is not None else None,
            "code": last.code,
            "method": question.method,
            "path": question.path,
            "user": _shown(question.user),
            "steps": [msgspec.to_builtins(one) for one in question.steps],
        }
        return success(encode_json([answer]))

    async def _question(self, context: Context) -> _Question:
        optional = {"user": str, "method": str, "ip": str, "row": str}
        body: Any = await context.json()
        if isinstance(body, dict):
            given = cast("dict[str, Any]", body)
            body = {name: value for name, value in given.items() if value is not None}
            if type(body.get("row")) is int:
                body["row"] = str(body["row"])
        named = strict(body, {"path": str}, optional)
        path = named["path"].partition("?")[0]
        if not path.startswith("/"):
            raise EnfyraError("INVALID_BODY", problems=["path must begin with /, such as /post"])
        question = _Question(
            context.snapshot,
            named.get("method", "GET").upper(),
            path,
            named.get("row"),
            named.get("ip"),
        )
        user = named.get("user", "")
        if user:
            question.user = await (
                self._users.by_email(user) if "@" in user else self._users.by_id(user)
            )
            if question.user is None:
                raise EnfyraError("INVALID_BODY", problems=[f"user: there is no '{user[:80]}'"])
            question.caller = caller_of(question.user)
        return question

    async def _go(self, question: _Question) -> None:
        match = _route(question)
        if match is None:
            return
        guards = self._guarding.of(question.snapshot.permissions)
        method = "GET" if question.method == "HEAD" else question.method
        before: Iterable[Guard] = ()
        after: Iterable[Guard] = ()
        if guards is not None:
            before, after = guards.of(match.route.definition.id, method)
        passes = (
            await self._guards(question, before, match, known=False)
            and _identity(question)
            and await self._policy(question, match, method)
            and await self._guards(question, after, match, known=True)
        )
        if not passes:
            return
        _scripts(question, match, method)
        table = match.route.table
        if table is not None:
            row = question.row or (match.parameters.get("id") if match.item else None)
            access = await self._accesses.of(question.snapshot, question.caller)
            if await self._rows(question, table, access, _ACTIONS.get(method), row):
                _fields(question, table, access, method)

    # -- the steps ------------------------------------------------------------------------------

    async def _guards(
        self, question: _Question, guards: Iterable[Guard], match: RouteMatch, *, known: bool
    ) -> bool:
        user = question.caller.id if known and question.caller is not None else None
        for guard in guards:
            rule = f"guard '{guard.name}'"
            if question.ip is None:
                reason = f"{rule} looks at where the request comes from; give an ip to look as well"
                question.say(Said("guard", "depends", reason, rule))
                continue
            requester = requester_of(question.ip, match.route.path, user)
            passage = Passage(requester, self._guarding.limits, counting=False)
            refusal = await first_refusal([guard], passage)
            if refusal is not None:
                rule = f"{rule}, rule {refusal.rule} ({refusal.type})"
                return question.refuse("guard", refused(refusal), rule)
            question.say(Said("guard", "passes", f"{rule} lets the request pass now", rule))
        return True

    async def _policy(self, question: _Question, match: RouteMatch, method: str) -> bool:
        route, caller = match.route, question.caller
        ruling = decide(route, method, caller)
        if ruling is Ruling.NOBODY:
            error = EnfyraError("AUTHENTICATION_ERROR")
            return question.refuse("policy", error, f"{method} is not public on {route.path}")
        if ruling is Ruling.NO_PERMISSION:
            reason = await self._why_not(question, match, method)
            return question.refuse("policy", EnfyraError("AUTHORIZATION_ERROR", reason))
        rule = None
        if ruling in {Ruling.ROLE, Ruling.USER} and caller is not None:
            of_role = ruling is Ruling.ROLE
            rule = next(
                f"route permission {one.id}"
                for one in question.snapshot.permissions.routes
                if one.route == route.definition.id
                and method in one.methods
                and (one.role == caller.role if of_role else caller.id in one.users)
            )
        reasons = {
            Ruling.PUBLIC: f"{method} is among the public methods of {route.path}",
            Ruling.LOGGED_IN: f"{method} on {route.path} is open to whoever has logged in",
            Ruling.ROOT: "a root administrator may do everything",
            Ruling.ROLE: f"{rule} lets in the role {await self._role(caller)}",
            Ruling.USER: f"{rule} lets in the account",
        }
        return question.say(Said("policy", "passes", reasons[ruling], rule))

    async def _why_not(self, question: _Question, match: RouteMatch, method: str) -> str:
        """Say what there is that could have let somebody in, and did not."""
        there = [
            one
            for one in question.snapshot.permissions.routes
            if one.route == match.route.definition.id and method in one.methods
        ]
        role = await self._role(question.caller)
        reason = f"no enabled permission for {method} {match.route.path} names the role {role}"
        reason += " or the account"
        if there:
            reason += f" (others are let in by {', '.join(str(one.id) for one in there[:10])})"
        return reason

    async def _role(self, caller: Caller | None) -> str:
        if caller is None or caller.role is None:
            return "of nobody: the account has none"
        repository = self._records.of("role_definition")
        where = Compare("id", Operator.EQ, 0)
        query = Query(shape=Shape(where=where, fields=("name",)), values=(caller.role,))
        rows = await repository.rows(query, ADMINISTRATOR)
        return f"'{rows[0]['name']}'" if rows else str(caller.role)

    async def _rows(
        self,
        question: _Question,
        table: Table,
        access: Access,
        action: Action | None,
        row: str | None,
    ) -> bool:
        if action is None:
            return True
        # What is changed or deleted has to be in sight as well.
        actions: list[Action] = [action] if action in {"read", "create"} else ["read", action]
        conditions: dict[Action, Condition | None] = {
            one: access.rows(table, one) for one in actions
        }
        if row is not None and action != "create":
            return await self._row(question, table, conditions, row)
        for one, condition in conditions.items():
            if condition is None:
                reason = f"no row policy keeps the caller from records: {one} of all"
                question.say(Said("rows", "passes", reason))
            else:
                reason = f"{one} of records that {condition.place} names; give a row to look at it"
                question.say(Said("rows", "depends", reason, condition.place))
        return True

    async def _row(
        self,
        question: _Question,
        table: Table,
        conditions: dict[Action, Condition | None],
        row: str,
    ) -> bool:
        access = await self._accesses.of(question.snapshot, question.caller)
        repository = self._records.of_table(table, question.snapshot)
        try:
            key = repository.bound_key(row)
        except EnfyraError as error:
            return question.refuse("rows", error)
        by_key = Compare(table.primary.name, Operator.EQ, 0)
        if not await repository.exists(
            Query(shape=Shape(where=by_key), values=(key,)), ADMINISTRATOR
        ):
            return question.refuse("rows", repository.not_found(row))
        for action, condition in conditions.items():
            if condition is None:
                question.say(Said("rows", "passes", f"no row policy is about {action} here"))
                continue
            where = Every((by_key, moved(condition.where, 1)))
            values = (key, *access.resolved(condition.values))
            query = Query(shape=Shape(where=where), values=values)
            if not await repository.exists(query, ADMINISTRATOR):
                # The answer does not tell that there is such a record.
                reason = f"{condition.place} does not name record {row} for {action}"
                error = EnfyraError("RESOURCE_NOT_FOUND", reason)
                return question.refuse("rows", error, condition.place)
            reason = f"{condition.place} names record {row} for {action}"
            question.say(Said("rows", "passes", reason, condition.place))
        return True


def _route(question: _Question) -> RouteMatch | None:
    routes = question.snapshot.routes
    match = routes.find(question.path)
    if match is None:
        hint = did_you_mean(question.path, routes.paths())
        reason = f"there is no enabled route at {question.path[:200]}.{hint}".removesuffix(".")
        question.refuse("route", EnfyraError("ROUTE_NOT_FOUND", reason))
        return None
    if question.method not in match.methods:
        reason = f"{match.route.path} does not answer {question.method[:40]} here"
        question.refuse("route", EnfyraError("METHOD_NOT_ALLOWED", reason))
        return None
    table = match.route.table
    about = f", about the table '{table.name}'" if table is not None else ""
    question.say(Said("route", "passes", f"the route {match.route.path}{about}"))
    return match


def _identity(question: _Question) -> bool:
    user = question.user
    if user is None:
        return question.say(Said("identity", "passes", "nobody: the request has no token"))
    try:
        user.refuse_disabled()
    except EnfyraError as error:
        return question.refuse("identity", error)
    return question.say(Said("identity", "passes", f"the account {user.email}"))


def _scripts(question: _Question, match: RouteMatch, method: str) -> None:
    scripts = match.route.scripts.get(method)
    if scripts is None:
        return
    for hook in scripts.pre:
        rule = f"pre-hook '{hook.name}'"
        reason = f"{rule} runs, and may refuse the request or narrow what it is about"
        question.say(Said("scripts", "depends", reason, rule))
    if scripts.handler is not None:
        reason = "a handler answers in the place of what the route does by itself"
        question.say(Said("scripts", "depends", reason, f"handler {scripts.handler.id}"))


def _fields(question: _Question, table: Table, access: Access, method: str) -> None:
    uses: dict[str, tuple[Use, ...]] = {
        "GET": ("read",), "POST": ("create", "read"), "PATCH": ("update", "read"),
        "PUT": ("update", "read"),
    }  # fmt: skip
    for use in uses.get(method, ()):
        everything = {**table.columns, **table.relations}
        verdicts = {name: access.verdict(one, use) for name, one in everything.items()}
        closed = [name for name, verdict in verdicts.items() if verdict is False]
        partly = [name for name, verdict in verdicts.items() if isinstance(verdict, Condition)]
        reason = f"{use}: all fields"
        if closed:
            reason += f" but {', '.join(closed)}"
        if partly:
            reason += f"; of some records only {', '.join(partly)}"
        question.say(Said("fields", "depends" if partly else "passes", reason))


def _shown(user: UserRow | None) -> dict[str, Any] | None:
    if user is None:
        return None
    return {
        "id": user.id,
        "email": user.email,
        "isRootAdmin": user.is_root_admin,
        "isDisabled": user.is_disabled,
        "role": user.role["id"] if user.role is not None else None,
    }
