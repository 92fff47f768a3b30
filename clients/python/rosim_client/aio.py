"""The client for asyncio: the same methods, awaited.

Each request runs in a thread of its own pool. That costs a thread a request in flight, which `concurrency` bounds, and
spares a second HTTP implementation. Cancelling a task shuts its connection, so that the server drops the work too.
"""

from __future__ import annotations

import asyncio
import contextvars
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, TypeVar, Unpack

from .answers import (
    Calibration,
    DedupOptions,
    Duplicates,
    Floats,
    Model,
    Neighbours,
    Options,
    Ranking,
    RankOptions,
    Scored,
    ScoreOptions,
    Similarity,
)
from .client import BATCH, IN_FLIGHT, Client, Pair
from .transport import Abort, current_abort

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """The arguments are Client's; concurrency is how many requests may be on their way at once."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        max_pause: float = 30.0,
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
        concurrency: int = 16,
    ) -> None:
        """Connects to nothing yet."""
        self._client = Client(
            base_url,
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            max_pause=max_pause,
            tls=tls,
            headers=headers,
        )
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="rosim")

    async def aclose(self) -> None:
        """Closes the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def __aenter__(self) -> AsyncClient:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See aclose."""
        await self.aclose()

    async def _call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(Abort(), lambda: method(*args, **kwargs))

    async def _run(self, abort: Abort, method: Callable[[], T]) -> T:
        def run() -> T:
            current_abort.set(abort)
            return method()

        context = contextvars.copy_context()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, run)
        except asyncio.CancelledError:
            abort.now()
            raise

    async def similarity(self, a: str, b: str, **options: Unpack[ScoreOptions]) -> float:
        """See Client."""
        return await self._call(self._client.similarity, a, b, **options)

    async def pairs(self, pairs: Iterable[Pair], **options: Unpack[ScoreOptions]) -> Similarity:
        """See Client."""
        return await self._call(self._client.pairs, pairs, **options)

    async def one_to_many(self, source: str, sentences: Iterable[str], **options: Unpack[ScoreOptions]) -> Similarity:
        """See Client."""
        return await self._call(self._client.one_to_many, source, sentences, **options)

    async def matrix(self, left: Iterable[str], right: Iterable[str], **options: Unpack[ScoreOptions]) -> Similarity:
        """See Client."""
        return await self._call(self._client.matrix, left, right, **options)

    async def nearest(
        self,
        left: Iterable[str],
        right: Iterable[str],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Neighbours:
        """See Client."""
        return await self._call(self._client.nearest, left, right, top_k=top_k, threshold=threshold, **options)

    async def embed(self, texts: Iterable[str], *, batch: int = BATCH, **options: Unpack[Options]) -> Floats:
        """See Client."""
        return await self._call(self._client.embed, texts, batch=batch, **options)

    async def rank(self, query: str, candidates: Iterable[str], **options: Unpack[RankOptions]) -> Ranking:
        """See Client."""
        return await self._call(self._client.rank, query, candidates, **options)

    async def dedup(
        self, texts: Iterable[str], *, threshold: float | None = None, **options: Unpack[DedupOptions]
    ) -> Duplicates:
        """See Client."""
        return await self._call(self._client.dedup, texts, threshold=threshold, **options)

    async def duplicate_groups(
        self, texts: Iterable[str], *, threshold: float = 0.9, **options: Unpack[Options]
    ) -> list[list[int]]:
        """See Client."""
        return await self._call(self._client.duplicate_groups, texts, threshold=threshold, **options)

    async def calibrate(
        self,
        pairs: Iterable[tuple[str, str, int | None]],
        *,
        id: str | None = None,
        precision: float | None = None,
        features: str | None = None,
        prior: float | None = None,
        adapter: str | None = None,
        **options: Unpack[Options],
    ) -> Calibration:
        """See Client."""
        return await self._call(
            self._client.calibrate,
            pairs,
            id=id,
            precision=precision,
            features=features,
            prior=prior,
            adapter=adapter,
            **options,
        )

    async def calibrations(self) -> tuple[Calibration, ...]:
        """See Client."""
        return await self._call(self._client.calibrations)

    async def calibration(self, id: str) -> Calibration:
        """See Client."""
        return await self._call(self._client.calibration, id)

    async def delete_calibration(self, id: str) -> None:
        """See Client."""
        await self._call(self._client.delete_calibration, id)

    async def models(self) -> tuple[Model, ...]:
        """See Client."""
        return await self._call(self._client.models)

    async def stream(
        self,
        pairs: Iterable[Pair] | AsyncIterable[Pair],
        *,
        batch: int = BATCH,
        in_flight: int = IN_FLIGHT,
        progress: bool | None = None,
        **options: Unpack[ScoreOptions],
    ) -> AsyncIterator[Scored]:
        """See Client; pairs may come from an asynchronous iterator as well."""
        loop = asyncio.get_running_loop()
        given = _blocking(pairs, loop) if isinstance(pairs, AsyncIterable) else pairs
        scored = self._client.stream(given, batch=batch, in_flight=in_flight, progress=progress, **options)

        def take() -> list[Scored]:
            out: list[Scored] = []
            for one in scored:
                out.append(one)
                if len(out) == batch:
                    break
            return out

        abort = Abort()
        try:
            while found := await self._run(abort, take):
                for one in found:
                    yield one
        finally:
            abort.now()  # what is still on its way for a stream that was left


def _blocking(pairs: AsyncIterable[Pair], loop: asyncio.AbstractEventLoop) -> Iterator[Pair]:
    """Read from a thread, what the loop produces."""
    source = pairs.__aiter__()

    async def following() -> Pair:
        return await source.__anext__()

    while True:
        try:
            pair = asyncio.run_coroutine_threadsafe(following(), loop).result()
        except StopAsyncIteration:
            return
        yield pair
