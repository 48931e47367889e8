from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.models.errors import MissingFeatures
from creditrisk.testing import scored_split
from creditrisk.testing.errors import IncompleteTruth, UnusableSplit


class HalfScore:
    """A model whose PD is half of EXT_SOURCE_2."""

    def probabilities(self, table: pa.Table) -> Any:
        """The PD of each row."""
        if "EXT_SOURCE_2" not in table.column_names:
            raise MissingFeatures(["EXT_SOURCE_2"])
        return table.column("EXT_SOURCE_2").to_numpy() / 2


def split_file(folder: Path, **columns: Any) -> Path:
    """A side of three applicants, out of key order, with a column that no model reads."""
    table = {
        "SK_ID_CURR": [3, 1, 2],
        "EXT_SOURCE_2": [0.6, 0.2, 0.4],
        "UNREAD": ["a", "b", "c"],
        "TARGET": [1, 0, 0],
    }
    kept = {name: value for name, value in {**table, **columns}.items() if value is not None}
    path = folder / "test.parquet"
    pq.write_table(pa.table(kept), path)
    return path


def truth_file(folder: Path, ids: list[int], pds: list[float]) -> Path:
    """True PDs of these applicants."""
    path = folder / "truth.parquet"
    columns = {"SK_ID_CURR": pa.array(ids, pa.int64()), "TRUE_PD": pa.array(pds, pa.float64())}
    pq.write_table(pa.table(columns), path)
    return path


def scored(path: Path) -> scored_split.ScoredSplit:
    """The side of that file, scored."""
    return scored_split.score_split(
        path, scored_split.read_split(path, ["EXT_SOURCE_2"]), HalfScore()
    )


def test_rows_are_scored_in_key_order(tmp_path: Path) -> None:
    """Applicant, outcome and PD stay together and are sorted by applicant."""
    found = scored(split_file(tmp_path))
    assert found.applicants.tolist() == [1, 2, 3]
    assert found.target.tolist() == [0, 0, 1]
    assert found.pd.tolist() == [0.1, 0.2, 0.3]
    assert found.sha256 == sha256_of(tmp_path / "test.parquet")


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Columns that the model does not read stay on disk."""
    table = scored_split.read_split(split_file(tmp_path), ["EXT_SOURCE_2"])
    assert table.column_names == ["SK_ID_CURR", "EXT_SOURCE_2", "TARGET"]


def test_a_missing_side_is_refused(tmp_path: Path) -> None:
    """The refusal names the stage that writes the side."""
    with pytest.raises(MissingFile, match="split_data"):
        scored_split.read_split(tmp_path / "test.parquet", [])


@pytest.mark.parametrize("column", ["SK_ID_CURR", "TARGET"])
@pytest.mark.parametrize("values", [None, [None, 1, 0]], ids=["absent", "null"])
def test_a_side_without_key_or_outcome_is_refused(
    tmp_path: Path, column: str, values: list[int | None] | None
) -> None:
    """Every row needs its applicant and its outcome."""
    path = split_file(tmp_path, **{column: values})
    with pytest.raises(UnusableSplit, match=column):
        scored_split.read_split(path, ["EXT_SOURCE_2"])


def test_a_missing_feature_is_named_by_the_scorer(tmp_path: Path) -> None:
    """A feature that the side lacks is refused in the scorer's words, not in the reader's."""
    with pytest.raises(MissingFeatures, match="EXT_SOURCE_2"):
        scored(split_file(tmp_path, EXT_SOURCE_2=None))


def test_predictions_are_written_in_key_order(tmp_path: Path) -> None:
    """One row an applicant: outcome, exact PD, and 1 from the threshold on."""
    path = tmp_path / "predictions.parquet"
    scored_split.write_predictions(scored(split_file(tmp_path)), 0.2, path)
    assert pq.read_table(path).to_pydict() == {
        "SK_ID_CURR": [1, 2, 3],
        "TARGET": [0, 0, 1],
        "PD": [0.1, 0.2, 0.3],
        "prediction": [0, 1, 1],
    }


def test_predictions_are_the_same_bytes_twice(tmp_path: Path) -> None:
    """The file holds no time and no random mark."""
    paths = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    for path in paths:
        scored_split.write_predictions(scored(split_file(tmp_path)), 0.2, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_true_pds_are_matched_by_applicant(tmp_path: Path) -> None:
    """The file's order and further applicants in it do not matter."""
    path = truth_file(tmp_path, [9, 2, 1, 5], [0.9, 0.2, 0.1, 0.5])
    found = scored_split.read_true_pds(path, np.array([1, 2, 5]))
    assert found is not None
    assert found.tolist() == [0.1, 0.2, 0.5]


def test_an_empty_truth_is_no_truth(tmp_path: Path) -> None:
    """Real data has no true PDs."""
    assert scored_split.read_true_pds(truth_file(tmp_path, [], []), np.array([1])) is None


def test_a_truth_of_other_applicants_is_refused(tmp_path: Path) -> None:
    """True PDs of another portfolio are not quietly compared."""
    path = truth_file(tmp_path, [1, 2], [0.1, 0.2])
    with pytest.raises(IncompleteTruth, match=r"2 of 3 applicants .* 7, 8"):
        scored_split.read_true_pds(path, np.array([2, 7, 8]))


def test_a_missing_truth_is_refused(tmp_path: Path) -> None:
    """A file that was never written is not taken for an empty one."""
    with pytest.raises(MissingFile, match="ingest_data"):
        scored_split.read_true_pds(tmp_path / "truth.parquet", np.array([1]))
