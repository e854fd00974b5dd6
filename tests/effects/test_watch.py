"""Real files in real directories: a change is heard whichever way it is made, and whenever."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from errno import EACCES, EIO, EMFILE, ENOSPC
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from watchdog.events import DirDeletedEvent
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

from failover_dns.effects.lane import Lane, StuckError
from failover_dns.effects.watch import FileWatcher, native_observer, polling_observer

T = TypeVar("T")

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files, or not for everybody")
linux = pytest.mark.skipif(sys.platform != "linux", reason="speaks of inotify")

DEADLINE_S = 60


def _raises(error: Exception) -> Any:
    async def run(_call: Callable[[], T], *, deadline_s: float) -> T:
        assert deadline_s > 0
        raise error

    return run


State = tuple[bytes, int, int] | None


def look(path: Path) -> State:
    """Return what can change about a file; None if it cannot be read."""
    try:
        status = path.stat()
        return path.read_bytes(), status.st_mode, status.st_mtime_ns
    except OSError:
        return None


class Listener:
    """Looks at a file whenever it is woken for it, and only then."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.seen: dict[str, State] = {}
        self.threads: set[int] = set()
        self._changed = asyncio.Event()

    def __call__(self, path: str) -> None:
        self.woken.append(path)
        self.seen[path] = look(Path(path))
        self.threads.add(threading.get_ident())
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def hears(self, path: Path, *acts: Callable[[], object]) -> None:
        """Wait until what `acts` did to the file was looked at, which only a wake-up after it can cause."""
        before = look(path)
        for act in acts:
            act()
        after = look(path)
        assert after != before
        await self.until(lambda: self.seen.get(str(path), ()) == after)


class Watching:
    """A watcher, who listens to it, and the observers that it made."""

    def __init__(self, watcher: FileWatcher, listener: Listener, observers: list[BaseObserver]) -> None:
        self.watcher = watcher
        self.listener = listener
        self.observers = observers
        self.hears = listener.hears
        self.check = watcher.check


@asynccontextmanager
async def watching(
    *paths: Path | str, observer: Callable[[], BaseObserver] = native_observer
) -> AsyncIterator[Watching]:
    lane, listener, observers = Lane("watcher"), Listener(), list[BaseObserver]()

    def make() -> BaseObserver:
        observers.append(observer())
        return observers[-1]

    texts = [str(path) for path in paths]
    loop = asyncio.get_running_loop()
    async with FileWatcher(texts, listener, loop=loop, run=_patient(lane), observer=make) as watcher:
        yield Watching(watcher, listener, observers)
    lane.close()


def _patient(lane: Lane) -> Any:
    """Return the lane's `run` with a deadline for busy machines."""

    async def run(call: Callable[[], T], *, deadline_s: float) -> T:
        return await lane.run(call, deadline_s=max(deadline_s, DEADLINE_S))

    return run


