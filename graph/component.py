"""Strongly connected components of a small graph, in the order in which they can be solved."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def components(starts: Iterable[int], beyond: Callable[[int], Iterable[int]]) -> list[list[int]]:
    """The components of what is reached from the starts, each after all that lie beyond it.

    Tarjan's algorithm without recursion: a chain of any length is no deeper stack.
    """
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for start in starts:
        if start in number:
            continue
        number[start] = low[start] = len(number)
        stack.append(start)
        on_stack.add(start)
        path = [(start, iter(beyond(start)))]
        while path:
            node, following = path[-1]
            for next_ in following:
                if next_ not in number:
                    number[next_] = low[next_] = len(number)
                    stack.append(next_)
                    on_stack.add(next_)
                    path.append((next_, iter(beyond(next_))))
                    break
                if next_ in on_stack:
                    low[node] = min(low[node], number[next_])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == number[node]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    found.append(sorted(component))
    return found
