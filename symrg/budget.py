"""Time budgets for symbolic work, and the record of what was tried within one.

SymPy cannot be asked to stop, so a watcher raises an exception inside the thread whose time is up. That works in
the main thread, in any other thread, in a notebook and under parallel tests, which a signal would not; what it
cannot interrupt is a single call into C, and no route of ours makes a long one.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flint import ctx
from mpmath import mp
from sympy.polys.polyerrors import BasePolynomialError

from symrg.errors import NoClosedForm

T = TypeVar("T")

# What SymPy raises where it means "I can't".
_CANNOT = (
    NotImplementedError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    LookupError,
    BasePolynomialError,
)

DEFAULT_SECONDS: ContextVar[float] = ContextVar("symrg default budget", default=10.0)
"""The budget of a public call whose `budget` is None: set it with `DEFAULT_SECONDS.set(60)`."""

_REPEAT = 0.05  # seconds after which an exception that some `except` swallowed is raised again


class OutOfTime(Exception):
    """Raised by `within` when a call did not end in its time."""


class Declined(Exception):
    """Raised by a route that does not apply; its text is recorded."""


class _Expired(BaseException):
    """Raised inside the watched thread; a BaseException, so that `except Exception` does not stop it."""


class _Limit:
    __slots__ = ("deadline", "done", "struck", "thread")

    def __init__(self, seconds: float):
        self.deadline = time.monotonic() + max(seconds, 0.0)
        self.thread = threading.get_ident()
        self.done = False
        self.struck = False  # whether an exception was raised on its behalf


class _Watcher:
    """One daemon thread that raises `_Expired` in threads whose limit has passed.

    Watched threads take the bare lock: `with` on it can't be interrupted between taking it and the block that gives it
    back. The condition's own `__enter__` is Python code, and an expiry that struck there would keep the lock for ever.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._condition = threading.Condition(self._lock)
        self._queue: list[tuple[float, int, _Limit]] = []
        self._order = itertools.count()
        self._running = False
        self.strikes = 0

    def add(self, limit: _Limit) -> None:
        with self._lock:
            heapq.heappush(self._queue, (limit.deadline, next(self._order), limit))
            if not self._running:
                self._running = True
                _hide_expiry_in_finalisers()
                threading.Thread(target=self._watch, name="symrg-budget", daemon=True).start()
            elif self._queue[0][2] is limit:
                self._condition.notify()

    def cancel(self, limit: _Limit) -> None:
        """After this returns, no exception for `limit` is pending or will come."""
        with self._lock:
            if not limit.done:
                limit.done = True
                if time.monotonic() >= limit.deadline and limit.thread not in _shielded:
                    _raise_in(limit.thread, None)

    def _watch(self) -> None:
        while True:
            with self._condition:
                while self._queue and self._queue[0][2].done:
                    heapq.heappop(self._queue)
                if not self._queue:
                    self._condition.wait()
                    continue
                when, _, limit = self._queue[0]
                delay = when - time.monotonic()
                if delay > 0:
                    self._condition.wait(delay)
                    continue
                heapq.heapreplace(self._queue, (time.monotonic() + _REPEAT, next(self._order), limit))
                if limit.thread not in _shielded:
                    limit.struck = True
                    self.strikes += 1
                    _raise_in(limit.thread, _Expired)

    def struck(self, thread: int) -> bool:
        """Whether an exception was raised in a thread for a call that goes on there."""
        with self._lock:
            return any(x.thread == thread and not x.done and x.struck for _, _, x in self._queue)

    def expired(self, thread: int) -> bool:
        """Whether the time of some call in a thread is up."""
        now = time.monotonic()
        with self._lock:
            return any(x.thread == thread and not x.done and now >= x.deadline for _, _, x in self._queue)


def _hide_expiry_in_finalisers() -> None:
    """An expiry that happens to strike inside a finaliser is reported by Python, although it comes again: not news."""
    earlier = sys.unraisablehook
    if getattr(earlier, "knows_expiry", False):
        return

    def hook(unraisable: Any) -> None:
        if not (unraisable.exc_type is not None and issubclass(unraisable.exc_type, _Expired)):
            earlier(unraisable)

    hook.knows_expiry = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    value = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), value)


_watcher = _Watcher()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watcher._reset)


_shielded: dict[int, int] = {}  # threads into which nothing is raised, and how deep


