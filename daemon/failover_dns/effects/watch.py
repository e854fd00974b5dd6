"""Hearing at once that a status file may have changed.

The watcher only hints: events get lost (watchdog issues 391, 699, 934), so whoever listens also looks from
time to time, and a hint means no more than "look again".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from errno import EMFILE, ENOSPC
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

from failover_dns.effects import Run, me

DEADLINE_S = 2.0
"""For what a local disk does in microseconds; a share that takes this long is stuck."""

MAX_LINKS = 40
"""As many symbolic links as Linux follows (path_resolution(7))."""

MAX_ROUNDS = 5
"""How often a path is resolved again because it changed while it was being watched."""

CHANGES: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
    events.FileClosedEvent,
    events.FileAttribEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
    events.DirAttribEvent,
]
"""What may have changed a file. Opened and closed unwritten are missing: reading must not wake the reader."""


NOBODY: frozenset[str] = frozenset()


def native_observer() -> BaseObserver:
    """Return an observer that the operating system tells of changes at once."""
    return _native()


def polling_observer(interval_s: float) -> BaseObserver:
    """Return an observer that looks every `interval_s`: for shares, whose servers tell nobody of changes."""
    return PollingObserver(timeout=interval_s)


class FileWatcher:
    """Calls `wake(path)` on the loop whenever something may have changed the file at one of `paths`.

    Watched are real directories (a link delivers nothing): those that hold the files and every link on the
    way to them, and in place of a directory that does not exist the nearest one that does. `wake` is also
    called when other directories are watched, since the file may have changed before. Reading wakes nobody.
    """

    def __init__(
        self,
        paths: Iterable[str],
        wake: Callable[[str], None],
        *,
        loop: asyncio.AbstractEventLoop,
        run: Run,
        observer: Callable[[], BaseObserver] = native_observer,
    ) -> None:
        self._paths = frozenset(paths)
        self._wake = wake
        self._loop = loop
        self._run = run
        self._watches = _Watches(observer, self._heard)
        self._changed: set[str] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        await self.check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if self._renewing is not None:
            self._renewing.cancel()
        with contextlib.suppress(TimeoutError):  # its threads are daemons: they hold up no exit
            await self._run(self._watches.close, deadline_s=DEADLINE_S)

    async def check(self) -> tuple[str, ...]:
        """Watch what is not watched yet or no longer; return in words what cannot be, or had stopped."""
        return await self._renew(self._paths, check=True)

    async def _renew(self, paths: frozenset[str], *, check: bool = False) -> tuple[str, ...]:
        try:
            fresh = await self._run(lambda: self._watches.renew(paths, check=check), deadline_s=DEADLINE_S)
        except TimeoutError:
            return (f"file events: no answer within {DEADLINE_S:g} s; look at the files' disks and shares",)
        self._tell(fresh.paths)
        return fresh.problems

    def _heard(self, paths: frozenset[str]) -> None:
        """Pass on a change; called on watchdog's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._on_change, paths)

    def _on_change(self, paths: frozenset[str]) -> None:
        self._tell(paths)
        self._changed |= paths
        if self._open and (self._renewing is None or self._renewing.done()):
            self._renewing = self._loop.create_task(self._follow())

    async def _follow(self) -> None:
        """Watch where the changed paths lead now: a link may point elsewhere, a directory be gone or new."""
        while self._changed:
            paths = frozenset(self._changed)
            self._changed.clear()
            await self._renew(paths)

    def _tell(self, paths: Iterable[str]) -> None:
        for path in sorted(paths):
            if self._open:
                self._wake(path)


@dataclass(frozen=True, slots=True)
class _Trail:
    """What a path hangs on: entries of real directories, and the directory on the way that is missing."""

    entries: tuple[tuple[str, str], ...]
    missing: str | None = None


def _trail(path: str) -> _Trail:
    """Return each link on the way to `path` and the file itself, or the first directory that is missing."""
    whole = Path(path).absolute()
    here, names, found = Path(whole.anchor), deque(whole.parts[1:]), list[tuple[str, str]]()
    while names and len(found) <= MAX_LINKS:
        name = names.popleft()
        entry = here / name
        target = _target(entry)
        if name == "..":
            here = here.parent
        elif target is not None:
            found.append((str(here), name))
            names.extendleft(reversed(target.parts[1:]))
            here = Path(target.anchor)
        elif not names or not _is_directory(entry):
            found.append((str(here), name))
            return _Trail(tuple(found), missing=str(entry) if names else None)
        else:
            here = entry
    return _Trail(tuple(found))


