"""Macros become plain code; nothing else changes, and every place can be found again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest
from enfyra_kernel.scripts.macros import THROWN, Expanded, MacroError, expand, expansions
from enfyra_kernel.scripts.script import Language
from hypothesis import given, settings
from hypothesis import strategies as st

PYTHON, JAVASCRIPT = Language.PYTHON, Language.JAVASCRIPT

IN_PYTHON = [
    ("@BODY.title", "ctx.body.title"),
    ("@STATUS = 202", "ctx.status = 202"),
    ("@FLOW_LAST.rows", "ctx.flow.last.rows"),
    ("@FLOW.step", "ctx.flow.step"),
    ("await @FETCH(url)", "await ctx.helpers.fetch(url)"),
    ("if not x: @THROW400('no')", "if not x: ctx.throw.http_400('no')"),
    ("@THROW.not_found('Project', 1)", "ctx.throw.not_found('Project', 1)"),
    ("match @BODY.kind:\n    case 1: pass", "match ctx.body.kind:\n    case 1: pass"),
    ("x = [@BODY, @QUERY][0]", "x = [ctx.body, ctx.query][0]"),
    ("x = (a\n  or @BODY)", "x = (a\n  or ctx.body)"),
    # repositories
    ("x = await #post.find()", "x = await ctx.repos.post.find()"),
    ("await #secure.post.find()", "await ctx.repos.secure.post.find()"),
    ("return #post.find()", "return ctx.repos.post.find()"),
    ("posts = #post", "posts = ctx.repos.post"),
    ("x = \\\n  #post.find()", "x = \\\n  ctx.repos.post.find()"),
    ("await gather(a, #post.count())", "await gather(a, ctx.repos.post.count())"),
    ("x = {'a': #post.count()}", "x = {'a': ctx.repos.post.count()}"),
    # packages
    ("return %slugify.make(x)", "return ctx.pkgs.slugify.make(x)"),
    ("x = [%a.b, %c.d]", "x = [ctx.pkgs.a.b, ctx.pkgs.c.d]"),
    # strings with code in them
    ("f'{@BODY.x!r:>{@QUERY.w}} @BODY'", "f'{ctx.body.x!r:>{ctx.query.w}} @BODY'"),
    ("f'{{@BODY}} {@BODY}'", "f'{{@BODY}} {ctx.body}'"),
    ("rf'\\{@BODY}'", "rf'\\{ctx.body}'"),
    ("f'\\N{BULLET}{@BODY}'", "f'\\N{BULLET}{ctx.body}'"),
    ('f"""\n{await #post.count()}\n"""', 'f"""\n{await ctx.repos.post.count()}\n"""'),
    ("f'{x != @BODY}'", "f'{x != ctx.body}'"),
    ("f'{x:%H:%M @BODY}'", "f'{x:%H:%M @BODY}'"),
]

SAME_IN_PYTHON = [
    "a @ b", "a @ BODY", "a@B", "(a\n @ b)", "a @= b", "x %y", "x % y", "'%s' %name", "x %= 3",
    "@decorator\ndef f(): pass", "@body\nasync def f(): pass",
    "@A_B(1,\n  ')')\n# c\n\nclass C: pass",
    "@one\n@two\ndef f(): pass", "    @inner\n    def f(): pass",
    "'@BODY #post.find('", '"""\n@BODY\n#post.find(\n"""', "rb'@BODY'", "# @BODY #post.find(",
    "#@BODY",
    "x = 1 #post.find(...) was slow", "f(x) #post.find(", "return #nothing.", "pass #post",
    "from x import * #post", "x = 1, #post", "x = [ #one\n]", "# post.find(x)", "#rows = await x",
    "if x: #then", "...", "x = ... #post.find()", "'unterminated @BODY", "'\\'@BODY'",
]  # fmt: skip

