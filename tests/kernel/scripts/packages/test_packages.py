"""Packages for scripts: what is installed, what is refused, and what is left alone."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.ast import EVERYTHING
from enfyra_kernel.query.plan import INTERNAL
from enfyra_kernel.scripts.packages import PackageAllowList, Packages
from enfyra_kernel.scripts.packages.allowed import CURATED
from enfyra_kernel.scripts.packages.environment import Environments, Refused
from enfyra_kernel.scripts.packages.packages import TABLE

from tests.docs.blocks import ROOT
from tests.web import Web

from .wheels import make_source, make_wheel

pytestmark = pytest.mark.asyncio

PAGE = (ROOT / "docs" / "context.md").read_text()
ALLOWED = PackageAllowList(["acme-*"])


class Rows:
    """The rows of `package_definition`."""

    def __init__(self, kernel: Kernel) -> None:
        self._repository = kernel.records.of(TABLE)
        self._ids: dict[str, Any] = {}

    async def add(self, name: str, **facts: Any) -> None:
        body = {"name": name, **facts}
        await self._repository.create(body, access=INTERNAL)
        self._ids = {one["name"]: one["id"] for one in await self._all()}

    async def change(self, name: str, **facts: Any) -> None:
        await self._repository.update(self._ids[name], facts, access=INTERNAL)

    async def delete(self, name: str) -> None:
        await self._repository.delete(self._ids[name])

    async def _all(self) -> list[dict[str, Any]]:
        return await self._repository.rows(EVERYTHING, INTERNAL)

    async def status(self) -> dict[str, tuple[str, str | None]]:
        return {one["name"]: (one["status"], one["lastError"]) for one in await self._all()}

    async def progress(self, name: str) -> str | None:
        return next(one["progress"] for one in await self._all() if one["name"] == name)


@pytest_asyncio.fixture
async def rows(sqlite_kernel: Kernel) -> Rows:
    # The kernel would install them as well.
    await sqlite_kernel.scripts.packages.stop()
    return Rows(sqlite_kernel)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip looks for wheels, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


Make = Callable[..., Packages]


@pytest_asyncio.fixture
async def make(sqlite_kernel: Kernel, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes those of one more process, on the same folder."""
    made: list[Packages] = []

    def one(**options: Any) -> Packages:
        made.append(Packages(tmp_path / "packages", sqlite_kernel.records, ALLOWED, **options))
        return made[-1]

    yield one
    for packages in made:
        await packages.stop()


async def imported(packages: Packages, code: str) -> str:
    """Run some Python that may import from the folder; give what it prints."""
    path = packages.path()
    assert path is not None
    code = f"import sys; sys.path.append({str(path)!r}); {code}"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-I", "-c", code], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.strip()


async def installed(packages: Packages, rows: Rows) -> None:
    """Bring everything in line, and make sure that it is."""
    await packages.sync()
    assert {status for status, _ in (await rows.status()).values()} == {"installed"}


# -- installing -----------------------------------------------------------------------------------


async def test_the_start_installs_packages_with_what_they_need(
    make: Make, rows: Rows, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "acme-tools", "1.5", {"tools/__init__.py": "import acme_base\nvalue = 1"},
               needs=["acme-base>=2"])  # fmt: skip
    make_wheel(index, "acme-base", "2.0", {"acme_base.py": ""})
    make_wheel(index, "acme-base", "1.0", {"acme_base.py": ""})
    changes: list[Path | None] = []

    async def changed(path: Path | None) -> None:
        changes.append(path)

    await rows.add("Acme_Tools", version=">=1,<2")
    await rows.add("of-the-app", type="App")
    await rows.add("acme-off", isEnabled=False)
    first, second = make(on_change=changed), make()
    assert first.path() is None
    # Two processes on one folder agree.
    starting = asyncio.gather(first.start(), second.sync())
    progress: set[str | None] = set()
    async with asyncio.timeout(60):
        while not (changes and starting.done()):
            progress.add(await rows.progress("Acme_Tools"))
            await asyncio.sleep(0.02)
    assert any("acme" in str(line) for line in progress)
    assert await rows.progress("Acme_Tools") is None
    assert first.path() == second.path()
    assert changes == [first.path()]
    status = await rows.status()
    assert status["Acme_Tools"] == ("installed", None)
    assert status["of-the-app"] == status["acme-off"] == ("installing", None)
    assert first.modules() == {"acme-tools": ("tools",)}
    code = "import tools, importlib.metadata as m; print(tools.value, m.version('acme-base'))"
    assert await imported(first, code) == "1 2.0"
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('tools') is not None)"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", probe], check=True)
    # The next start takes what is there.
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    third = make()
    await third.start()
    assert third.path() == first.path()
    await third.sync()
    assert third.modules() == first.modules()
    assert (await rows.status())["Acme_Tools"] == ("installed", None)


