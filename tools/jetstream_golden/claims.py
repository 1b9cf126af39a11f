"""What is compared of each script: facts that do not depend on how long a step takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby, pairwise

from jetstream_golden.record import Gauges, Record
from jetstream_golden.scripts import (
    BESIDE,
    BURSTS,
    GIVEN_UP,
    LATEST_SLOT,
    LENGTHS,
    PLATEAU,
    REFILL,
    SLOTS,
    STAGGERED,
    Script,
)

Fact = Callable[[Record], str]


def listed(values: Iterable[float]) -> str:
    """Return numbers as text; what was seen of nothing is a dash."""
    return " ".join(f"{value:g}" for value in values) or "-"


def with_the_prefill(record: Record) -> str:
    """Tell whether a prefill sends a message."""
    return "yes" if record.seen[0].prefilled is not None else "no"


def tokens(record: Record) -> str:
    """Return the tokens of every answer."""
    return listed(sum(one.tokens) for one in record.seen)


def message_sizes(record: Record) -> str:
    """Return which numbers of tokens messages have, but for the last, and what the last have."""
    sizes = {size for one in record.seen for size in one.tokens[:-1]}
    last = {one.tokens[-1] for one in record.seen}
    return f"{listed(sorted(sizes))}, last {listed(sorted(last))}"


def idle(record: Record) -> str:
    """Return the share of slots used before and after all."""
    return listed(one.used for one in record.idle)


def plateau(record: Record) -> list[Gauges]:
    """Return the gauges while a burst's first requests decode and all else stands."""
    first = record.seen[0].messages
    return list(record.between(first[PLATEAU[0] - 1], first[PLATEAU[1] - 1]))


def backlog_at_plateau(record: Record) -> str:
    """Return the backlog meanwhile."""
    return listed(sorted({one.backlog for one in plateau(record)}))


def parked_at_plateau(record: Record) -> str:
    """Return the requests that are neither in the backlog nor in a slot meanwhile."""
    without = len(record.seen) - SLOTS
    return listed(sorted({without - one.backlog for one in plateau(record)}))


def used_at_plateau(record: Record) -> str:
    """Return the share of slots used meanwhile."""
    return listed(sorted({one.used for one in plateau(record)}))


def decoding_first(record: Record) -> str:
    """Return how many requests are in slots before any slot is there for a second one."""
    first = record.seen[0].messages
    starts = [one.messages[0] for one in record.seen]
    return listed([record.by(first[-1], starts)])


def in_order(record: Record) -> str:
    """Tell whether nobody is decoded a step before one who came earlier."""
    starts = [one.messages[0] for one in record.seen]
    half = record.step_seconds / 2
    return "yes" if all(later > one - half for one, later in pairwise(starts)) else "no"


def used_on_the_way(record: Record) -> str:
    """Return the shares of used slots that last, from idle until all are used."""
    pairs = [(one.seconds, one.used) for one in record.gauges]
    steps = [record.idle[0].used, *record.lasting(pairs)]
    ordered = [value for value, _ in groupby(steps[: steps.index(1.0) + 1])]
    return listed(ordered)


def backlogs(record: Record) -> str:
    """Return the longest backlog, and those that last after it until all slots decode."""
    seen = list(record.between(0.0, record.seen[0].messages[PLATEAU[0]]))
    lengths = [one.backlog for one in seen]
    longest = max(lengths)
    after = seen[lengths.index(longest) :]
    lasting = record.lasting([(one.seconds, one.backlog) for one in after])
    return listed([longest, *(value for value in lasting if value != longest)])


def steps_beside(record: Record) -> list[int]:
    """Return the messages of the first request from the others' arrival to their first ones."""
    begin = len([time for time in record.seen[0].messages if time <= record.seen[1].sent])
    ends = [record.by(one.messages[0], record.seen[0].messages) for one in record.seen[1:]]
    return sorted(end - begin for end in ends)


def steps_until_the_first(record: Record) -> str:
    """Return them for the first of the others."""
    return listed(steps_beside(record)[:1])


def steps_until_the_last(record: Record) -> str:
    """Return how many more they are for the last of the others."""
    steps = steps_beside(record)
    return listed([steps[-1] - steps[0]])


def steps_until_refilled(record: Record) -> str:
    """Return the steps from the end of an answer to the first step of the next in its slot."""
    neighbour = record.seen[0].messages
    ended, following = record.seen[LATEST_SLOT], record.seen[SLOTS]
    last = record.by(ended.messages[-1], neighbour)
    return listed([record.by(following.messages[0], neighbour) - last])


def used_after_giving_up(record: Record) -> str:
    """Return the share of used slots from the giving up to the end of those that stay."""
    kept = record.seen[LATEST_SLOT].messages
    return listed(sorted({one.used for one in record.between(kept[5], kept[-2])}))


def next_after_giving_up(record: Record) -> str:
    """Tell when the next request is decoded."""
    kept = record.seen[LATEST_SLOT].messages
    return "after" if record.seen[SLOTS].messages[0] > kept[-1] else "before"


def used_by_the_next(record: Record) -> str:
    """Return the share of used slots while the next decodes, and one that was given up."""
    following = record.seen[SLOTS].messages
    return listed(sorted({one.used for one in record.between(following[0], following[-2])}))


_BURST: Mapping[str, Fact] = {
    "backlog, from the longest until all is prefilled that can be": backlogs,
    "backlog while all slots decode": backlog_at_plateau,
    "requests parked meanwhile": parked_at_plateau,
    "share of slots used meanwhile": used_at_plateau,
    "shares of slots used on the way there": used_on_the_way,
    "requests that decode before one ends": decoding_first,
    "first come, first decoded": in_order,
}

FACTS: Mapping[Script, Mapping[str, Fact]] = {
    LENGTHS: {
        "a message with the prefill": with_the_prefill,
        "tokens of the answers": tokens,
        "tokens of a message": message_sizes,
        "share of slots used before and after": idle,
    },
    **dict.fromkeys(BURSTS, _BURST),
    BESIDE: {"steps from its arrival to its first": steps_until_the_first},
    STAGGERED: {
        "steps from their arrival to the first one's first": steps_until_the_first,
        "and from that to the last one's": steps_until_the_last,
    },
    REFILL: {"steps from an end to the next one's first": steps_until_refilled},
    GIVEN_UP: {
        "share of slots used until the others end": used_after_giving_up,
        "the next one decodes before or after these end": next_after_giving_up,
        "share of slots used while it decodes": used_by_the_next,
    },
}
