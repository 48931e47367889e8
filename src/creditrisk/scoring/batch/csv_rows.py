"""The rows of a CSV file as the bytes that they are, so that they can be written as they came.

A row ends at a line end that stands in no quotes. Where every quote opens or closes a cell, or is
doubled, the quotes before a line end say by their number whether it stands in any, which whole
blocks are asked at once. A block with a quote elsewhere is read by the grammar, cell by cell. Empty
lines are no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 4 << 20
_LONGEST_ROW_BYTES = 4 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_FEED, _RETURN, _QUOTE, _COMMA = b'\n\r",'
_SEPARATORS = np.isin(np.arange(256), [_LINE_FEED, _RETURN, _COMMA])
# A quote within a cell that does not begin with one is a letter, as is what follows a closing one.
_CELL = rb'(?:"(?:[^"]|"")*+"[^,\r\n]*+|(?!")[^,\r\n]*+)'
_ROW = re.compile(rb"%b(?:,%b)*+(?=[\r\n])" % (_CELL, _CELL))
_LINE_ENDS = re.compile(rb"[\r\n]*")

Places = NDArray[np.int64]


class UnendedRow(Exception):
    """A row has no end within the bytes that a row may have."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows: the bytes from `starts` to `ends` of `data`, line ends between them.

    `in_one_line` says that no cell holds a line end.
    """

    data: memoryview
    starts: Places
    ends: Places
    in_one_line: bool = True

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, first: int, end: int) -> Rows:
        """The rows from `first` to before `end`; their bytes are shared."""
        starts, ends = self.starts[first:end], self.ends[first:end]
        if not len(starts):
            return Rows(self.data[:0], starts, ends)
        data = self.data[starts[0] : ends[-1]]
        return Rows(data, starts - starts[0], ends - starts[0], self.in_one_line)

    def only(self, wanted: Places | NDArray[np.bool_]) -> Rows:
        """Some of the rows; their bytes are shared."""
        return Rows(self.data, self.starts[wanted], self.ends[wanted], self.in_one_line)

    def texts(self) -> pa.LargeBinaryArray:
        """The bytes of each row without its line end."""
        import pyarrow as pa

        # Every second value of this array is what lies between two rows.
        offsets = np.stack([self.starts, self.ends], axis=1).ravel()
        values = [None, pa.py_buffer(offsets), pa.py_buffer(self.data)]
        pieces = pa.Array.from_buffers(pa.large_binary(), max(0, len(offsets) - 1), values)
        return pieces.take(pa.array(np.arange(0, len(offsets), 2)))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after another."""
        if len(parts) == 1:
            return parts[0]
        offsets = np.cumsum([0, *(len(part.data) + 1 for part in parts)])
        pairs = list(zip(parts, offsets.tolist(), strict=False))
        return cls(
            memoryview(b"\n".join(part.data for part in parts)),
            np.concatenate([part.starts + offset for part, offset in pairs]),
            np.concatenate([part.ends + offset for part, offset in pairs]),
            all(part.in_one_line for part in parts),
        )


def row_groups(path: Path, rows: int) -> Iterator[Rows]:
    """The header's row alone, then the rows of a file in groups of so many; the last may have fewer.

    Raises:
        UnendedRow: a quote is never closed, or a row is longer than any row is.
    """
    waiting: list[Rows] = []
    count, wanted = 0, 1
    for block in _blocks(path):
        waiting.append(block)
        count += len(block)
        if count < wanted:
            continue
        found = Rows.joined(waiting)
        place = 0
        while count - place >= wanted:
            yield found.part(place, place + wanted)
            place, wanted = place + wanted, rows
        waiting, count = [found.part(place, count)], count - place
    if count:
        yield Rows.joined(waiting)


def _blocks(path: Path) -> Iterator[Rows]:
    """The rows of a file, block by block."""
    rest = b""
    with path.open("rb") as stream:
        if stream.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            stream.seek(0)
        while block := stream.read(_BLOCK_BYTES):
            data = rest + block
            found, used = _split(data)
            rest = data[used:]
            if len(rest) > _LONGEST_ROW_BYTES:
                raise UnendedRow
            yield found
    if rest:
        found, used = _split(rest + b"\n")
        if used <= len(rest):
            raise UnendedRow
        yield found


def _split(data: bytes) -> tuple[Rows, int]:
    """The whole rows that some bytes begin with, and how many bytes they take with their ends."""
    found = _line_ends(np.frombuffer(data, np.uint8))
    if found is None:
        return _by_grammar(data)
    ends, in_one_line = found
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])[: len(ends)]
    used = int(ends[-1]) + 1 if len(ends) else 0
    filled = ends > starts
    return Rows(memoryview(data)[:used], starts[filled], ends[filled], in_one_line), used


def _line_ends(data: NDArray[np.uint8]) -> tuple[Places, bool] | None:
    """The line ends outside quotes, and whether none is inside; None where quotes do not say."""
    places = np.flatnonzero(data <= _QUOTE)
    kinds = data[places]
    is_quote, is_end = kinds == _QUOTE, (kinds == _LINE_FEED) | (kinds == _RETURN)
    ends = places[is_end]
    if not is_quote.any():
        return ends, True
    if not _are_regular(data, places[is_quote]):
        return None
    outside = np.cumsum(is_quote, dtype=np.int64)[is_end] & 1 == 0
    return ends[outside], bool(outside.all())


def _are_regular(data: NDArray[np.uint8], quotes: Places) -> bool:
    """Whether each quote that could open a cell does, or is doubled, and each that could close one.

    The last byte may close a cell or be doubled by the next block: no line end depends on it here.
    """
    opening, closing = quotes[::2], quotes[1::2]
    before = data[opening - 1]  # of a first byte the last: it is looked at below
    opens = _SEPARATORS[before] | (opening == 0)
    opens[1:] |= opening[1:] - 1 == closing[: len(opening) - 1]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    closes = _SEPARATORS[after] | (closing + 1 == len(data))
    closes[: len(opening) - 1] |= closing[: len(opening) - 1] + 1 == opening[1:]
    return bool(opens.all() and closes.all())


def _by_grammar(data: bytes) -> tuple[Rows, int]:
    starts, ends = [], []
    place = _past_line_ends(data, 0)
    while row := _ROW.match(data, place):
        starts.append(place)
        ends.append(row.end())
        place = _past_line_ends(data, row.end())
    shape = np.array([starts, ends], np.int64)
    return Rows(memoryview(data)[:place], shape[0], shape[1], in_one_line=False), place


def _past_line_ends(data: bytes, place: int) -> int:
    found = _LINE_ENDS.match(data, place)
    return found.end() if found else place
