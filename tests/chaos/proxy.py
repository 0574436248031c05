"""A proxy between the pools and the server that loses what passes through it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

CHUNK = 65_536


class Proxy:
    """Listens on a port of this machine and passes everything on to the server's socket.

    Attributes:
        drop: chance that an answer is thrown away and its connection reset.
        target: the server's socket, for connections from now on.
        dropped: answers thrown away so far.
    """

    def __init__(self, target: Path, chance: Random) -> None:
        self.target = target
        self._chance = chance
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._lost: list[asyncio.Event] = []
        self._stopping = asyncio.Event()
        self.port = 0
        self.drop = 0.0
        self.dropped = 0
        self._victim = self._after = b""
        self._answers = True
        self._losses = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, on a thread of its own."""
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), name="proxy", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()

    def lose(self, word: bytes, times: int, *, after: bytes = b"", answers: bool = True) -> None:
        """Break the connection on which this word passes next, so many times: before the server hears it, or after.

        ``after``: only where this has passed before.
        """
        self._victim, self._losses, self._after, self._answers = word, times, after, answers

    def reset_all(self) -> None:
        """Reset every connection that is open."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def hold(self) -> None:
        """From now on, pass nothing on, on old connections and on new ones."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def let_pass(self) -> None:
        """Pass on again, also what was held."""
        self._loop.call_soon_threadsafe(self._open.set)

    def lose_held(self) -> None:
        """Pass on again, but for the present connections, which stay black holes for ever."""
        self._loop.call_soon_threadsafe(self._lose_held)

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._open.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        server.close()
        self._reset_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._connect(reader, writer, self._open)
        self._reset(writer)

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        await gate.wait()
        from_server, to_server = await asyncio.open_unix_connection(str(self.target))
        doomed = asyncio.Event()
        there = asyncio.create_task(self._pump(reader, to_server, gate, doomed))
        back = asyncio.create_task(self._answer(from_server, writer, gate, doomed))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            back.cancel()
            to_server.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: asyncio.Event,
        doomed: asyncio.Event,
    ) -> None:
        armed = False
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await gate.wait()
                armed = armed or self._after in data
                if self._losses and armed and self._victim in data:
                    self._losses -= 1
                    doomed.set()
                    if not self._answers:
                        return
                writer.write(data)
                await writer.drain()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: asyncio.Event,
        doomed: asyncio.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await gate.wait()
                if doomed.is_set() or self._chance.random() < self.drop:
                    self.dropped += 1
                    return
                writer.write(data)
                await writer.drain()

    def _lose_held(self) -> None:
        # Those that wait, wait for the old gate; somebody has to hold it, or they are collected as garbage.
        self._lost.append(self._open)
        self._open = asyncio.Event()
        self._open.set()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            self._reset(writer)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        """End a connection as a broken network does."""
        self._writers.discard(writer)
        connection = writer.get_extra_info("socket")
        if connection is not None and not writer.is_closing():
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
