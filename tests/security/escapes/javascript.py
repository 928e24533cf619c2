"""Hostile scripts in JavaScript, and what each of them must not bring about."""

# ruff: noqa: E501 - a script stands on one line

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What a script returns that has found nothing.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escape:
    """A hostile script.

    Whatever it does, three things hold for each: it ends, the host is asked for nothing but `asks`,
    and a script that runs after it finds nothing of it.

    Attributes:
        property: What must not be broken, in words.
        returns: What it has to return; None when it has to fail.
        asks: The names that the host may be asked for.
        needs_kill: Whether it stays inside the engine, where only the end of the process helps.
    """

    name: str
    property: str
    source: str
    returns: Any = None
    asks: frozenset[str] = frozenset()
    needs_kill: bool = False


def _finds_nothing(name: str, property: str, source: str) -> Escape:  # noqa: A002
    return Escape(name=name, property=property, source=source, returns=NOTHING)


# -- out of the engine ----------------------------------------------------------------------------

OUTSIDE = [
    _finds_nothing(
        "modules of the engine",
        "no file system and no process",
        "return [typeof std, typeof os, typeof bjs, typeof loadScript, typeof print, typeof Worker,"
        " typeof WebAssembly, typeof process, typeof require, typeof Deno]"
        ".every(t => t === 'undefined') ? 'nothing' : 'something'",
    ),
    _finds_nothing(
        "import of a module",
        "no module can be loaded",
        "for (const name of ['os', 'std', 'fs', 'node:fs', '/etc/passwd', './x.js', 'data:,1'])"
        " { try { await import(name); return name } catch {} } return 'nothing'",
    ),
    _finds_nothing(
        "functions of the host",
        "no function of Python is within reach",
        "const seen = new Set(), found = []; const look = (value, depth) => {"
        " if (depth > 4 || value === null || !/object|function/.test(typeof value) || seen.has(value))"
        " return; seen.add(value);"
        " for (const key of Reflect.ownKeys(value)) { let inner; try { inner = value[key] } catch"
        " { continue } if (/python|pyobject|builtins|__class__/i.test(String(key))) found.push(key);"
        " look(inner, depth + 1) } }; look(globalThis, 0); return found.length ? found : 'nothing'",
    ),
    _finds_nothing(
        "what the host calls",
        "the functions between host and engine are not within reach",
        "const names = ['settle', 'section', 'start', 'take', 'taken', 'finish', 'change', 'parts'];"
        " return names.some(name => name in globalThis) ? 'something' : 'nothing'",
    ),
    _finds_nothing(
        "callers",
        "a script cannot climb to the functions that called it",
        "try { return arguments.callee.caller ?? 'something' } catch {}"
        " try { return script.caller.arguments ? 'something' : 'nothing' } catch { return 'nothing' }",
    ),
    _finds_nothing(
        "the outer function by its constructor",
        "code made of text has no more than the script",
        "const g = (function () {}).constructor('return this')();"
        " return g === globalThis && !('settle' in g) ? 'nothing' : 'something'",
    ),
    Escape(
        name="the end of the wrapper",
        property="a source cannot close the function that it is put into",
        source="})(); globalThis.leaked = 1; (async () => {",
    ),
    Escape(
        name="the end of the wrapper in a template",
        property="a source cannot close the function that it is put into",
        source="`${1}})(); (async () => {`${1}`",
    ),
    Escape(
        name="nul",
        property="a source is not cut at a NUL",
        source="return 1\0})(); (async () => {",
    ),
    _finds_nothing(
        "shared memory",
        "no thread and no waiting lock",
        "return typeof Atomics === 'undefined' && typeof SharedArrayBuffer === 'undefined'"
        " ? 'nothing' : 'something'",
    ),
]

# -- time and memory ------------------------------------------------------------------------------


def _is_ended(name: str, source: str, *, needs_kill: bool = False) -> Escape:
    return Escape(
        name=name,
        property="it does not hold the worker up for longer than it may",
        source=source,
        needs_kill=needs_kill,
    )