def _target(entry: Path) -> Path | None:
    try:
        return entry.parent / entry.readlink()
    except (OSError, ValueError):
        return None


def _is_directory(entry: Path) -> bool:
    try:
        return stat.S_ISDIR(entry.stat().st_mode)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Watched:
    watch: ObservedWatch
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """The paths that may have changed unheard while their watches did, and what is wrong."""

    paths: frozenset[str]
    problems: tuple[str, ...]


class _Watches(events.FileSystemEventHandler):
    """The watches of one observer. Its calls block: they belong in a lane; `dispatch` is watchdog's."""

    def __init__(self, make: Callable[[], BaseObserver], heard: Callable[[frozenset[str]], None]) -> None:
        self._make = make
        self._heard = heard
        self._observer: BaseObserver | None = None
        self._trails: dict[str, _Trail] = {}
        self._entries: Mapping[str, frozenset[str]] = {}
        self._watched: dict[str, _Watched] = {}
        self._gone: set[str] = set()
        self._problems: dict[str, str] = {}

    def dispatch(self, event: events.FileSystemEvent) -> None:
        """Pass on an event of an entry that one of the paths hangs on."""
        source, target = _key(event.src_path), _key(event.dest_path)
        paths = self._entries.get(source, NOBODY) | self._entries.get(target, NOBODY)
        if not paths:
            return
        if isinstance(event, events.DirDeletedEvent | events.DirMovedEvent):
            self._gone.add(source)
        self._heard(paths)

    def renew(self, paths: frozenset[str], *, check: bool) -> _Fresh:
        """Watch what `paths` hang on now; with `check`, also start an observer that has died.

        A directory can vanish after it was found and before it is watched, and a watch that is dropped takes
        along the events that were under way. So this ends with a round that changes nothing: all that the
        paths hang on was watched before it was found.
        """
        found = [*self._revive()] if check else []
        fresh = NOBODY
        for _ in range(MAX_ROUNDS):
            moved = self._resolve(paths | fresh)
            lost = self._drop_lost(paths | fresh)
            changed = moved | self._hanging_on(lost) | self._hanging_on(self._add_missing())
            fresh |= changed
            found += [f"changes in {directory} had not been heard; it is watched anew" for directory in lost]
            if not changed:
                break
        missing = dict.fromkeys(trail.missing for trail in self._trails.values() if trail.missing)
        absent = tuple(f"{path} does not exist; it will be watched once it does" for path in missing)
        return _Fresh(fresh, (*found, *self._problems.values(), *absent))

    def close(self) -> None:
        """Stop the observer and its threads."""
        observer, self._observer = self._observer, None
        self._watched.clear()
        if observer is not None:
            with contextlib.suppress(OSError, RuntimeError):  # half of it may be dead already
                observer.stop()
                observer.join()

    def _revive(self) -> tuple[str, ...]:
        if self._observer is not None and self._observer.is_alive():
            return ()
        died = self._observer is not None
        try:
            self.close()
            self._observer = self._make()
            self._observer.start()
        except (OSError, RuntimeError) as error:
            return (f"file events cannot be had: {_why_unwatched(error)}",)
        return ("the observer of files had died; it was started again",) if died else ()

    def _resolve(self, paths: frozenset[str]) -> frozenset[str]:
        """Follow `paths`; return those that lead another way than before."""
        trails = {path: _trail(path) for path in paths}
        moved = frozenset(path for path, trail in trails.items() if self._trails.get(path) != trail)
        if moved:
            self._trails |= trails
            self._entries = _entries(self._trails)  # before the watches, whose first events need it
        return moved

    def _hanging_on(self, directories: Iterable[str]) -> frozenset[str]:
        return NOBODY.union(*(self._entries[_key(directory)] for directory in directories))

    def _drop_lost(self, paths: frozenset[str]) -> list[str]:
        """Drop the watches that are of no use; return the directories of `paths` that heard nothing."""
        asked = {directory for path in paths for directory, _ in self._trails[path].entries}
        lost = [directory for directory in self._watched if directory in asked and not self._hears(directory)]
        for directory in (*lost, *(self._watched.keys() - self._needed() - {*lost})):
            self._drop(directory)
        return lost

    def _drop(self, directory: str) -> None:
        watch = self._watched.pop(directory).watch
        self._gone.discard(_key(directory))
        if self._observer is not None:
            with contextlib.suppress(OSError, RuntimeError):  # the kernel may have dropped it already
                self._observer.unschedule(watch)

    def _hears(self, directory: str) -> bool:
        watched = self._watched[directory]
        if _key(directory) in self._gone or self._observer is None:
            return False
        try:
            same = watched.identity == _identity(directory)
        except OSError:
            return False
        emitters = (emitter for emitter in self._observer.emitters if emitter.watch == watched.watch)
        return same and any(emitter.should_keep_running() and emitter.is_alive() for emitter in emitters)

    def _add_missing(self) -> list[str]:
        """Watch every directory that is not watched; return those that now are, or were gone already."""
        self._problems = {}
        missing = sorted(self._needed() - self._watched.keys())
        return [directory for directory in missing if self._add(directory)]

    def _needed(self) -> set[str]:
        return {directory for trail in self._trails.values() for directory, _ in trail.entries}

    def _add(self, directory: str) -> bool:
        if self._observer is None:
            return False
        try:
            os.scandir(directory).close()  # watchdog passes in silence over what may not be read
            identity = _identity(directory)
            watch = self._observer.schedule(self, directory, event_filter=CHANGES)
        except (OSError, RuntimeError) as error:
            self._problems[directory] = f"changes in {directory} cannot be heard: {_why_unwatched(error)}"
            return isinstance(error, FileNotFoundError | NotADirectoryError)
        self._watched[directory] = _Watched(watch, identity)
        return True


