"""Hostile scripts in Python.

Each has a name, what it must not reach, and its source. A script that reaches it returns
"ESCAPED"; whatever it does, it must not bring out the canaries, leave anything behind for the
next script, or hold the server up.
"""

# ruff: noqa: E501 - a script is read best in one line
from __future__ import annotations

FILES = {
    "open": "open('{file}').read()\nreturn 'ESCAPED'",
    "import os": "import os\nreturn os.listdir('/')",
    "import by function": "return __import__('os').getcwd()",
    "import io and open": "import io\nreturn io.open('{file}').read()",
    "open_code": "from io import open_code\nreturn open_code('{file}').read()",
    "pathlib": "from pathlib import Path\nreturn Path('{file}').read_text()",
    "import a private module": "import _io\nreturn _io.open('{file}').read()",
    "import from the server": "from enfyra_kernel.scripts.worker import linux\nreturn 'ESCAPED'",
    "a module within a module": "import json\nreturn json.decoder.scanner.re.sys.modules",
    "codecs behind json": "import json\nreturn json.codecs.open('{file}').read()",
    "os behind random": "import random\nreturn random._os.listdir('/')",
    "sys behind collections": "import collections\nreturn str(collections._sys.modules)",
    "loader of a facade": "import math\nreturn math.__loader__",
    "spec by getattr": "import math\nreturn getattr(math, '__spec' + '__')",
    "csv on a path": "import csv\nreturn list(csv.reader(open('{file}')))",
    "zone outside the zones": "from zoneinfo import ZoneInfo\nreturn str(ZoneInfo('../../../../{file}'))",
    "hash of a file": "import hashlib\nreturn hashlib.file_digest",
    "exec": "exec('import os')\nreturn 'ESCAPED'",
    "eval": "return eval('1')",
    "compile": "return str(compile('1', 'a', 'eval'))",
    "breakpoint": "breakpoint()\nreturn 'ESCAPED'",
    "input": "return input()",
    "help": "help()\nreturn 'ESCAPED'",
}

INTERNALS = {
    "class of a value": "return str(().__class__.__base__.__subclasses__())",
    "mro": "return str(type(()).mro()[1])",
    "class by getattr": "return getattr((), '__class__')",
    "a text that lies about itself": (
        "class S(str):\n    def startswith(self, *a):\n        return False\n"
        "    def __hash__(self):\n        return 0\n    def __eq__(self, o):\n        return False\n"
        "return str(getattr((), S('__class__')))"
    ),
    "format walks": "return '{0.__class__.__mro__}'.format(ctx)",
    "format by getattr": "return getattr('{0.__class__}', 'format')(ctx)",
    "format_map": "return '{a.__class__}'.format_map({'a': ctx})",
    "format of str": "return str.format('{0.__class__}', ctx)",
    "formatter": "import string\nreturn string.Formatter().format('{0.__class__}', ctx)",
    "frame of a generator": "g = (g.gi_frame.f_back for _ in [1])\nreturn str(next(g))",
    "code of a function": "def f(): pass\nreturn f.__code__.co_consts",
    "globals of a function": "def f(): pass\nreturn str(f.__globals__)",
    "coroutine frame": "async def f(): pass\nc = f()\nreturn str(c.cr_frame.f_globals)",
    "traceback": "try:\n    1 / 0\nexcept Exception as e:\n    return str(e.__traceback__.tb_frame)",
    "traceback by name": "try:\n    1 / 0\nexcept Exception as e:\n    return e.with_traceback(None).tb_next",
    "match on a dunder": "match ctx:\n    case object(__class__=c):\n        return str(c)",
    "match by position": (
        "class A:\n    __match_args__ = ('__class__',)\nmatch ctx:\n    case A(c):\n        return str(c)"
    ),
    "keyword with a dunder": "return str(type('A', (), {'__class__': 1}))",
    "metaclass": "class M(type):\n    pass\nclass A(metaclass=M):\n    pass\nreturn 'ESCAPED'",
    "builtins": "return str(__builtins__)",
    "globals": "return str(globals())",
    "locals": "return str(locals())",
    "vars of the context": "return str(vars(ctx))",
    "dir of the context": "return dir(ctx)",
    "port of the context": "return str(ctx._port)",
    "port by getattr": "return str(getattr(ctx, '_port'))",
    "port by hasattr": "return 'ESCAPED' if hasattr(ctx, '_port') else hasattr(ctx, '_sections')",
    "operator": "import operator\nreturn str(operator.attrgetter('__class__')(ctx))",
    "loop of a task": (
        "import asyncio\nasync def f(): pass\nreturn str(asyncio.create_task(f()).get_loop())"
    ),
    "loop of a request": "return str(ctx.cache.get('a').get_loop())",
    "running loop": "import asyncio\nreturn str(asyncio.get_running_loop())",
    "event loop": "import asyncio\nreturn str(asyncio.get_event_loop())",
    "all tasks": "import asyncio\nreturn str(asyncio.all_tasks())",
    "guard by its name": "_write_ = lambda x: x\nreturn 'ESCAPED'",
    "guard as an argument": "def f(_write_): pass\nreturn 'ESCAPED'",
    "guard as an exception": "try:\n    1 / 0\nexcept Exception as _write_:\n    return 'ESCAPED'",
    "guard by import": "import json as _write_\nreturn 'ESCAPED'",
    "gc": "import gc\nreturn str(gc.get_objects()[:1])",
    "ctypes": "import ctypes\nreturn str(ctypes.string_at(0))",
    "inspect": "import inspect\nreturn str(inspect.currentframe())",
    "unpickling": "import pickle\nreturn pickle.loads(b'cos\\nsystem\\n.')",
    "marshal": "import marshal\nreturn 'ESCAPED'",
    "names from bytes": "return str(getattr((), b'__class__'.decode()))",
    "super's class": "class A:\n    def f(self):\n        return super().__class__\nreturn str(A().f())",
    "decorator on a dunder": "class A:\n    @property\n    def __class__(self):\n        return 1\nreturn 'ESCAPED'",
    "setattr on a dunder": "class A: pass\nsetattr(A, '__getattribute__', 1)\nreturn 'ESCAPED'",
    "global": "def f():\n    global x\n    x = 1\nf()\nreturn 'ESCAPED'",
}