async def test_versions_come_and_go(make: Make, rows: Rows, index: Path) -> None:
    make_wheel(index, "acme-other", "1.0", {"other.py": "value = 1"})
    await rows.add("acme-tools", version="1.0")
    await rows.add("acme-other", version="latest")
    packages = make()
    await packages.sync()
    # One that fails leaves the others as they are, and is tried again.
    status, error = (await rows.status())["acme-tools"]
    assert status == "failed"
    assert "No matching distribution found for acme-tools==1.0 (on " in str(error)
    assert (await rows.status())["acme-other"] == ("installed", None)
    for version in ("1.0", "2.0"):
        make_wheel(index, "acme-tools", version, {"tools.py": f"value = {version}"},
                   needs=[f"acme-base=={version}"])  # fmt: skip
        make_wheel(index, "acme-base", version, {"base.py": ""})
    await installed(packages, rows)
    assert (await rows.status())["acme-tools"] == ("installed", None)
    before = packages.path()
    code = "import tools, other; print(tools.value, other.value)"
    assert await imported(packages, code) == "1.0 1"
    # Nobody asks for another version of the other one.
    make_wheel(index, "acme-other", "2.0", {"other.py": "value = 2"})
    await rows.change("acme-tools", version="2.0")
    await installed(packages, rows)
    assert await imported(packages, code) == "2.0 1"
    assert before is not None
    assert before != packages.path()
    assert (before / "tools.py").read_text() == "value = 1.0"
    # What goes needs no index.
    shutil.rmtree(index)
    await rows.delete("acme-tools")
    await installed(packages, rows)
    path = packages.path()
    assert path is not None
    assert modules_in(path) == {"other.py"}
    await rows.change("acme-other", isEnabled=False)
    await packages.sync()
    assert packages.path() is None
    assert packages.modules() == {}


def modules_in(path: Path) -> set[str]:
    return {one.name for one in path.glob("*.py")}