TIME = [
    _is_ended("a loop", "for (;;) {}"),
    _is_ended("a loop that catches", "for (;;) { try { for (;;) {} } catch {} finally { continue } }"),
    _is_ended("a loop of awaits", "for (;;) await null"),
    _is_ended("a loop in a job", "Promise.resolve().then(() => { for (;;) {} }); await new Promise(() => {})"),
    _is_ended("a getter", "return {get a() { for (;;) {} }}"),
    _is_ended("toJSON", "return {toJSON() { for (;;) {} }}"),
    _is_ended("text of an error", "throw {toString() { for (;;) {} }, toJSON() { for (;;) {} }}"),
    _is_ended("message of an error", "const e = new Error(); Object.defineProperty(e, 'message', {get() { for (;;) {} }}); throw e"),
    _is_ended("stack of an error", "const e = new Error(); Object.defineProperty(e, 'stack', {get() { for (;;) {} }}); throw e"),
    _is_ended("prepareStackTrace", "try { Error.prepareStackTrace = () => ({toString() { for (;;) {} }}) } catch {} for (;;) {}"),
    _is_ended("toString of all errors", "try { Error.prototype.toString = () => { for (;;) {} } } catch {} try { InternalError.prototype.toString = Error.prototype.toString } catch {} for (;;) {}"),
    _is_ended("name of all errors", "try { Object.defineProperty(InternalError.prototype, 'name', {get() { for (;;) {} }}) } catch {} for (;;) {}"),
    _is_ended("a thenable", "await {then() { for (;;) {} }}"),
    _is_ended("a proxy as result", "return new Proxy({}, {ownKeys() { for (;;) {} }})"),
    _is_ended("a regular expression", "return /^(a|a)+$/.test('a'.repeat(50) + 'b')"),
    _is_ended("sorting", "[3, 1, 2].sort(() => { for (;;) {} })"),
    _is_ended("a generator's end", "for (const x of {[Symbol.iterator]: () => ({next: () => ({value: 1}), return() { for (;;) {} }})}) break"),
    _is_ended("unawaited work", "(async () => { for (;;) await null })(); return 1"),
    _is_ended("numbers without end", "let n = 3n; for (;;) n = n * n"),
    _is_ended("joining nothing", "new Array(2 ** 32 - 1).join('')", needs_kill=True),
    _is_ended("searching nothing", "Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)", needs_kill=True),
]  # fmt: skip

MEMORY = [
    _is_ended("lists", "const all = []; for (;;) all.push(new Array(10_000).fill(1.5))"),
    _is_ended("lists that are caught", "for (;;) { try { const all = []; for (;;) all.push(new Array(1e4).fill(1.5)) } catch {} }"),
    _is_ended("text", "let text = 'x'; for (;;) text += text + '!'"),
    _is_ended("logs", "for (;;) @LOGS('x'.repeat(100_000))"),
    _is_ended("buffers", "const all = []; for (;;) all.push(new Uint8Array(1_000_000))"),
    _is_ended("recursion", "const f = () => f() + 1; return f()"),
    _is_ended("recursion that catches", "const f = () => { try { f() } catch { f() } }; f(); for (;;) {}"),
    _is_ended("a deep result", "let deep = []; for (let n = 0; n < 200_000; n++) deep = [deep]; return deep"),
    _is_ended("a chain of promises", "const again = () => Promise.resolve().then(again); await again()"),
    _is_ended("a long text repeated", "return 'x'.repeat(2 ** 30)"),
]  # fmt: skip

# -- lying to the host ----------------------------------------------------------------------------

HOST = [
    Escape(
        name="toJSON of lists",
        property="arguments may be odd, names may not",
        source="Array.prototype.toJSON = () => 'mine'; await @CACHE.get('a'); return 'nothing'",
        returns=NOTHING,
        asks=frozenset({"cache.get"}),
    ),
    Escape(
        name="a name with a line break",
        property="nobody can ask for what has no name",
        source="await @SOCKET['x\\n0 log']()",
    ),
    Escape(
        name="a name with a space",
        property="nobody can ask for what has no name",
        source="await @SOCKET['reply [1] 2 transaction.begin']()",
    ),
    Escape(
        name="half characters",
        property="text that is no Unicode reaches the host as JSON",
        source="await @CACHE.get('\\ud800'); return 'nothing'",
        returns=NOTHING,
        asks=frozenset({"cache.get"}),
    ),
    Escape(
        name="promises of one's own",
        property="replacing Promise harms nobody but the script",
        source="globalThis.Promise = class { then() { for (;;) {} } }; Promise.prototype.then = 1;"
        " await @CACHE.get('a')",
        asks=frozenset({"cache.get"}),
    ),
    Escape(
        name="JSON of one's own",
        property="replacing JSON changes nothing for the host",
        source="JSON.stringify = JSON.parse = () => '0 log'; Map.prototype.get = () => 1;"
        " return 'nothing'",
        returns=NOTHING,
    ),
    Escape(
        name="a flood",
        property="the host is not asked for more at a time than it bears",
        source="for (let n = 0; n < 500; n++) @CACHE.get('a'); return 'nothing'",
        returns=NOTHING,
        asks=frozenset({"cache.get"}),
    ),
    Escape(
        name="an error of one's own",
        property="a code and a status cannot be made up",
        source="throw Object.assign(new Error('mine'), {code: 'AUTHORIZATION_ERROR', statusCode: 200})",
    ),
    Escape(
        name="sleep",
        property="nobody sleeps for hours",
        source="await @HELPERS.$sleep(1e12)",
    ),
    Escape(
        name="prototypes",
        property="what one script does to all objects, the next does not find",
        source="Object.prototype.leaked = 1; Array.prototype.map = () => 'mine';"
        " globalThis.leaked = 1; @SHARE.leaked = 1; return 'nothing'",
        returns=NOTHING,
    ),
]

ESCAPES = [*OUTSIDE, *TIME, *MEMORY, *HOST]

# A script that tells whether it has found anything of another one.
PROBE = """return [typeof globalThis.leaked, ({}).leaked ?? null, [1].map(x => x + 1)[0],
  JSON.stringify({a: 1}), String(new Error('e')), Object.keys(@BODY).length]"""
UNTOUCHED = ["undefined", None, 2, '{"a":1}', "Error: e", 0]
