"""What is wrong with a source is told with its place and in plain words, before it runs."""

from __future__ import annotations

import ast

import pytest
from enfyra_kernel.scripts.checks import check, python_tree
from enfyra_kernel.scripts.script import Language, Problem
from hypothesis import given, settings
from hypothesis import strategies as st

PYTHON, JAVASCRIPT = Language.PYTHON, Language.JAVASCRIPT

WRONG_IN_PYTHON = [
    # source, line, column, what the message and the hint hold
    ("if @BODY && @USER:\n  pass", 1, 11, "syntax", "'and'"),
    ("if @BODY || @USER:\n  pass", 1, 11, "syntax", "'or'"),
    ("x = !@BODY", 1, 5, "syntax", "'not'"),
    ("x = null", 1, 5, "no 'null'", "None"),
    ("return @BODY.done is true", 1, 22, "no 'true'", "True"),
    ("console.log(@BODY)", 1, 1, "no 'console'", "print"),
    ("const x = 1", 1, 7, "syntax", "no const"),
    ("x = @BODY ? 1 : 2", 1, 11, "syntax", "if condition else"),
    ("else if x:", 1, 1, "syntax", "elif"),
    ("a?.b", 1, 2, "syntax", "None"),
    ("x++", 1, 4, "syntax", "+= 1"),
    ("x = `${@BODY}`", 1, 5, "syntax", 'f"'),
    ("// hello", 1, 1, "syntax", "begins with #"),
    ("return (@BODY.x", 1, 8, "never closed", "counterpart"),
    ("x = 1]", 1, 6, "nmatched", "counterpart"),
    ("if @BODY\n  pass", 1, 9, "Expected ':'", "colon"),
    ("  x = 1", 1, 3, "indent", "further in"),
    ("def f():\nreturn", 2, 1, "indented block", "4 spaces"),
    ("x = 'abc", 1, 5, "nterminated", "closing quotes"),
    ("x = = 1", 1, 5, "syntax", ""),
    ("yield 1", 1, 1, "yield", "return"),
    ("break", 1, 1, "outside loop", ""),
    ("@BODY.é = @BODY.ü; y z", 1, 22, "syntax", ""),
    ("\n\nreturn @BODDY", 3, 8, "no macro", "@BODY"),
    # what has to be awaited
    ("rows = #post.find()\nreturn rows.data", 1, 8, "await is missing before #post.find(", ""),
    ("return #post.find().data", 1, 8, "await is missing before #post.find(", ""),
    ("é = 1; é = #post.count() + @BODY.n", 1, 12, "await is missing before #post.count(", ""),
    ("for row in #post.find():\n  pass", 1, 12, "await is missing before #post.find(", ""),
    ("if #post.exists({}): return 1", 1, 4, "await is missing", ""),
    ("@HELPERS.sleep(5)", 1, 1, "await is missing before @HELPERS.sleep(", ""),
    ("@RES.stream(['a'])", 1, 1, "await is missing before @RES.stream(", ""),
    ("x = @TRIGGER('x').jobId", 1, 5, "await is missing before @TRIGGER(", ""),
    ("x = 1\ny = @CACHE.get('a') or 2", 2, 5, "await is missing before @CACHE.get(", ""),
    ("a, b = #secure.post.find()", 1, 8, "await is missing before #secure.post.find(", ""),
    ("return f'{#post.count()}'", 1, None, "await is missing", ""),
]

RIGHT_IN_PYTHON = [
    "", "# nothing", "return 1", "return", "await f()\nreturn await g()", "async with a: pass",
    "rows = await #post.find()\nreturn rows.data", "task = #post.find()\nreturn (await task).data",
    "@TRIGGER('x', {})", "@CACHE.set('a', 1, 5)", "if @BODY: @REPOS.log.create({'data': @BODY})",
    "a, b = await gather(#post.find(), #user.count())", "tasks = [#post.find()]",
    "null = None\nreturn null", "import json as JSON\nreturn JSON.dumps(1)",
    "def f(this): return this", "f = (lambda: #post.find())",
    "def rows():\n  yield 1\nreturn list(rows())", "x = '\\d' is 'y'", "return a @ b",
]  # fmt: skip