NETWORK = {
    "import socket": "import socket\nsocket.create_connection(('127.0.0.1', {port}))\nreturn 'ESCAPED'",
    "urlopen": "import urllib.request\nreturn urllib.request.urlopen('http://127.0.0.1:{port}')",
    "connection of the loop": (
        "import asyncio\nawait asyncio.open_connection('127.0.0.1', {port})\nreturn 'ESCAPED'"
    ),
    "http behind urllib": "import urllib\nreturn urllib.request",
    "ssl": "import ssl\nreturn 'ESCAPED'",
}

PROCESSES = {
    "subprocess": "import subprocess\nreturn subprocess.run(['id'])",
    "fork": "import os\nos.fork()\nreturn 'ESCAPED'",
    "system": "import os\nos.system('touch {file}.new')\nreturn 'ESCAPED'",
    "threads": "import threading\nthreading.Thread(target=print).start()\nreturn 'ESCAPED'",
    "to_thread": "import asyncio\nawait asyncio.to_thread(print)\nreturn 'ESCAPED'",
    "multiprocessing": "import multiprocessing\nreturn 'ESCAPED'",
    "shell of the loop": "import asyncio\nawait asyncio.create_subprocess_shell('id')\nreturn 'ESCAPED'",
    "kill": "import os\nos.kill(os.getppid(), 9)\nreturn 'ESCAPED'",
    "exit": "import sys\nsys.exit(1)",
    "exit as a name": "exit(1)",
    "raise SystemExit": "raise SystemExit(1)",
    "raise KeyboardInterrupt": "raise KeyboardInterrupt",
    "raise BaseException": "raise BaseException('x')",
    "raise GeneratorExit": "raise GeneratorExit",
    "raise cancellation": "import asyncio\nraise asyncio.CancelledError",
    "signals": "import signal\nsignal.alarm(1)\nreturn 'ESCAPED'",
}

ENVIRONMENT = {
    "environ": "import os\nreturn dict(os.environ)",
    "ctx.env": "return ctx.env",
    "arguments": "import sys\nreturn sys.argv",
    "platform": "import platform\nreturn platform.node()",
    "another call's data": "return [ctx.body, ctx.user, ctx.share, ctx.params, ctx.flow]",
}

