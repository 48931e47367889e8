"""Feature tables read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from batch_runs import Batches, feature_rows, lines_of, with_cell
from pyarrow import parquet

from creditrisk.scoring.batch.errors import BrokenInput, UnsupportedFile, WrongInputColumns
from creditrisk.scoring.batch.feature_file import Layout
from creditrisk.scoring.batch.reading import open_feature_file

LAYOUT = Layout(
    types={
        "SK_ID_CURR": "integer",
        "EXT_SOURCE_2": "real",
        "CREDIT_TO_INCOME": "real",
        "CNT_CHILDREN": "integer",
        "NAME_INCOME_TYPE": "category",
    },
    required=("SK_ID_CURR", "EXT_SOURCE_2", "CNT_CHILDREN", "NAME_INCOME_TYPE"),
)
both_forms = pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])


def read(path: Path, rows: int = 1_000) -> list[Any]:
    file = open_feature_file(path, path.name, LAYOUT, threads=1)
    return [chunk() for chunk in file.chunks(rows)]


@both_forms
@pytest.mark.parametrize("size", [1, 7, 100, 1_000])
def test_chunks_hold_every_row_once_in_order(batches: Batches, name: str, size: int) -> None:
    """Whatever the size of chunks, together they are the file, rows counted from 1."""
    table = feature_rows(50).select(LAYOUT.types)
    chunks = read(batches.saved(table, name), size)
    assert pa.concat_tables([chunk.table for chunk in chunks]).equals(table)
    assert np.concatenate([chunk.rows for chunk in chunks]).tolist() == list(range(1, 51))


def test_row_groups_do_not_show_in_chunks(batches: Batches) -> None:
    """Chunks have the size asked for, however the file is cut into row groups."""
    path = batches.folder / "groups.parquet"
    parquet.write_table(feature_rows(50), path, row_group_size=8)
    assert [len(chunk.rows) for chunk in read(path, 20)] == [20, 20, 10]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_of_other_lengths_are_rejected_and_counted(batches: Batches, size: int) -> None:
    """A line with too few or too many cells is a reject of its row; the others keep their numbers."""
    lines = lines_of(feature_rows(4))
    lines[2] += ",1,2"
    lines.append("100009,0.5")
    chunks = read(batches.text(lines), size)
    assert np.concatenate([chunk.rows for chunk in chunks]).tolist() == [1, 3, 4]
    rejects = [reject for chunk in chunks for reject in chunk.rejects]
    assert [(r.row, r.rule, r.seen) for r in rejects] == [
        (2, "file.cells", "8 cells"),
        (5, "file.cells", "2 cells"),
    ]
    assert np.concatenate([chunk.all_rows for chunk in chunks]).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("column", "cell", "required"),
    [
        ("CNT_CHILDREN", "1.5", "a whole number"),
        ("CNT_CHILDREN", "0x10", "a whole number"),
        ("CNT_CHILDREN", "1e300", "a whole number"),
        ("EXT_SOURCE_2", "nan", "a finite number"),
        ("EXT_SOURCE_2", "1e999", "a finite number"),
        ("EXT_SOURCE_2", "high", "a finite number"),
        ("EXT_SOURCE_2", "0,5", "a finite number"),
    ],
)
def test_a_cell_of_another_type_rejects_its_row_alone(
    batches: Batches, column: str, cell: str, required: str
) -> None:
    """A cell that is no number of its column's kind is told with what was seen and is required."""
    table = feature_rows(3)
    place = table.schema.names.index(column)
    lines = [line.split(",") for line in lines_of(table)]
    lines[2][place] = f'"{cell}"'
    (chunk,) = read(batches.text([",".join(line) for line in lines]))
    assert [(r.row, r.column, r.seen, r.required) for r in chunk.rejects] == [
        (2, column, repr(cell), required)
    ]
    assert chunk.table.column(column).null_count == 1


@pytest.mark.parametrize("cell", ["5", "5.0", " 5", "+5", "5e0", "05"])
def test_usual_spellings_of_a_number_are_read(batches: Batches, cell: str) -> None:
    """Whole numbers may be written with a fraction of zero, a sign, an exponent or spaces."""
    lines = [line.split(",") for line in lines_of(feature_rows(2))]
    place = feature_rows(1).schema.names.index("CNT_CHILDREN")
    lines[2][place] = cell
    (chunk,) = read(batches.text([",".join(line) for line in lines]))
    assert not chunk.rejects
    assert chunk.table.column("CNT_CHILDREN")[1].as_py() == 5


def test_a_truncated_parquet_file_is_refused(batches: Batches) -> None:
    """A file that ends early is refused as a whole."""
    path = batches.saved(feature_rows(100))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BrokenInput, match="a whole Parquet file"):
        read(path)


def test_a_damaged_page_is_refused(batches: Batches) -> None:
    """Bytes that were changed within the file are told, too."""
    path = batches.folder / "rows.parquet"
    parquet.write_table(feature_rows(5_000), path, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[2_000:3_000] = bytes(1_000)
    path.write_bytes(content)
    with pytest.raises(BrokenInput, match="a whole Parquet file"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"SK_ID_CURR,\xff\xfe\n1,2\n", b'a,"b\n1,2\n'])