WRONG_IN_JAVASCRIPT = [
    ("if (a and b) {}", 1, 7, "and", "&&"),
    ("elif (x) {}", 1, 10, "xpecting", "else if"),
    ("def f():\n  x", 1, 5, "xpecting", "function"),
    ("# hello", 1, 1, "private name", "//"),
    ("let x: number = 1", 1, 6, "xpecting", "TypeScript"),
    ("return None", 1, 8, "no 'None'", "null"),
    ("foo(1, [2)", 1, 10, "')' does not close the '[' of line 1", ""),
    ("if (a) {\n  foo(", 2, 6, "'(' was never closed", ""),
    ("})(); (() => {", 1, 1, "'}' closes nothing", ""),
    ("let x = 1\nlet x = 2", 2, 7, "redefinition", ""),
    ("let é = @BODY.ü; y z", 1, 20, "xpecting", ""),
    ("import x from 'y'", 1, 8, "dentifier", "cannot import"),
    ("x = 'a\nb'", 1, 5, "string", ""),
    ("return @BODDY", 1, 8, "no macro", "@BODY"),
    ("const r = #post.find()\nreturn r.data", 1, 11, "await is missing before #post.find(", ""),
    ("const {data} = #post.find({a: [1]})", 1, 16, "await is missing", ""),
    ("return #post.find().data", 1, 8, "await is missing", "(await #post.find(...))"),
    ("return @REPOS.post.find().data", 1, 8, "await is missing before @REPOS.post.find(", ""),
    ("if (@CACHE.get('a').b) {}", 1, 5, "await is missing before @CACHE.get(", ""),
    ("const {body} = @FETCH('u')", 1, 16, "await is missing before @FETCH(", ""),
    ("if (!#post.exists({})) {}", 1, 6, "await is missing before #post.exists(", ""),
]

RIGHT_IN_JAVASCRIPT = [
    "", "// nothing", "return 1", "return await 1", "return #post.find()", "await #post.create({})",
    "const r = await #post.find()\nreturn r.data", "#post.find().then(f)",
    "return (await #a.find()).data",
    "const [a, b] = await Promise.all([#a.find(), #b.find()])",
    "const p = #a.find(); return await p",
    "const p = #a.find(); f(p); return p.data", "const x = {None: 1}; return x.None",
    "var True = 1",
    "const f = @FETCH; return (await f('u')).body", "@BODY.find({}).x", "@CACHE.set('a', 1)",
    "@FETCH('u').then(f)", "return await @CACHE.get('a')",
    "class A { #x = 1; get() { return this.#x } }", "for await (const x of y) {}", "return /[(]/",
    "return `${`${1}`}`", "@SOCKET.emitToRoom('a', 'b', {})", "if (a) { return 1 } // (",
]  # fmt: skip


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, [problem.marked() for problem in problems]
    return problems[0]


@pytest.mark.parametrize(
    ("language", "source", "line", "column", "message", "hint"),
    [(PYTHON, *row) for row in WRONG_IN_PYTHON]
    + [(JAVASCRIPT, *row) for row in WRONG_IN_JAVASCRIPT],
)
def test_what_is_wrong(
    language: Language, source: str, line: int, column: int | None, message: str, hint: str
) -> None:
    problem = only(check(language, source))
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert problem.text == source.split("\n")[line - 1]
    assert problem.line == line
    if column is not None:
        assert problem.column == column


@pytest.mark.parametrize("source", RIGHT_IN_PYTHON)
def test_what_is_right_in_python(source: str) -> None:
    assert check(PYTHON, source) == []


@pytest.mark.parametrize("source", RIGHT_IN_JAVASCRIPT)
def test_what_is_right_in_javascript(source: str) -> None:
    assert check(JAVASCRIPT, source) == []


def test_a_mistake_inside_an_fstring_has_its_line() -> None:
    problem = only(check(PYTHON, "x = 1\ny = f'{@BODY.x z}'"))
    assert problem.line == 2
    assert "f-string" in problem.message or "syntax" in problem.message


@pytest.mark.may_block
@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "source",
    ["(" * 3_000 + ")" * 3_000, "[" * 100_000, "x = " + "-" * 20_000 + "1", "\0", "x = '\ud800'"],
    ids=["brackets", "open", "signs", "nul", "half a character"],
)
def test_what_no_compiler_takes_is_a_problem(language: Language, source: str) -> None:
    assert only(check(language, source)).message


@pytest.mark.parametrize("language", Language)
@settings(max_examples=150, deadline=None)
@given(source=st.text("@#%BODY.awit xif'\"`\\/{}()[]$ \n=+:;!1", max_size=50))
def test_any_text_is_checked(language: Language, source: str) -> None:
    for problem in check(language, source):
        assert problem.message
        if problem.line is not None:
            assert problem.text == source.split("\n")[problem.line - 1]
            assert problem.column is None or 1 <= problem.column <= len(problem.text) + 1


def test_the_tree_of_a_script_keeps_the_authors_lines() -> None:
    tree = python_tree("x = 1\n\nreturn x")
    [function] = tree.body
    assert isinstance(function, ast.AsyncFunctionDef)
    assert [node.lineno for node in function.body] == [1, 3]
