"""One SQLite connection on a thread of its own, through which everything is read and written, in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from antiphon.errors import AntiphonError, StorageFailed
from antiphon.storage.opening import back_up, open_database, translate

log = logging.getLogger(__name__)

Result = TypeVar("Result")
#: A piece of work inside a transaction. It may be run again if its first transaction was lost, so it only does SQL.
Work = Callable[[sqlite3.Connection], Result]

#: At most this many pieces of work share a transaction, and so one sync of the disk.
GROUP = 64


@dataclass(slots=True)
class _Order:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Database:
    """The ledger's file, open. Work is queued from the event loop and answered after its COMMIT, never before."""

    def __init__(self, path: Path, backups: Path) -> None:
        """Open the file (see `opening.open_database`) and start the thread. Raises StartupError."""
        opened = open_database(path, backups)
        self.path = path
        self.notice = opened.notice
        self._backups = backups
        self._connection = opened.connection
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._backed_up_changes = -1
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="antiphon-ledger", daemon=True)
        self._thread.start()

    async def run(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction; returns after the COMMIT. Raises what `work` raises, or StorageFailed."""
        if self._closed:
            raise StorageFailed("the ledger is closed, because the server is stopping: ask again when it is back")
        loop = asyncio.get_running_loop()
        order = _Order(work, loop, loop.create_future())
        self._orders.put(order)
        # A caller that gives up (a closed connection) does not undo what is already queued.
        result: Result = await asyncio.shield(order.answer)
        return result

    async def back_up(self) -> bool:
        """Write a backup if anything has changed since the last one. Raises StorageFailed."""
        changes = self._connection.total_changes
        if changes == self._backed_up_changes:
            return False
        await asyncio.to_thread(back_up, self.path, self._backups)
        self._backed_up_changes = changes
        return True

    def close(self) -> None:
        """Finish what is queued and close the file."""
        if not self._closed:
            self._closed = True
            self._orders.put(None)
            self._thread.join()

    def _serve(self) -> None:
        ending = False
        while not ending:
            group = [self._orders.get()]
            while len(group) < GROUP and not self._orders.empty():
                group.append(self._orders.get())
            ending = None in group
            orders = [order for order in group if order is not None]
            if orders:
                self._settle(orders)
                for order in orders:
                    self._answer(order)
        self._connection.close()

    def _settle(self, orders: list[_Order]) -> None:
        """Run the orders in one transaction; where it is lost (full disk), each in one of its own."""
        try:
            self._transact(orders)
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            if len(orders) > 1:
                for order in orders:
                    self._settle([order])
            else:
                failure = translate(error, self.path)
                log.error("%s", failure)
                orders[0].error = failure

    def _transact(self, orders: list[_Order]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for order in orders:
            order.error = None
            self._connection.execute("SAVEPOINT one")
            try:
                order.result = order.work(self._connection)
            except AntiphonError as error:
                order.error = error
                self._connection.execute("ROLLBACK TO one")
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it; the thread lives on
                order.error = error
                self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
        self._connection.execute("COMMIT")

    @staticmethod
    def _answer(order: _Order) -> None:
        def settle() -> None:
            if order.answer.cancelled():
                return
            if order.error is not None:
                order.answer.set_exception(order.error)
            else:
                order.answer.set_result(order.result)

        # The loop may have ended while the work was queued; the work is done all the same.
        with contextlib.suppress(RuntimeError):
            order.loop.call_soon_threadsafe(settle)
