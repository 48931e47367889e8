"""The skops file of the pipeline."""

from __future__ import annotations

import io
import re
from zipfile import ZipFile

import numpy as np
import pytest
from simulated_lending import fitted, unseen

from creditrisk.models.errors import UntrustedPipeline
from creditrisk.models.estimators import CLASSIFIERS
from creditrisk.models.pipeline_file import dump_pipeline, load_pipeline

every_model = pytest.mark.parametrize("model_type", CLASSIFIERS)


@every_model
def test_a_loaded_pipeline_gives_the_same_probabilities(model_type: str) -> None:
    """Nothing that scoring needs is lost in the file."""
    pipeline, frame = fitted(model_type).pipeline(), unseen().slice(0, 1000).to_pandas()
    loaded = load_pipeline(dump_pipeline(pipeline))
    assert np.array_equal(loaded.predict_proba(frame), pipeline.predict_proba(frame))


@every_model
def test_loading_and_dumping_changes_no_byte(model_type: str) -> None:
    """Objects at other addresses give the same file."""
    content = dump_pipeline(fitted(model_type).pipeline())
    assert dump_pipeline(load_pipeline(content)) == content


def test_having_scored_changes_no_byte() -> None:
    """The native model, which scoring builds from its text, is not part of the file."""
    pipeline = load_pipeline(dump_pipeline(fitted().pipeline()))
    before = dump_pipeline(pipeline)
    pipeline.predict_proba(unseen().slice(0, 10))
    assert dump_pipeline(pipeline) == before


def test_arrays_keep_their_content() -> None:
    """Arrays, which skops stores as members named by address, are renamed with their schema."""
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    loaded = load_pipeline(dump_pipeline(regression))
    assert np.array_equal(loaded.coef_, regression.coef_)
    assert dump_pipeline(loaded) == dump_pipeline(regression)


def schema(archive: ZipFile) -> str:
    return archive.read("schema.json").decode()


def test_the_file_holds_no_time_and_no_address() -> None:
    """Members carry one fixed date, objects are numbered 1, 2, ..."""
    with ZipFile(io.BytesIO(dump_pipeline(fitted().pipeline()))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        numbers = {int(found) for found in re.findall(r'"__id__": (\d+)', schema(archive))}
    assert numbers == set(range(1, len(numbers) + 1))


def test_a_type_that_is_not_listed_is_refused() -> None:
    """Nothing is constructed from a file that holds a type of somebody else."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    hostile = Pipeline([("run", FunctionTransformer(exec))])
    with pytest.raises(UntrustedPipeline, match=r"builtins\.exec"):
        load_pipeline(dump_pipeline(hostile))
