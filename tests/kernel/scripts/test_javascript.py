"""Scripts in JavaScript: what they find in their context, and what they ask the host for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from enfyra_kernel.scripts.javascript import Limits

from .hosts import HostError, run

GONE = HostError("RESOURCE_NOT_FOUND", 404, "post 7 does not exist", {"id": 7})


# -- the scripts of the seed, letter by letter ----------------------------------------------------

PRE_HOOK = """if (@BODY && @USER?.id) {
  @BODY.author = { id: @USER.id }
}"""

HANDLER = """const published = await #post.find({
  filter: { status: { _eq: "published" } },
  fields: "id",
  limit: 1,
  meta: "filterCount"
})

const drafts = await #post.find({
  filter: { status: { _eq: "draft" } },
  fields: "id",
  limit: 1,
  meta: "filterCount"
})

return {
  published: published.meta.filterCount,
  drafts: drafts.meta.filterCount
}"""

POST_HOOK = """if (!@ERROR && @DATA?.data?.[0]) {
  await @TRIGGER("post-created", {
    postId: @DATA.data[0].id,
    title: @DATA.data[0].title
  })
}"""

EVENT = """const { conversationId, text } = @BODY
if (!conversationId || !text) @THROW400("conversationId and text are required")

const membership = await @REPOS.chat_conversation_member.find({
  filter: {
    conversation: { id: { _eq: conversationId } },
    member: { id: { _eq: @USER.id } }
  },
  limit: 1
})

if (!membership.data[0]) @THROW403("Not a conversation member")

const created = await @REPOS.chat_message.create({
  data: {
    conversation: { id: conversationId },
    sender: { id: @USER.id },
    text
  }
})

await @REPOS.chat_conversation.update({
  id: conversationId,
  data: { lastMessage: { id: created.data[0].id } }
})

