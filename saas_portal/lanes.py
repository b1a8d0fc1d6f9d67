"""Calls of others' servers, a few at a time, by threads that hold no transaction meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice


def in_lanes(
    work: Callable, items: Iterable, lanes: int
) -> Iterator[tuple[object, object, Exception | None]]:
    """Call ``work`` with every item, a few side by side; yields each as soon as it has ended.

    What is begun is bounded, so that a long list takes no more memory than a short one. ``work``
    runs in other threads: it may not use the caller's cursor or records. A single item is worked on
    in the thread of the caller. What works on records is `parallel.side_by_side`.

    :return: item, result and error of each, in the order in which they end
    """
    todo = iter(items)
    first = list(islice(todo, max(lanes, 1) + 1))
    if len(first) < 2 or lanes < 2:
        for item in [*first, *todo]:
            yield item, *_try(work, item)
        return
    with ThreadPoolExecutor(lanes, thread_name_prefix="saas-lane") as pool:
        waiting = {pool.submit(_try, work, item): item for item in first}
        while waiting:
            done, _others = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                item = waiting.pop(future)
                for another in islice(todo, 1):
                    waiting[pool.submit(_try, work, another)] = another
                yield item, *future.result()


def _try(work: Callable, item: object) -> tuple[object, Exception | None]:
    try:
        return work(item), None
    except Exception as error:
        # Told to the caller, who knows what it means.
        return None, error