def test_what_is_no_csv_is_refused(batches: Batches, content: bytes) -> None:
    """An empty file, bytes that are not UTF-8, and open quotes are no table."""
    path = batches.folder / "rows.csv"
    path.write_bytes(content)
    with pytest.raises((BrokenInput, WrongInputColumns), match=r"rows\.csv refused"):
        read(path)


def test_bytes_that_are_not_utf_8_are_refused_wherever_they_stand(batches: Batches) -> None:
    """A cell that is not UTF-8 refuses the file: its line ends cannot be trusted either."""
    path = batches.text(lines_of(feature_rows(3)))
    path.write_bytes(path.read_bytes().replace(b"Working", b"Work\xff\xff\xff"))
    with pytest.raises(BrokenInput, match="UTF"):
        read(path)


@both_forms
def test_missing_columns_are_named(batches: Batches, name: str) -> None:
    """A table without the key or a feature of the model is refused, each named."""
    path = batches.saved(feature_rows(3).drop(["SK_ID_CURR", "CNT_CHILDREN"]), name)
    with pytest.raises(WrongInputColumns, match="missing: SK_ID_CURR, CNT_CHILDREN"):
        read(path)


@both_forms
def test_a_column_that_answers_have_is_refused(batches: Batches, name: str) -> None:
    """A table that was scored before must not lose its answers in silence."""
    path = batches.saved(feature_rows(3).append_column("grade", [["A", "B", "C"]]), name)
    with pytest.raises(WrongInputColumns, match="a name that the answers have: grade"):
        read(path)


def test_a_repeated_column_is_refused(batches: Batches) -> None:
    """Of two columns of one name nobody knows the right one."""
    lines = [f"{line},1" for line in lines_of(feature_rows(2))]
    lines[0] = lines[0][:-1] + "CNT_CHILDREN"
    with pytest.raises(WrongInputColumns, match="more than once: CNT_CHILDREN"):
        read(batches.text(lines))


@pytest.mark.parametrize("values", [["a", "b"], [True, False]])
def test_a_parquet_column_of_another_type_is_refused(batches: Batches, values: list[Any]) -> None:
    """A column of text or of booleans is no column of numbers."""
    table = feature_rows(2)
    place = table.schema.names.index("EXT_SOURCE_2")
    path = batches.saved(table.set_column(place, "EXT_SOURCE_2", pa.array(values)))
    with pytest.raises(WrongInputColumns, match="EXT_SOURCE_2 is stored as"):
        read(path)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("CNT_CHILDREN", pa.int8()),
        ("CNT_CHILDREN", pa.float64()),
        ("CNT_CHILDREN", pa.decimal128(20, 0)),
        ("EXT_SOURCE_2", pa.float32()),
        ("NAME_INCOME_TYPE", pa.large_string()),
        ("NAME_INCOME_TYPE", pa.string_view()),
        ("NAME_INCOME_TYPE", pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_other_ways_to_store_the_same_are_read(
    batches: Batches, column: str, kind: pa.DataType
) -> None:
    """Narrow integers, floats for integers, decimals, dictionaries: the values count."""
    table = feature_rows(20)
    place = table.schema.names.index(column)
    stored = table.set_column(place, column, table.column(column).cast(kind, safe=False))
    (chunk,) = read(batches.saved(stored))
    values = chunk.table.column(column).to_pylist()
    assert values == stored.column(column).to_pylist()


def test_a_name_without_ending_is_misuse(batches: Batches) -> None:
    """Only .csv and .parquet say what a file is."""
    with pytest.raises(UnsupportedFile, match="its name must end in"):
        read(batches.folder / "rows.xlsx")


def test_ids_that_cannot_be_read_are_null(batches: Batches) -> None:
    """The pass over the ids never fails; what is no id is rejected when its chunk is read."""
    lines = lines_of(feature_rows(3))
    lines[2] = lines[2].replace("100002", "one")
    file = open_feature_file(batches.text(lines), "rows.csv", LAYOUT, threads=1)
    assert [key for ids in file.ids() for key in ids.to_pylist()] == [100_001, None, 100_003]


def test_a_null_key_is_read_as_null(batches: Batches) -> None:
    """An empty cell is null in both forms."""
    path = batches.saved(with_cell(feature_rows(3), "SK_ID_CURR", 2, None))
    (chunk,) = read(path)
    assert chunk.table.column("SK_ID_CURR").to_pylist() == [100_001, None, 100_003]


@pytest.mark.parametrize("row", [1, 20, 50])
def test_one_odd_cell_changes_no_other_value(batches: Batches, row: int) -> None:
    """Where numbers cease to be plain, the rest of the file is read to the same values."""
    table = feature_rows(50).select(LAYOUT.types)
    lines = [line.split(",") for line in lines_of(table)]
    lines[row][1] = '"unknown"'
    chunks = read(batches.text([",".join(line) for line in lines]), 10)
    seen = pa.concat_tables([chunk.table for chunk in chunks])
    assert seen.equals(with_cell(table, table.column_names[1], row, None))
    assert [reject.row for chunk in chunks for reject in chunk.rejects] == [row]
    assert [chunk.number for chunk in chunks] == [0, 1, 2, 3, 4]