@SOCKET.emitToRoom(`conversation:${conversationId}`, "chat:message", {
  message: created.data?.[0] ?? null
})"""

FLOW = """await @TRIGGER("send-welcome-email", {
  userId: @DATA.data[0].id,
  email: @DATA.data[0].email
})"""


def test_the_seeds_pre_hook_sets_the_author() -> None:
    done = run(PRE_HOOK, body={"title": "Hello"}, user={"id": 12})
    assert done.result is None
    assert done.host.section("body") == {"title": "Hello", "author": {"id": 12}}


def test_the_seeds_pre_hook_leaves_a_visitors_body() -> None:
    done = run(PRE_HOOK, body={"title": "Hello"}, user=None)
    assert done.host.section("body") == {"title": "Hello"}


def test_the_seeds_handler_counts() -> None:
    def find(table: str, access: str, options: Any, transaction: Any) -> Any:
        assert (table, access, transaction) == ("post", "trusted", None)
        count = {"published": 3, "draft": 2}[options["filter"]["status"]["_eq"]]
        return {"data": [{"id": 1}], "meta": {"filterCount": count}}

    done = run(HANDLER, answers={"repos.find": find})
    assert done.result == {"published": 3, "drafts": 2}


@pytest.mark.parametrize("failed", [False, True])
def test_the_seeds_post_hook_triggers_a_flow_after_success(failed: bool) -> None:
    data = {"data": [{"id": 5, "title": "Hello"}]}
    done = run(POST_HOOK, data=data, error={"message": "no"} if failed else None)
    asked = ("trigger", ["post-created", {"postId": 5, "title": "Hello"}])
    assert done.host.calls == ([] if failed else [asked])


def test_the_seeds_event_writes_a_message_and_sends_it() -> None:
    answers = {
        "repos.find": {"data": [{"id": 1}]},
        "repos.create": {"data": [{"id": 9, "text": "Hi"}]},
    }
    done = run(EVENT, answers=answers, body={"conversationId": 4, "text": "Hi"}, user={"id": 12})
    assert done.result is None
    assert [name for name, _ in done.host.calls] == [
        "repos.find", "repos.create", "repos.update", "socket.emitToRoom",
    ]  # fmt: skip
    message = {"message": {"id": 9, "text": "Hi"}}
    assert done.host.calls[-1][1] == ["conversation:4", "chat:message", message]


def test_the_seeds_event_refuses() -> None:
    assert run(EVENT, body={}, user={"id": 12}).failure.status == 400
    answers = {"repos.find": {"data": []}}
    failure = run(
        EVENT, answers=answers, body={"conversationId": 4, "text": "Hi"}, user={"id": 1}
    ).failure
    assert (failure.status, failure.problem.message) == (403, "Not a conversation member")


def test_the_seeds_flow_is_triggered() -> None:
    done = run(FLOW, data={"data": [{"id": 5, "email": "ann@example.org"}]})
    assert done.host.calls[0][1][1] == {"userId": 5, "email": "ann@example.org"}


# -- the context ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("", None),
        ("return", None),
        ("return null", None),
        ("return 'é😀\\0'", "é😀\0"),
        ("return [1.5, true, {a: new Date(0)}]", [1.5, True, {"a": "1970-01-01T00:00:00.000Z"}]),
        ("return new Map([['a', new Set([1])]])", {"a": [1]}),
        ("return 'x'.repeat(100_000) + 'é'", "x" * 100_000 + "é"),
        ("return @BODY.title", "Hello"),
        ("return $ctx.$body.title", "Hello"),
        ("return @BODY.nothing", None),
        ("return @QUERY", {}),
        ("return @USER", None),
        ("return [@FLOW_PAYLOAD, @FLOW.$last, @FLOW.step]", [{"a": 1}, 2, 3]),
        ("return @UPLOADED_FILE.size", 7),
        ("return Object.keys(globalThis.$ctx ?? {})", []),
        ("@STATUS = 202; return @STATUS", 202),
        ("return await (async () => { await null; return 1 })()", 1),
        ("for (const x of [1]) { return x } // the end", 1),
    ],
)
def test_what_a_script_returns(source: str, result: Any) -> None:
    flow = {"payload": {"a": 1}, "last": 2, "step": 3}
    done = run(source, body={"title": "Hello"}, flow=flow, uploaded_file={"size": 7})
    assert done.result == result


def test_half_a_character_becomes_the_sign_for_it() -> None:
    """No database and no other language has it."""
    source = r"""await @CACHE.set('\ud800a', '😀'); @BODY.a = '\udfff'
    return ['a\ud83d', '\\ud800', '\\\ud800']"""
    done = run(source)
    assert done.result == ["a\ufffd", "\\ud800", "\\\ufffd"]
    assert done.host.calls == [("cache.set", ["\ufffda", "😀"])]
    assert done.host.section("body") == {"a": "\ufffd"}


def test_nothing_returned_is_not_null_returned() -> None:
    assert run("").raw is None
    assert run("return null").raw == b"null"


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("@BODY.a = 1", {"body": {"a": 1, "id": 5}}),
        ("@BODY = [1]", {"body": [1]}),
        ("delete @BODY.id", {"body": {}}),
        ("@QUERY.filter = {id: {_eq: 1}}", {"query": {"filter": {"id": {"_eq": 1}}}}),
        ("@STATUS = 202; @SHARE.n = 1", {"status": 202, "share": {"n": 1}}),
        ("@DATA = undefined", {"data": None}),
        ("@USER.name = 'Eve'; @REQ.ip = '::1'; @BODY.a = 1", {"body": {"a": 1, "id": 5}}),
        ("return @BODY.id", {}),
        ("@BODY.id = 5; @SHARE; @QUERY", {}),
        ("@BODY.a = 1; @THROW400()", {"body": {"a": 1, "id": 5}}),
    ],
)
def test_changes_come_back(source: str, changed: dict[str, Any]) -> None:
    before = {"body": {"id": 5}, "data": {"x": 1}, "user": {"id": 1}, "req": {}}
    done = run(source, **before)
    after = {name: json.loads(text) for name, text in done.host.sections.items()}
    assert after == before | changed


def test_what_is_only_read_stays_byte_for_byte() -> None:
    """Whatever digits, spaces and escapes the host has written."""
    host = run("@BODY.id; @LOGS(@BODY)", body={"id": 2**70, "é": 1.10}).host
    assert host.sections["body"] == json.dumps({"id": 2**70, "é": 1.10}).encode()


def test_large_whole_numbers_keep_their_digits() -> None:
    large = 12345678901234567890
    answers = {"repos.find": {"data": [{"id": large}]}}
    source = "@BODY.a = 1; const {data} = await #post.find(); return [data[0].id, @BODY.id, 1.5]"
    done = run(source, answers=answers, body={"id": -large})
    assert done.result == [large, -large, 1.5]
    assert done.host.section("body") == {"id": -large, "a": 1}


def test_logs_come_in_order_from_console_and_macro() -> None:
    source = "@LOGS('a', 1, {b: [2]}); console.log(null, undefined, new TypeError('t'))"
    source += "\n@SHARE.$logs(1n)"
    assert run(source).host.logs == ['a 1 {"b":[2]}', "null undefined TypeError: t", "1"]


def test_nothing_is_left_for_the_next_run() -> None:
    run("globalThis.left = 1; Array.prototype.at = () => 'mine'; $ctx.$share.x = 1")
    assert run("return [typeof left, [1].at(0), @SHARE.x ?? null]").result == ["undefined", 1, None]


# -- what is asked of the host --------------------------------------------------------------------

ASKED = [
    ("await #post.find({limit: 1})", "repos.find", ["post", "trusted", {"limit": 1}, None]),
    ("await #secure.post.exists({id: 1})", "repos.exists", ["post", "secure", {"id": 1}, None]),
    ("await @REPOS.main.find()", "repos.find", [None, "main", {}, None]),
    ("await #post.delete(7)", "repos.delete", ["post", "trusted", {"id": 7}, None]),
    ("await #a.update(7, 1)", "repos.update", ["a", "trusted", {"id": 7, "data": 1}, None]),
    ("await @REPOS['odd name'].count()", "repos.count", ["odd name", "trusted", {}, None]),
    ("await #post.upsert({data: 1})", "repos.upsert", ["post", "trusted", {"data": 1}, None]),
    ("await @CACHE.set('a', {b: 1}, 500)", "cache.set", ["a", {"b": 1}, 500]),
    ("await @CACHE.exists('a')", "cache.exists", ["a"]),
    ("await @CACHE.release('a', 1)", "cache.release", ["a", 1]),
    ("await @HELPERS.$jwt({a: 1}, '1h')", "helpers.jwt", [{"a": 1}, "1h"]),
    ("await @HELPERS.$verifyJwt('t')", "helpers.verifyJwt", ["t"]),
    ("await @HELPERS.$bcrypt.compare('a', 'b')", "helpers.bcrypt.compare", ["a", "b"]),
    ("await @FETCH('https://a.example')", "helpers.fetch", ["https://a.example", None]),
    ("await @HELPERS.$fetch('u', {method: 'POST'})", "helpers.fetch", ["u", {"method": "POST"}]),
    ("await @HELPERS.$rateLimit.byIp(1)", "helpers.rateLimit.byIp", [1]),
    ("await @HELPERS.$crypto.generateSshKeyPair()", "helpers.crypto.generateSshKeyPair", [None]),
    ("await @TRIGGER('flow', {a: 1})", "trigger", ["flow", {"a": 1}]),
    ("@TRIGGER('nobody awaits it', {})", "trigger", ["nobody awaits it", {}]),
    ("@SOCKET.reply('e', 1)", "socket.reply", ["e", 1]),
    ("await @STORAGE.$delete(3)", "storage.delete", [3]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "name", "arguments"), ASKED, ids=[row[0] for row in ASKED])
def test_what_the_host_is_asked(source: str, name: str, arguments: list[Any]) -> None:
    done = run(source)
    assert done.result is None
    assert done.host.calls == [(name, arguments)]


def test_the_answer_is_what_is_awaited() -> None:
    assert run("return await @CACHE.get('a')", answers={"cache.get": {"b": [1]}}).result == {
        "b": [1]
    }


def test_requests_wait_side_by_side() -> None:
    source = "return (await Promise.all([1, 2, 3].map(n => @CACHE.get(`${n}`)))).length"
    done = run(source)
    assert done.result == 3
    assert done.host.most_at_once == 3


@pytest.mark.may_block
@pytest.mark.parametrize("end", ["return await answer", "answer.then(() => @LOGS('heard'))"])
def test_an_answer_may_come_while_the_script_computes(end: str) -> None:
    source = "const answer = @CACHE.get('a'); for (let n = 0; n < 40_000; n++) await null\n"
    done = run(source + end, answers={"cache.get": 1})
    assert done.result == 1 or done.host.logs == ["heard"]


def test_a_flood_of_requests_is_held_back() -> None:
    source = "const all = []; for (let n = 0; n < 500; n++) all.push(@CACHE.get(`${n}`));\n"
    done = run(source + "return (await Promise.all(all)).length", limits=Limits(requests=20))
    assert done.result == 500
    assert done.host.most_at_once == 20


def test_repositories_in_a_transaction_belong_to_it() -> None:
    source = """
    await #log.create({data: {n: 0}})
    const result = await @TRANSACTION.run(async () => {
      await #log.create({data: {n: 1}})
      await Promise.all([#log.create({data: {n: 2}}), @REPOS.main.find()])
      return 'done'
    })
    await #log.create({data: {n: 3}})
    return result"""
    done = run(source, answers={"transaction.begin": "t1"})
    assert done.result == "done"
    shown = [
        (name, rest[3] if name.startswith("repos") else rest) for name, rest in done.host.calls
    ]
    assert shown == [
        ("repos.create", None), ("transaction.begin", []), ("repos.create", "t1"),
        ("repos.create", "t1"), ("repos.find", "t1"), ("transaction.commit", ["t1"]),
        ("repos.create", None),
    ]  # fmt: skip


def test_a_transaction_whose_callback_throws_is_rolled_back() -> None:
    source = """try {
      await @TRANSACTION.run(async () => { await #post.delete({id: 7}) })
    } catch (error) { return error.code }"""
    done = run(source, answers={"transaction.begin": "t1", "repos.delete": GONE})
    assert done.result == "RESOURCE_NOT_FOUND"
    assert done.host.calls[-1] == ("transaction.rollback", ["t1"])


def test_a_transaction_inside_another_is_refused() -> None:
    source = "await @TRANSACTION.run(() => @TRANSACTION.run(() => 1))"
    done = run(source, answers={"transaction.begin": "t1"})
    assert "one inside another" in done.failure.problem.message
    assert done.host.calls[-1] == ("transaction.rollback", ["t1"])


@pytest.mark.parametrize(
    "pieces", ["['a', {b: 1}]", "(function* () { yield 'a'; yield {b: 1} })", "numbers()"]
)
def test_an_answer_is_streamed_piece_by_piece(pieces: str) -> None:
    source = "async function* numbers() { yield 'a'; await null; yield {b: 1} }\n"
    options = {"mimetype": "text/event-stream"}
    done = run(source + f"await @RES.stream({pieces}, {json.dumps(options)})")
    assert done.host.calls == [
        ("response.begin", [options]), ("response.write", ["a"]),
        ("response.write", ['data: {"b":1}\n\n']), ("response.end", []),
    ]  # fmt: skip


# -- what the worker does by itself ---------------------------------------------------------------


def test_hashes_are_those_that_everybody_knows() -> None:
    source = """const {$crypto} = @HELPERS
    return [await $crypto.sha256('é'), await $crypto.hmacSha256('text', 'key', 'base64')]"""
    known = hmac.digest(b"key", b"text", "sha256")
    expected = [hashlib.sha256("é".encode()).hexdigest(), base64.b64encode(known).decode()]
    assert run(source).result == expected


def test_random_values_differ() -> None:
    source = """const {randomUUID, randomBytes} = @HELPERS.$crypto
    return [await randomUUID(), await randomUUID(), await randomBytes(4),
            await randomBytes(6, 'base64url')]"""
    first, second, four, six = run(source).result
    assert first != second
    assert len(bytes.fromhex(four)) == 4
    assert len(six) == 8


@pytest.mark.parametrize(
    "call", ["randomBytes(0)", "randomBytes(4097)", "sha256(1)", "sha256('a', 'rot13')", "sha256()"]
)
def test_wrong_arguments_of_crypto_are_told(call: str) -> None:
    failure = run(f"\nawait @HELPERS.$crypto.{call}").failure
    assert failure.problem.line == 2
    assert not failure.thrown


@pytest.mark.parametrize(
    ("arguments", "slug"),
    [
        ("' Đường Phố -- Ünï ! '", "duong-pho-uni"),
        ("'Hello World', {separator: '_', lowercase: false}", "Hello_World"),
        ("'abc def', {maxLength: 4}", "abc"),
        ("'Straße №5, Łódź: æøå'", "strasse-no5-lodz-aeoa"),
        ("null", ""),
    ],
)
def test_slugs(arguments: str, slug: str) -> None:
    assert run(f"return @HELPERS.autoSlug({arguments})").result == slug


def test_sleeping_ends_and_what_nobody_awaits_is_given_up() -> None:
    source = "await @HELPERS.$sleep(1); @HELPERS.$sleep(30_000); return 1"
    assert run(source).result == 1
    assert "0 to 30000" in run("await @HELPERS.$sleep(1e9)").failure.problem.message