def replace(path: Path, content: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(content)
    beside.replace(path)


def replace_from_elsewhere(path: Path, content: str) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.write_text(content)
    elsewhere.replace(path)


def write(path: Path, content: str) -> None:
    path.write_text(content)


def append(path: Path, content: str) -> None:
    with path.open("a") as file:
        file.write(content)


def overwrite(path: Path, content: str) -> None:
    with path.open("r+") as file:
        file.write(content)


def truncate(path: Path, _content: str) -> None:
    os.truncate(path, 0)


def delete(path: Path, _content: str) -> None:
    path.unlink()


def move_away(path: Path, _content: str) -> None:
    path.replace(path.parent.parent / "away")


def rename(path: Path, _content: str) -> None:
    path.rename(path.with_name("renamed"))


def touch(path: Path, _content: str) -> None:
    os.utime(path, (1_600_000_000, 1_600_000_000))


def forbid_writing(path: Path, _content: str) -> None:
    path.chmod(0o444)


def delete_and_create(path: Path, content: str) -> None:
    path.unlink()
    path.write_text(content)


def link_over(path: Path, content: str) -> None:
    target = path.parent.parent / "target"
    target.write_text(content)
    link = path.with_name("link")
    link.symlink_to(target)
    link.replace(path)


CHANGES = [
    replace,
    replace_from_elsewhere,
    write,
    append,
    overwrite,
    truncate,
    delete,
    move_away,
    rename,
    touch,
    forbid_writing,
    delete_and_create,
    pytest.param(link_over, marks=posix),
]
Act = Callable[[Path, str], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A status file in a directory of its own."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "role").write_text("OFFLINE\n")
    return tmp_path / "state" / "role"


@pytest.mark.parametrize("act", CHANGES)
async def test_every_way_to_change_a_file_is_heard_on_the_loops_thread(path: Path, act: Act) -> None:
    async with watching(path) as here:
        await here.hears(path, lambda: act(path, "ONLINE\n"))
        assert here.listener.threads == {threading.get_ident()}


@pytest.mark.parametrize("act", CHANGES)
async def test_polling_hears_every_way_to_change_a_file(path: Path, act: Act) -> None:
    async with watching(path, observer=lambda: polling_observer(0.02)) as here:
        await here.hears(path, lambda: act(path, "ONLINE\n"))


async def test_a_file_that_appears_is_heard(path: Path) -> None:
    absent = path.with_name("absent")
    async with watching(absent) as here:
        await here.hears(absent, lambda: write(absent, "ONLINE\n"))
        await here.hears(absent, lambda: replace(absent, "OFFLINE\n"))


async def test_a_watched_directory_wakes_once_at_first_since_the_file_may_have_changed_before(
    path: Path,
) -> None:
    async with watching(path) as here:
        assert here.listener.woken == [str(path)]
        assert await here.check() == ()
        assert here.listener.woken == [str(path)]


async def since_then(here: Watching, fences: Iterable[Path]) -> list[str]:
    """Return who was woken until now: a file made now in the same directory is heard after all before."""
    for fence in fences:
        await here.hears(fence, fence.touch)
    return here.listener.woken


@pytest.mark.parametrize("observer", [native_observer, lambda: polling_observer(0.02)])
async def test_reading_a_file_does_not_wake(path: Path, observer: Callable[[], BaseObserver]) -> None:
    fences = [path.with_name(f"fence-{n}") for n in range(4)]
    async with watching(path, *fences, observer=observer) as here:
        await since_then(here, fences[:2])
        here.listener.woken.clear()
        for _ in range(50):
            assert look(path)
        assert str(path) not in await since_then(here, fences[2:])


async def test_other_files_of_the_directory_do_not_wake(path: Path) -> None:
    fences = [path.with_name(f"fence-{n}") for n in range(2)]
    async with watching(path, *fences) as here:
        await since_then(here, fences[:1])
        here.listener.woken.clear()
        for act in (write, replace, append, delete):
            act(path.with_name("role.log"), "x")
            act(path.with_name("rol"), "x")
        path.with_name("directory").mkdir()
        (path.with_name("directory") / "role").write_text("x")
        assert set(await since_then(here, fences[1:])) <= {str(fence) for fence in fences}


async def test_each_file_wakes_for_itself(path: Path, tmp_path: Path) -> None:
    other, far = path.with_name("other"), tmp_path / "far" / "role"
    far.parent.mkdir()
    async with watching(path, other, far) as here:
        assert set(here.listener.woken) == {str(path), str(other), str(far)}
        here.listener.woken.clear()
        await here.hears(other, lambda: write(other, "x"))
        assert set(here.listener.woken) == {str(other)}
        await here.hears(far, lambda: write(far, "x"))
        await here.hears(path, lambda: write(path, "x"))


async def test_files_of_one_directory_share_a_watch(path: Path) -> None:
    async with watching(path, *(path.with_name(f"role-{n}") for n in range(9))) as here:
        assert len(here.observers[0].emitters) == 1


async def test_a_directory_that_does_not_exist_yet_is_reported_and_watched_when_it_appears(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a" / "b" / "role"
    async with watching(path) as here:
        assert await here.check() == (f"{tmp_path / 'a'} does not exist; it will be watched once it does",)
        await here.hears(path, partial(path.parent.mkdir, parents=True), partial(write, path, "ONLINE\n"))
        await here.hears(path, lambda: replace(path, "OFFLINE\n"))
        await here.hears(path, lambda: write(path, "ONLINE\n"))
        assert await here.check() == ()


async def test_directories_that_appear_one_by_one_are_watched(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c" / "role"
    async with watching(path) as here:
        for directory in (path.parents[2], path.parents[1], path.parents[0]):
            directory.mkdir()
            await here.check()
        await here.hears(path, lambda: write(path, "ONLINE\n"))


@pytest.mark.parametrize("observer", [native_observer, lambda: polling_observer(0.02)])
async def test_a_directory_that_is_removed_and_made_again_is_watched_again(
    path: Path, observer: Callable[[], BaseObserver]
) -> None:
    async with watching(path, observer=observer) as here:
        for content in ("1", "2", "3"):
            await here.hears(path, lambda: shutil.rmtree(path.parent))
            await here.hears(path, path.parent.mkdir, partial(write, path, content))
            await here.hears(path, partial(replace, path, content * 2))


async def test_a_directory_that_is_removed_and_made_again_at_once_is_watched_again(path: Path) -> None:
    def make_anew() -> None:
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        write(path, "ONLINE\n")

    async with watching(path) as here:
        await here.hears(path, make_anew)
        await here.check()
        await here.hears(path, lambda: replace(path, "OFFLINE\n"))


class Gaps(PollingObserver):
    """Has something happen just before a directory is watched, or just after one no longer is."""

    def __init__(self) -> None:
        super().__init__(timeout=0.02)
        self.before_watching = deque[Callable[[], object]]()
        self.after_watching = deque[Callable[[], object]]()

    def schedule(self, *args: Any, **kwargs: Any) -> ObservedWatch:
        if self.before_watching:
            self.before_watching.popleft()()
        return super().schedule(*args, **kwargs)

    def unschedule(self, watch: ObservedWatch) -> None:
        super().unschedule(watch)
        if self.after_watching:
            self.after_watching.popleft()()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_directory_that_vanishes_just_before_it_is_watched_is_waited_for(
    path: Path, times: int
) -> None:
    remove, observer = partial(shutil.rmtree, path.parent), Gaps()
    observer.before_watching.extend([remove, *(path.parent.mkdir, remove) * (times - 1)])
    async with watching(path, observer=lambda: observer) as here:
        await here.hears(path, path.parent.mkdir, partial(write, path, "ONLINE\n"))


async def test_a_directory_that_vanishes_while_a_late_event_renews_its_watch_is_missed_and_waited_for(
    path: Path,
) -> None:
    observer = Gaps()
    async with watching(path, observer=lambda: observer) as here:
        observer.after_watching.append(partial(shutil.rmtree, path.parent))
        here.watcher._watches.dispatch(DirDeletedEvent(str(path.parent)))  # of the one before: inodes recur
        await here.listener.until(lambda: here.listener.seen == {str(path): None})
        await here.hears(path, path.parent.mkdir, partial(write, path, "ONLINE\n"))


async def test_a_directory_that_vanishes_while_one_of_its_files_is_followed_is_missed_by_all(
    path: Path,
) -> None:
    other, observer = path.with_name("other"), Gaps()
    other.touch()
    async with watching(path, other, observer=lambda: observer) as here:
        for emitter in observer.emitters:
            emitter.stop()
        observer.after_watching.append(partial(shutil.rmtree, path.parent))
        here.watcher._on_change(frozenset({str(other)}))
        await here.listener.until(lambda: here.listener.seen == {str(path): None, str(other): None})
        await here.hears(path, path.parent.mkdir, partial(write, path, "ONLINE\n"))


@posix
async def test_a_directory_that_was_exchanged_unheard_is_found_by_the_check(
    path: Path, tmp_path: Path
) -> None:
    async with watching(path) as here:
        path.parent.rename(tmp_path / "old")
        path.parent.mkdir()
        checks = list[asyncio.Task[tuple[str, ...]]]()
        await here.hears(
            path,
            lambda: write(path, "ONLINE\n"),
            lambda: checks.append(asyncio.create_task(here.watcher.check())),
        )
        assert await checks[0]
        await here.hears(path, lambda: replace(path, "OFFLINE\n"))


@posix
async def test_the_check_says_what_was_not_heard(path: Path, tmp_path: Path) -> None:
    async with watching(path) as here:
        path.parent.rename(tmp_path / "old")
        path.parent.mkdir()
        assert await here.check() == (f"changes in {path.parent} had not been heard; it is watched anew",)
        assert await here.check() == ()


@posix
@pytest.mark.parametrize("act", CHANGES)
async def test_changes_in_a_symlinked_directory_are_heard(path: Path, tmp_path: Path, act: Act) -> None:
    (tmp_path / "link").symlink_to("state")
    linked = tmp_path / "link" / "role"
    async with watching(linked) as here:
        await here.hears(linked, lambda: act(path, "ONLINE\n"))


@posix
async def test_a_symlinked_directory_that_leads_elsewhere_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "role").write_text("ONLINE\n")
    (tmp_path / "link").symlink_to(path.parent)
    linked = tmp_path / "link" / "role"

    def exchange() -> None:
        (tmp_path / "link.new").symlink_to(tmp_path / "new")
        (tmp_path / "link.new").replace(tmp_path / "link")

    async with watching(linked) as here:
        await here.hears(linked, exchange)
        await here.hears(linked, lambda: replace(tmp_path / "new" / "role", "FAULT\n"))
        await here.hears(linked, lambda: write(linked, "ONLINE\n"))


@posix
async def test_a_file_that_is_exchanged_as_kubernetes_does_is_followed(tmp_path: Path) -> None:
    for version, content in (("v1", "OFFLINE\n"), ("v2", "ONLINE\n"), ("v3", "FAULT\n")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "role").write_text(content)
    (tmp_path / "data").symlink_to("v1")
    path = tmp_path / "role"
    path.symlink_to("data/role")

    def exchange(version: str) -> None:
        (tmp_path / "data.new").symlink_to(version)
        (tmp_path / "data.new").replace(tmp_path / "data")

    async with watching(path) as here:
        for version in ("v2", "v3"):
            await here.hears(path, partial(exchange, version))
            await here.hears(path, partial(write, tmp_path / version / "role", version))
        assert await here.check() == ()


@posix
async def test_a_link_to_a_file_that_is_not_there_yet_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.symlink_to(tmp_path / "a" / "real")
    async with watching(path) as here:
        assert here.listener.seen == {str(path): None}
        await here.hears(path, (tmp_path / "a").mkdir, lambda: write(tmp_path / "a" / "real", "ONLINE\n"))
        await here.hears(path, lambda: replace(tmp_path / "a" / "real", "OFFLINE\n"))


@posix
async def test_links_that_lead_in_a_circle_are_followed_when_they_no_longer_do(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.symlink_to("other")
    (tmp_path / "other").symlink_to("role")
    async with watching(path) as here:
        await here.hears(path, lambda: replace(tmp_path / "other", "ONLINE\n"))


async def test_a_path_with_steps_up_and_a_relative_one_are_watched(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    up, relative = path.parent / ".." / "state" / "role", Path("role")
    async with watching(up, relative) as here:
        await here.hears(up, lambda: replace(path, "ONLINE\n"))
        await here.hears(relative, lambda: replace(path, "OFFLINE\n"))


async def test_an_observer_that_died_is_started_again_and_reported(path: Path) -> None:
    async with watching(path) as here:
        here.observers[0].stop()
        await asyncio.to_thread(here.observers[0].join)
        assert await here.check() == ("the observer of files had died; it was started again",)
        assert await here.check() == ()
        await here.hears(path, lambda: replace(path, "ONLINE\n"))


@linux
async def test_an_observer_whose_reader_died_is_started_again_and_reported(path: Path) -> None:
    async with watching(path) as here:
        reader = here.observers[0]._inotify_fd  # type: ignore[attr-defined]
        reader.stop()
        await asyncio.to_thread(reader.join)
        assert await here.check() == ("the observer of files had died; it was started again",)
        await here.hears(path, lambda: replace(path, "ONLINE\n"))


async def test_a_watch_whose_thread_died_is_renewed_and_reported(path: Path) -> None:
    async with watching(path) as here:
        for emitter in here.observers[0].emitters:
            emitter.stop()
        assert await here.check() == (f"changes in {path.parent} had not been heard; it is watched anew",)
        await here.hears(path, lambda: replace(path, "ONLINE\n"))


async def test_an_observer_that_cannot_be_had_is_reported_until_it_can(path: Path) -> None:
    failures = [OSError(EMFILE, "inotify instance limit reached"), RuntimeError("can't start new thread")] * 2

    def observer() -> BaseObserver:
        if failures:
            raise failures.pop()
        return native_observer()

    async with watching(path, observer=observer) as here:
        limits = "the kernel's fs.inotify.max_user_instances, or this process's (LimitNOFILE=)"
        problem = f"file events cannot be had: too many watchers, or open files; raise {limits}"
        assert await here.check() == (problem,)
        assert await here.check() == (
            "file events cannot be had: can't start new thread; the periodic look goes on",
        )
        await here.check()
        assert await here.check() == ()
        await here.hears(path, lambda: replace(path, "ONLINE\n"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(EACCES, "Permission denied"), "cannot be heard: not permitted; give "),
        (
            OSError(ENOSPC, "watch limit"),
            "too many are watched; raise the kernel's fs.inotify.max_user_watches",
        ),
        (OSError(EIO, "Input/output error"), "Input/output error; the periodic look goes on"),
        (RuntimeError("can't start new thread"), "can't start new thread; the periodic look goes on"),
    ],
)
async def test_a_directory_that_cannot_be_watched_is_reported_until_it_can(
    path: Path, error: Exception, words: str
) -> None:
    class Refusing(PollingObserver):
        refuses = True

        def schedule(self, *args: Any, **kwargs: Any) -> Any:
            if self.refuses:
                raise error
            return super().schedule(*args, **kwargs)

    async with watching(path, observer=lambda: Refusing(timeout=0.02)) as here:
        (problem,) = await here.check()
        assert problem.startswith(f"changes in {path.parent} cannot be heard: ")
        assert words in problem
        Refusing.refuses = False
        assert await here.check() == ()
        await here.hears(path, lambda: replace(path, "ONLINE\n"))


async def test_stopping_ends_the_threads_and_nobody_is_woken_after(path: Path) -> None:
    async with watching(path) as here:
        emitters = [*here.observers[0].emitters]
    woken = [*here.listener.woken]
    assert not any(thread.is_alive() for thread in (*here.observers, *emitters))
    replace(path, "ONLINE\n")
    here.watcher._heard(frozenset({str(path)}))
    await asyncio.sleep(0)
    assert here.listener.woken == woken


async def test_a_watcher_whose_shares_are_stuck_says_so_and_stops(path: Path) -> None:
    listener, loop = Listener(), asyncio.get_running_loop()
    run = _raises(StuckError("watcher: an earlier call has still not returned"))
    async with FileWatcher([str(path)], listener, loop=loop, run=run) as watcher:
        (problem,) = await watcher.check()
    assert problem == "file events: no answer within 2 s; look at the files' disks and shares"
    assert listener.woken == []


async def test_a_watcher_can_be_left_while_it_follows_a_change(path: Path) -> None:
    async with watching(path) as here:
        here.watcher._on_change(frozenset({str(path)}))
    assert here.listener.woken == [str(path)] * 2


def test_a_change_that_is_heard_after_the_loop_has_closed_bothers_nobody(path: Path) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    FileWatcher([str(path)], print, loop=loop, run=_raises(StuckError()))._heard(frozenset({str(path)}))


async def test_many_changes_in_a_row_end_with_the_last_one_seen(path: Path) -> None:
    def change() -> None:
        for n in range(500):
            replace(path, str(n))

    async with watching(path) as here:
        await here.hears(path, change)