async def test_a_folder_that_is_damaged_is_as_good_as_none(
    make: Make, index: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "packages" / "env-0"
    damaged.mkdir(parents=True)
    (damaged / "enfyra-manifest.json").write_text("{")
    (damaged.parent / "current").write_text("env-0")
    packages = make()
    await packages.start()
    assert packages.path() is None


# -- refusing -------------------------------------------------------------------------------------


async def test_rows_that_may_not_be_installed(make: Make, rows: Rows, index: Path) -> None:
    await rows.add("requests")
    await rows.add("acme-flags", flags="--index-url http://evil.example")
    await rows.add("acme-version", version="new")
    await rows.add("acme-url @ http://evil.example/x.whl")
    await rows.add("-r/etc/passwd")
    await make().sync()
    status = await rows.status()
    assert {one for one, _ in status.values()} == {"failed"}
    assert "'requests' may not be installed" in str(status["requests"][1])
    assert "leave `flags` empty" in str(status["acme-flags"][1])
    assert "'new' is none" in str(status["acme-version"][1])
    assert "is not the name of a package" in str(status["-r/etc/passwd"][1])
    assert not list(index.parent.glob("packages/env-*"))


async def test_what_is_fetched_is_looked_at_before_it_is_used(
    make: Make, rows: Rows, index: Path, tmp_path: Path
) -> None:
    """Only pure Python is installed, nothing of it is run, and all of it has to be allowed."""
    marker = tmp_path / "it-ran"
    setup = f"import pathlib; pathlib.Path({str(marker)!r}).touch()"
    make_source(index, "acme-source", "1.0", setup)
    make_wheel(index, "acme-machine", "1.0", {"machine.so": ""}, tag="cp311-cp311-linux_x86_64")
    make_wheel(index, "acme-tools", "1.0", {"tools.py": ""}, needs=["evil"])
    make_wheel(index, "evil", "6.6", {"evil.py": ""})
    for name in ("acme-source", "acme-machine", "acme-tools"):
        await rows.add(name)
    packages = make()
    await packages.sync()
    status = await rows.status()
    assert {one for one, _ in status.values()} == {"failed"}
    evil = "evil 6.6, which is needed, may not be installed (on "
    assert str(status["acme-tools"][1]).startswith(evil)
    assert packages.path() is None
    assert not marker.exists()


async def test_a_wheel_that_only_says_that_it_is_pure_python(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-liar", "1.0", {"liar/code.so": "", "liar/__init__.py": ""})
    environments = Environments(tmp_path / "packages")
    draft = environments.draft()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(draft)
    with pytest.raises(Refused, match=r"liar/code.so is no pure Python"):
        environments.inspect(draft, {"acme-liar": "latest"}, ALLOWED)
    (draft / "liar" / "code.so").unlink()
    with pytest.raises(Refused, match=r"its name is another than acme-other"):
        environments.inspect(draft, {"acme-other": "latest"}, ALLOWED)
    made = environments.inspect(draft, {"acme-liar": "latest"}, ALLOWED)
    assert made.installed == {"acme-liar": "1.0"}


async def test_two_rows_for_one_package(make: Make, rows: Rows, index: Path) -> None:
    await rows.add("acme-tools")
    await rows.add("Acme.Tools")
    await make().sync()
    errors = [str(error) for _, error in (await rows.status()).values()]
    assert sum("It is the same package as" in error for error in errors) == 1


# -- pip ------------------------------------------------------------------------------------------


def environment_of_pip() -> str:
    """Give the environment of the pip that this process has started."""
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"pip" in Path(f"/proc/{child}/cmdline").read_bytes():
                return Path(f"/proc/{child}/environ").read_text()
    return ""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
async def test_an_index_that_hangs_is_given_up_and_has_seen_no_secret(
    make: Make, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = Web()
    web.hangs("/acme-tools/")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:secret-of-index@127.0.0.1:{web.port}/")
    monkeypatch.setenv("SECRET_KEY", "secret-of-ours")
    monkeypatch.setenv("DB_URI", "postgresql://ann:secret-of-ours@db/shop")
    await rows.add("acme-tools", installTimeout=2)
    syncing = asyncio.ensure_future(make().sync())
    async with asyncio.timeout(60):
        while not web.seen and not syncing.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        seen = environment_of_pip()
        await syncing
    web.stop()
    assert "PIP_INDEX_URL" in seen
    assert "secret-of-ours" not in seen
    status, error = (await rows.status())["acme-tools"]
    assert status == "failed"
    assert str(error).startswith("It took longer than 2 seconds")
    assert environment_of_pip() == ""


async def test_credentials_of_an_index_are_not_told(
    make: Make, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = Web()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:secret-of-index@127.0.0.1:{web.port}/")
    await rows.add("acme-tools")
    await make().sync()
    web.stop()
    status, error = (await rows.status())["acme-tools"]
    assert status == "failed"
    assert "secret-of-index" not in str(error)
    assert web.seen


# -- what may be asked for ------------------------------------------------------------------------


async def test_a_row_is_checked_before_it_is_written(make: Make) -> None:
    packages = make()
    packages.check({"name": "acme-tools", "version": "1.2"})
    packages.check({"name": "vue", "type": "App"})
    with pytest.raises(EnfyraError, match="'acme' may not be installed") as caught:
        packages.check({"name": "acme"})
    assert (caught.value.code, caught.value.status) == ("VALIDATION_ERROR", 422)


@pytest.mark.parametrize(
    ("version", "read"),
    [(None, "latest"), ("latest", "latest"), ("1.2", "==1.2"), ("==8.*", "==8.*"),
     (">=1, <2", "<2,>=1"), ("~=1.4", "~=1.4")],
)  # fmt: skip
async def test_versions(version: str | None, read: str) -> None:
    assert ALLOWED.wanted("acme-tools", version).version == read


@pytest.mark.parametrize("version", ["^1.2", "1.2; os_name", "===1", "@ http://x", "new", "1 2"])
async def test_versions_that_are_none(version: str) -> None:
    with pytest.raises(EnfyraError, match="version: "):
        ALLOWED.wanted("acme-tools", version)


async def test_an_entry_may_have_versions() -> None:
    allowed = PackageAllowList(["Phone_Numbers==8.*", "acme-*>=2"])
    assert allowed.permits("phone.numbers", "8.13.1")
    assert not allowed.permits("phonenumbers", "8.1")
    assert not allowed.permits("phone-numbers", "9.0")
    assert allowed.permits("acme-x", "2.0rc1") is False
    assert allowed.permits("acme-x", "3.0")


async def test_the_documentation_lists_them() -> None:
    assert not [name for name in CURATED if f"`{name}`" not in PAGE]


async def test_without_entries_there_are_some_well_known_packages() -> None:
    allowed = PackageAllowList()
    assert allowed.permits("Python_Slugify")
    with pytest.raises(EnfyraError, match="Did you mean 'phonenumbers'"):
        allowed.wanted("phonenumber", None)


@pytest.mark.parametrize("entry", ["", "a b", "acme=>1", "acme==x", "http://x"])
async def test_entries_that_mean_nothing_stop_the_start(entry: str) -> None:
    with pytest.raises(EnfyraError, match="ENFYRA_PACKAGE_ALLOW"):
        PackageAllowList([entry])