IN_JAVASCRIPT = [
    ("@BODY.author = {id: @USER?.id}", "$ctx.$body.author = {id: $ctx.$user?.id}"),
    ("@STATUS = 202", "$ctx.$statusCode = 202"),
    ("@UPLOADED_FILE.size", "$ctx.$uploadedFile.size"),
    ("if (!x) @THROW400('no')", "if (!x) $ctx.$throw['400']('no')"),
    ("await @FETCH(url)", "await $ctx.$helpers.$fetch(url)"),
    ("@FLOW_PAYLOAD.a + @FLOW.$last", "$ctx.$flow.$payload.a + $ctx.$flow.$last"),
    ("const p = await #post.find({})", "const p = await $ctx.$repos.post.find({})"),
    ("#post.find()", "$ctx.$repos.post.find()"),
    ("let a = 1\n#secure.post.find()", "let a = 1\n$ctx.$repos.secure.post.find()"),
    ("[#post, #user].map(f)", "[$ctx.$repos.post, $ctx.$repos.user].map(f)"),
    ("return %lodash.chunk(a % b, 2)", "return $ctx.$pkgs.lodash.chunk(a % b, 2)"),
    ("`${@BODY.x} @BODY ${`#a ${#post.count()}`}`", None),
    ("`${ {a: `}`}.a + @BODY }`", "`${ {a: `}`}.a + $ctx.$body }`"),
    ("a / b / @BODY", "a / b / $ctx.$body"),
    ("({a: 1}) / @BODY / 2", "({a: 1}) / $ctx.$body / 2"),
    ("a++ / @BODY / 2", "a++ / $ctx.$body / 2"),
    ("x.return / @BODY / 2", "x.return / $ctx.$body / 2"),
    ("/* @BODY */ @BODY // @BODY", "/* @BODY */ $ctx.$body // @BODY"),
    ("x = /[/@BODY]#a./g.test(@BODY)", "x = /[/@BODY]#a./g.test($ctx.$body)"),
]

SAME_IN_JAVASCRIPT = [
    "'@BODY' + \"#post.find\"", "`@BODY #post.find() %p`", "// @BODY", "/* #post.find() */", "a %b",
    "a\n%b", "x = /@BODY/", "if (x) /@BODY/.test(y)", "return /@BODY/",
    "if (a) {}\n/@BODY/.test(x)",
    "class A { #x = 1; #y; #m() { return this.#x + (#x in this) } static #s() {} get #g() {} }",
    "$ctx.$body", "'\\'@BODY'", "`\\`@BODY`", "x => { return /@BODY/ }",
]  # fmt: skip


@pytest.mark.parametrize(("source", "text"), IN_PYTHON)
def test_macros_in_python(source: str, text: str) -> None:
    assert expand(source, PYTHON).text == text


@pytest.mark.parametrize("source", SAME_IN_PYTHON)
def test_what_is_no_macro_in_python_stays(source: str) -> None:
    assert expand(source, PYTHON).text == source


@pytest.mark.parametrize(("source", "text"), IN_JAVASCRIPT)
def test_macros_in_javascript(source: str, text: str | None) -> None:
    nested = "`${$ctx.$body.x} @BODY ${`#a ${$ctx.$repos.post.count()}`}`"
    assert expand(source, JAVASCRIPT).text == (text or nested)


@pytest.mark.parametrize("source", SAME_IN_JAVASCRIPT)
def test_what_is_no_macro_in_javascript_stays(source: str) -> None:
    assert expand(source, JAVASCRIPT).text == source


@pytest.mark.parametrize("language", Language)
def test_every_macro_is_expanded_whole(language: Language) -> None:
    """None is taken for a shorter one that it begins with."""
    for name, text in expansions(language).items():
        assert expand(f"x = @{name}\n", language).text == f"x = {text}\n"
    assert {f"THROW{status}" for status in THROWN} < set(expansions(language))


@pytest.mark.parametrize("language", Language)
def test_one_kind_of_line_break(language: Language) -> None:
    expanded = expand("a = 1\r\nb = @BODY\rc = @QUERY", language)
    assert expanded.text.count("\n") == 2
    assert expanded.origin(3, 6) == (3, 5)


@pytest.mark.parametrize(
    ("language", "source", "line", "column", "hint"),
    [
        (PYTHON, "x = 1\nreturn @BODDY.x", 2, 8, "Did you mean @BODY?"),
        (PYTHON, "@body.x = 1", 1, 1, "Did you mean @BODY?"),
        (PYTHON, "@THROW418('tea')", 1, 1, "Did you mean @THROW.http(418, message)?"),
        (PYTHON, "x = a @BODY", 1, 7, "A matrix product is written with spaces: a @ BODY"),
        (PYTHON, "x.@BODY", 1, 3, None),
        (PYTHON, "f'{@BODDY}'", 1, 4, "Did you mean @BODY?"),
        (PYTHON, "x = 1\n  #post.find({})", 2, 3, "Write 'await #post.find(...)'"),
        (PYTHON, "gather(\n#post.find(1),\n)", 2, 1, "Write 'await #post.find(...)'"),
        (PYTHON, "if x: #post.delete(1)", 1, 7, "Write 'await #post.delete(...)'"),
        (PYTHON, "x = [ #post.fnd(1)\n]", 1, 7, "A repository has find, exists"),
        (JAVASCRIPT, "let a\nreturn @BODDY", 2, 8, "Did you mean @BODY?"),
        (JAVASCRIPT, "`${@body}`", 1, 4, "Did you mean @BODY?"),
        (JAVASCRIPT, "x.@BODY", 1, 3, None),
    ],
)
def test_what_is_wrong_or_unclear_is_told(
    language: Language, source: str, line: int, column: int, hint: str | None
) -> None:
    with pytest.raises(MacroError) as raised:
        expand(source, language)
    problem = raised.value.problem
    assert (problem.line, problem.column) == (line, column)
    assert problem.text == source.split("\n")[line - 1]
    assert (problem.hint or "").startswith(hint or "")