# What they change must not be there for the next script.
STATE = {
    "a function of json": "import json\njson.dumps = lambda x: 'ESCAPED'",
    "a function of json by setattr": "import json\nsetattr(json, 'dumps', 1)",
    "delete a function": "import math\ndel math.floor",
    "an attribute of a type": "import datetime\ndatetime.datetime.now = 1",
    "an attribute of a class": "from fractions import Fraction\nFraction.limit = 1",
    "an exception class": "ValueError.x = 'ESCAPED'",
    "an error of ours": "EnfyraError.x = 'ESCAPED'",
    "an error of json": "import json\njson.JSONDecodeError.x = 1",
    "wraps on a class": "import functools\nfrom fractions import Fraction\nfunctools.wraps(print)(Fraction)",
    "update_wrapper": "import functools\nfunctools.update_wrapper(ctx, print)",
    "total_ordering": "import functools\nfunctools.total_ordering(EnfyraError)",
    "seed": "import random\nrandom.seed(1)",
    "the decimal context": "import decimal\ndecimal.getcontext().prec = 3",
    "the default decimal context": "import decimal\ndecimal.DefaultContext.prec = 3",
    "a context that is set": "import decimal\ndecimal.setcontext(decimal.Context(prec=3))",
    "a local context": "import decimal\nwith decimal.localcontext() as c:\n    c.prec = 3",
    "a builtin": "print = len = None",
    "for over a facade": "import math\nfor math.pi in [3]:\n    pass",
    "with as a facade": "import math, decimal\nwith decimal.localcontext() as math.pi:\n    pass",
    "unpacking into a facade": "import math\n(math.pi, [math.e]) = 1, [2]",
    "augmented": "import math\nmath.pi += 1",
    "annotated": "import math\nmath.pi: int = 3",
    "comprehension into a facade": "import math\n[0 for math.pi in [3]]",
    "star into a facade": "import math\n*math.pi, a = 1, 2",
    "cached in a function": "import functools\nfunctools.reduce.x = 1",
    "type's attributes": "type.x = 1",
    "through object": "object.x = 1",
    "through super": "class A(Exception):\n    def __init__(self):\n        super().x = 1\nA()",
    "the context's class": "type(ctx).body = 'ESCAPED'",
    "a row's class": "type(ctx.share).get = lambda *a: 'ESCAPED'",
    "the throw": "ctx.throw.x = 1",
    "the packages": "ctx.pkgs.json = 1",
    "items of a facade": "import math\nmath['pi'] = 3",
    "a task that lives on": (
        "import asyncio\nasync def f():\n    while True:\n        try:\n"
        "            await asyncio.sleep(0)\n        except BaseException:\n            pass\n"
        "asyncio.create_task(f())\nreturn 1"
    ),
    "a task that begins again": (
        "import asyncio\nasync def f():\n    try:\n        await asyncio.sleep(9)\n"
        "    finally:\n        asyncio.create_task(f())\nasyncio.create_task(f())\nreturn 1"
    ),
    "a generator that lives on": (
        "async def g():\n    try:\n        yield 1\n    finally:\n        await ctx.helpers.sleep(9000)\n"
        "async for one in g():\n    return one"
    ),
    "a request after the end": (
        "class A:\n    def __init__(self, c):\n        self.c = c\n"
        "import asyncio\nasync def f():\n    try:\n        await ctx.helpers.sleep(9000)\n"
        "    finally:\n        ctx.cache.get('late')\nasyncio.create_task(f())\nreturn 1"
    ),
}

# Ended by their time at the latest.
ENDLESS = {
    "loop": "while True:\n    pass",
    "loop that catches": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    "finally": "try:\n    while True:\n        pass\nfinally:\n    while True:\n        pass",
    "sleep": "await ctx.helpers.sleep(30000)",
    "sleep that catches": "while True:\n    try:\n        await ctx.helpers.sleep(9000)\n    except BaseException:\n        pass",
    "tasks without end": (
        "import asyncio\nasync def f():\n    asyncio.create_task(f())\n    await asyncio.sleep(0)\n"
        "    await f()\nawait f()"
    ),
    "regular expression": "import re\nre.match('(a|a)*$', 'a' * 60 + 'b')",
    "power": "return 7 ** 7 ** 9 % 10",
    "int to text": "return len(hex(3 ** 10 ** 8))",
    "factorial": "import math\nreturn math.factorial(10 ** 7)",
    "sum of a range": "return sum(range(10 ** 12))",
    "in a range": "return any(n < 0 for n in range(10 ** 12))",
    "count": "import itertools\nreturn 'x' in itertools.count()",
    "key derivation": "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'a', b'b', 10 ** 9)",
    "a value that never ends": "class A(dict):\n    def items(self):\n        while True:\n            yield 1, 2\nimport itertools\nreturn list(itertools.repeat(0)) and A()",
    "text of an error": "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise E",
}

# They want more than there is.
GREEDY = {
    "text": "return len('x' * 10 ** 10)",
    "list": "return len([0] * 10 ** 9)",
    "list that grows": "a = []\nwhile True:\n    a.append('x' * 1000000)",
    "bytes": "return len(bytes(10 ** 10))",
    "int": "return 1 << 10 ** 10",
    "nested": "a = []\nfor n in range(10 ** 6):\n    a = [a]\nreturn a",
    "cyclic": "a = {}\na['a'] = a\nreturn a",
    "recursion": "def f():\n    return f()\nf()",
    "recursion in comparison": "a = []\na.append(a)\nb = []\nb.append(b)\nreturn a == b",
    "output": "while True:\n    print('x' * 10 ** 6)",
    "output of many lines": "for n in range(10 ** 6):\n    print(n)",
    "huge line": "print('x' * 10 ** 8)",
    "result": "return 'x' * 10 ** 8",
    "section": "ctx.body = 'x' * 10 ** 8",
    "error": "raise ValueError('x' * 10 ** 8)",
    "details": "ctx.throw.http_400('x', 'x' * 10 ** 8)",
    "argument": "await ctx.cache.set('a', 'x' * 10 ** 8, 1)",
    "many arguments": "for n in range(1000):\n    ctx.cache.set('a', 'x' * 10 ** 6, 1)",
    "requests": "while True:\n    ctx.cache.get('a')",
    "requests awaited": "while True:\n    await ctx.cache.get('a')",
    "tasks": "import asyncio\nawait asyncio.gather(*(asyncio.sleep(9) for n in range(10 ** 6)))",
    "names": "class A: pass\nfor n in range(10 ** 7):\n    setattr(A, 'a' + str(n), n)",
}