@contextmanager
def uninterrupted() -> Iterator[None]:
    """No exception is raised into this thread meanwhile: a C library is calling back into Python.

    An exception out of nowhere would cross the library's frames, which are not made for it. What is called back must
    ask `check_time` now and then.
    """
    thread = threading.get_ident()
    with _watcher._lock:  # whatever the watcher has begun to raise arrives before the condition is free
        _shielded[thread] = _shielded.get(thread, 0) + 1
    try:
        yield
    finally:
        with _watcher._lock:
            _shielded[thread] -= 1
            if not _shielded[thread]:
                del _shielded[thread]


def check_time() -> None:
    """End the current `within` if its time is up, as the watcher would."""
    if _watcher.expired(threading.get_ident()):
        raise _Expired


def within(seconds: float, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """The value of `function(*args, **kwargs)`, if it comes within `seconds`.

    Calls nest: the inner limit never outlasts the outer one. A value that came although the call was interrupted, as
    where some `except:` in a library swallowed that, isn't trusted: the call counts as late. The working precisions of
    mpmath and flint are then what they were before.

    Raises:
        OutOfTime: the time was up first.
    """
    if seconds <= 0:
        raise OutOfTime(f"no time left for {getattr(function, '__name__', 'the call')}")
    limit = _Limit(seconds)
    strikes, precisions = _watcher.strikes, (mp.prec, ctx.prec)
    try:
        try:
            _watcher.add(limit)
            value = function(*args, **kwargs)
        finally:
            _watcher.cancel(limit)
    except (_Expired, SystemError) as error:
        _watcher.cancel(limit)
        # a C library whose callback was interrupted reports "a result with an exception set"
        if isinstance(error, SystemError) and not _caused_by_expiry(error):
            raise
    else:
        if strikes == _watcher.strikes:
            return value
        if not limit.struck:
            if _watcher.struck(limit.thread):
                raise _Expired  # meant for an outer call, and some `except` on the way swallowed it
            return value
    mp.prec, ctx.prec = precisions  # the call may have been stopped before it set them back
    if limit.thread not in _shielded:
        check_time()  # an outer limit that has passed too isn't kept waiting for the watcher's next turn
    raise OutOfTime(f"{getattr(function, '__name__', 'the call')} took longer than {seconds:.3g} s") from None


def _caused_by_expiry(error: BaseException) -> bool:
    earlier = error.__cause__ or error.__context__
    return isinstance(earlier, _Expired) or (earlier is not None and _caused_by_expiry(earlier))


@dataclass(frozen=True)
class Attempt:
    """One route that was tried: how it ended and what it cost."""

    route: str
    outcome: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.route}: {self.outcome} ({self.seconds:.2f} s)"


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}".rstrip(": ")


def _raised_by_sympy(error: Exception) -> bool:
    """Whether an error comes out of SymPy's own code, which has more of them than can be listed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("sympy")


@dataclass
class Budget:
    """What is left of a time budget, with the record of the routes tried within it.

    Args:
        seconds: for everything together; None means `DEFAULT_SECONDS`.
    """

    seconds: float
    attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds

    @classmethod
    def of(cls, budget: float | Budget | None) -> Budget:
        """A budget as public calls take it: seconds, None for the default, or one that is already running."""
        if isinstance(budget, Budget):
            return budget
        seconds = DEFAULT_SECONDS.get() if budget is None else float(budget)
        if not seconds > 0:
            raise ValueError(f"budget must be a positive number of seconds, given {budget!r}")
        return cls(seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(self._deadline - time.monotonic(), 0.0)

    def attempt(self, route: str, function: Callable[..., T], *args: Any, share: float = 1.0) -> T | None:
        """Try a route with a share of the time left: its value, or None where it declined or ran out of time.

        `Declined`, None and the errors by which SymPy says "I can't" (NotImplementedError, ValueError, TypeError,
        ArithmeticError, AttributeError, RecursionError, KeyError, IndexError) count as declining and are recorded.
        """
        start = time.monotonic()
        value: T | None = None
        try:
            value = within(share * self.remaining, function, *args)
            outcome = "declined" if value is None else "found"
        except OutOfTime:
            outcome = "out of time"
        except Declined as reason:
            outcome = f"declined: {reason}"
        except NoClosedForm:
            outcome = "no closed form"
        except _CANNOT as e:
            outcome = _brief(e)
        except Exception as e:
            if not _raised_by_sympy(e):
                raise
            outcome = _brief(e)
        self.attempts.append(Attempt(route, outcome, time.monotonic() - start))
        return value

    def no_closed_form(self, task: str) -> NoClosedForm:
        """The error that says what was wanted and what was tried."""
        tried = "; ".join(str(a) for a in self.attempts) or "nothing, the time was up"
        return NoClosedForm(f"no closed form found for {task} within {self.seconds:g} s; tried: {tried}")