# -- whatever a script is made of -----------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A part of a source, and what becomes of it."""

    source: str
    text: str
    moves: bool = False


def kept(text: str) -> Piece:
    return Piece(text, text)


TEXT = st.text("@BODY#post.find()%x'\"`\\/{}$ \n\té😀", max_size=24)
LINE = TEXT.map(lambda text: text.replace("\n", " "))
MACROS = st.sampled_from(["BODY", "QUERY", "FLOW_LAST", "FLOW", "THROW404"])


def pieces(language: Language) -> st.SearchStrategy[list[Piece]]:
    macro = MACROS.map(lambda name: Piece(f"@{name}", expansions(language)[name], moves=True))
    names = st.sampled_from(["x", "é", "data.BODY", "f(1)", "[1, 2]", "3.5"]).map(kept)
    if language is PYTHON:
        text = st.one_of(TEXT.map(repr), TEXT.map(lambda one: "r" + repr(one.replace("\\", ""))))
        comment = LINE.map(lambda one: kept(f"  # {one}"))
    else:
        quoted = TEXT.map(lambda one: json.dumps(one, ensure_ascii=False))
        template = TEXT.map(lambda one: "`" + one.translate({96: None, 92: None, 36: None}) + "`")
        text = st.one_of(quoted, template)
        comment = LINE.map(lambda one: kept(f" // {one}"))
    operand = st.one_of(macro, text.map(kept), names)
    sums = st.lists(operand, min_size=1, max_size=4).map(
        lambda parts: [one for part in parts for one in (kept(" + "), part)][1:]
    )
    line = st.tuples(sums, st.one_of(st.just(kept("")), comment)).map(
        lambda both: [kept("y = "), *both[0], both[1], kept("\n")]
    )
    return st.lists(line, max_size=5).map(lambda lines: [one for line in lines for one in line])


def places(text: str) -> list[tuple[int, int]]:
    """Give line and column of each character."""
    found, line, column = [], 1, 1
    for character in text:
        found.append((line, column))
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
    return found


def check_places(expanded: Expanded, parts: list[Piece]) -> None:
    authors, expandeds = places(expanded.source), places(expanded.text)
    author = at = 0
    for part in parts:
        for index in range(len(part.text)):
            there = authors[author if part.moves else author + index]
            assert expanded.origin(*expandeds[at + index]) == there
        author += len(part.source)
        at += len(part.text)


@pytest.mark.parametrize("language", Language)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_only_macros_change_and_every_place_is_found_again(
    language: Language, data: st.DataObject
) -> None:
    parts = data.draw(pieces(language))
    expanded = expand("".join(part.source for part in parts), language)
    assert expanded.text == "".join(part.text for part in parts)
    check_places(expanded, parts)


@pytest.mark.parametrize("language", Language)
@settings(max_examples=200, deadline=None)
@given(source=st.text("@#%BODY.x'\"`\\/{}()[]$f \n=+:;!", max_size=60))
def test_any_text_is_expanded_or_refused(language: Language, source: str) -> None:
    try:
        expanded = expand(source, language)
    except MacroError as error:
        problem = error.problem
        assert problem.text == source.split("\n")[(problem.line or 0) - 1]
    else:
        assert expanded.text.count("\n") == source.count("\n")


def test_nothing_but_the_standard_library_is_loaded() -> None:
    """A worker that expands macros must not hold what the server is made of."""
    code = (
        "import sys, threading; before = set(sys.modules); import enfyra_kernel.scripts.checks;"
        "import enfyra_kernel.scripts.javascript; assert threading.active_count() == 1;"
        "print(*(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert loaded - sys.stdlib_module_names <= {"enfyra_kernel", "_quickjs"}