def _entries(trails: Mapping[str, _Trail]) -> Mapping[str, frozenset[str]]:
    """Return the paths that hang on each entry, and on each directory itself."""
    found: dict[str, set[str]] = {}
    for path, trail in trails.items():
        for directory, name in trail.entries:
            found.setdefault(_key(directory), set()).add(path)
            found.setdefault(_key(str(Path(directory, name))), set()).add(path)
    return {entry: frozenset(paths) for entry, paths in found.items()}


def _key(path: str | bytes) -> str:
    return os.path.normcase(os.fsdecode(path))


def _identity(directory: str) -> tuple[int, int]:
    status = Path(directory).stat()
    return status.st_dev, status.st_ino


def _why_unwatched(error: OSError | RuntimeError) -> str:
    match error:
        case PermissionError():
            return f"not permitted; give {me()} read access to the directory"
        case OSError(errno=code) if code == ENOSPC:
            return "too many are watched; raise the kernel's fs.inotify.max_user_watches"
        case OSError(errno=code) if code == EMFILE:
            limits = "the kernel's fs.inotify.max_user_instances, or this process's (LimitNOFILE=)"
            return f"too many watchers, or open files; raise {limits}"
        case _:
            return f"{error}; the periodic look goes on"


if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter, InotifyObserver, InotifyWatchGroup
    from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

    class _Unpaired(InotifyMoveEventGrouper):
        """Lets each half of a rename pass at once.

        watchdog keeps a file's departure for half a second, in the hope of its arrival elsewhere, and all
        later events of the directory with it.
        """

        delay = 0.0

    class _PromptGroup(InotifyWatchGroup):
        def __post_init__(self) -> None:
            self._move_event_grouper = _Unpaired()
            super().__post_init__()

    class _PromptEmitter(InotifyEmitter):
        def on_thread_start(self) -> None:
            mask = self.get_event_mask_from_filter()
            self._inotify = _PromptGroup(self._inotify_fd, os.fsencode(self.watch.path), event_mask=mask)

    class _PromptObserver(InotifyObserver):
        def __init__(self) -> None:
            super().__init__()
            self._emitter_class = _PromptEmitter

        def is_alive(self) -> bool:
            return super().is_alive() and self._inotify_fd.is_alive()

    _native: Callable[[], BaseObserver] = _PromptObserver
else:
    _native = Observer
