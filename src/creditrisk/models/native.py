"""Booster evaluation through the C interfaces of LightGBM and XGBoost.

Their Python packages import sklearn and pandas (2-4 s and 130 MB a process); the shared libraries
that they install need neither.

Source: https://lightgbm.readthedocs.io/en/stable/C-API.html and
https://xgboost.readthedocs.io/en/stable/c.html
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import finalize

import numpy as np

from creditrisk.models.errors import ModelLibraryMissing, NativeCallFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_RAW_SCORE = 1  # C_API_PREDICT_RAW_SCORE
_CONTRIBUTIONS = 3  # C_API_PREDICT_CONTRIB: TreeSHAP
_ROW_MAJOR = 1
_MARGIN = 1  # XGBoost's prediction type: sum of leaves, before the link
_SHAP = 2  # XGBoost's prediction type: TreeSHAP
_LIBRARY_ENDINGS = (".so", ".dylib", ".dll")


class NativeBooster(Protocol):
    """What every model of a serving form can do."""

    def raw_scores(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """The log-odds of each row, before calibration; the same at any number of threads."""
        ...

    def contributions(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """What each column adds to each row's log-odds, before calibration.

        Returns:
            Shape (n_rows, n_features + 1). The last column is the base, the same in every row; a
            row adds up to its raw score. The same at any number of threads.
        """
        ...


class LightGBMBooster:
    """A LightGBM model read from its text."""

    def __init__(self, model_text: bytes) -> None:
        self._library = _load_library("lightgbm", "lib_lightgbm", "pip install lightgbm")
        self._library.LGBM_GetLastError.restype = ctypes.c_char_p
        self._handle = ctypes.c_void_p()
        trees = ctypes.c_int()
        self._call(
            "LGBM_BoosterLoadModelFromString",
            ctypes.c_char_p(model_text),
            ctypes.byref(trees),
            ctypes.byref(self._handle),
        )
        finalize(self, self._library.LGBM_BoosterFree, self._handle)
        self._columns = self._feature_count()
        self._single_rows = self._single_row_predictor()
        self._single_row_turn = threading.Lock()

    def raw_scores(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """The log-odds of each row."""
        if matrix.shape == (1, self._columns):
            return self._single_raw_score(matrix)
        return self._predicted(matrix, threads, _RAW_SCORE, columns=1)[:, 0]

    def contributions(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """TreeSHAP of each row, the base last.

        Source: Lundberg et al., From local explanations to global understanding with explainable
        AI for trees (2020), algorithm 2.
        """
        return self._predicted(matrix, threads, _CONTRIBUTIONS, columns=matrix.shape[1] + 1)

    def _feature_count(self) -> int:
        count = ctypes.c_int()
        self._call("LGBM_BoosterGetNumFeature", self._handle, ctypes.byref(count))
        return count.value

    def _single_row_predictor(self) -> ctypes.c_void_p:
        """The settings of a row alone, read once: to read them takes longer than to score it."""
        predictor = ctypes.c_void_p()
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            ctypes.c_int(_RAW_SCORE),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(self._columns),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(predictor),
        )
        finalize(self, self._library.LGBM_FastConfigFree, predictor)
        return predictor

    def _single_raw_score(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        cells = np.ascontiguousarray(row, dtype=np.float64)
        score = np.empty(1)
        with self._single_row_turn:
            self._call(
                "LGBM_BoosterPredictForMatSingleRowFast",
                self._single_rows,
                ctypes.c_void_p(cells.ctypes.data),
                ctypes.byref(ctypes.c_int64()),
                ctypes.c_void_p(score.ctypes.data),
            )
        return score

    def _predicted(
        self, matrix: NDArray[np.float64], threads: int, kind: int, columns: int
    ) -> NDArray[np.float64]:
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        predicted = np.empty((len(rows), columns))
        self._call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            ctypes.c_void_p(rows.ctypes.data),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(rows.shape[0]),
            ctypes.c_int32(rows.shape[1]),
            ctypes.c_int(_ROW_MAJOR),
            ctypes.c_int(kind),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_char_p(f"num_threads={threads}".encode()),
            ctypes.byref(ctypes.c_int64()),
            ctypes.c_void_p(predicted.ctypes.data),
        )
        return predicted

    def _call(self, function: str, *arguments: object) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            raise NativeCallFailed("LightGBM", self._library.LGBM_GetLastError().decode())


class XGBoostBooster:
    """An XGBoost model read from its JSON."""

    def __init__(self, model_json: bytes) -> None:
        self._library = _load_library("xgboost", "libxgboost", "pip install 'creditrisk[xgboost]'")
        self._library.XGBGetLastError.restype = ctypes.c_char_p
        self._handle = ctypes.c_void_p()
        self._threads: int | None = None
        self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        finalize(self, self._library.XGBoosterFree, self._handle)
        self._call(
            "XGBoosterLoadModelFromBuffer",
            self._handle,
            ctypes.c_char_p(model_json),
            ctypes.c_uint64(len(model_json)),
        )

    def raw_scores(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """The log-odds of each row; XGBoost computes them in single precision."""
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if not len(rows):
            return np.empty(0)
        scores = ctypes.POINTER(ctypes.c_float)()
        self._use(threads)
        self._call(
            "XGBoosterPredictFromDense",
            self._handle,
            _array_interface(rows),
            ctypes.c_char_p(_xgboost_options(_MARGIN)),
            None,
            ctypes.byref(ctypes.POINTER(ctypes.c_uint64)()),
            ctypes.byref(ctypes.c_uint64()),
            ctypes.byref(scores),
        )
        return np.ctypeslib.as_array(scores, (len(rows),)).astype(np.float64)

    def contributions(self, matrix: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """TreeSHAP of each row, the base last; in single precision, as the raw scores."""
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        columns = rows.shape[1] + 1
        if not len(rows):
            return np.empty((0, columns))
        shares = ctypes.POINTER(ctypes.c_float)()
        self._use(threads)
        with self._data(rows, threads) as data:
            self._call(
                "XGBoosterPredictFromDMatrix",
                self._handle,
                data,
                ctypes.c_char_p(_xgboost_options(_SHAP)),
                ctypes.byref(ctypes.POINTER(ctypes.c_uint64)()),
                ctypes.byref(ctypes.c_uint64()),
                ctypes.byref(shares),
            )
            return np.ctypeslib.as_array(shares, (len(rows), columns)).astype(np.float64)

    def _use(self, threads: int) -> None:
        # A parameter that is set, even to what it was, makes the booster set itself up anew, which
        # is slow and must not happen while another thread predicts.
        if threads == self._threads:
            return
        self._call(
            "XGBoosterSetParam",
            self._handle,
            ctypes.c_char_p(b"nthread"),
            ctypes.c_char_p(str(threads).encode()),
        )
        self._threads = threads

    @contextmanager
    def _data(self, rows: NDArray[np.float64], threads: int) -> Iterator[ctypes.c_void_p]:
        """The rows as XGBoost's own matrix, without which it computes no contributions."""
        options = {"missing": float("nan"), "nthread": threads}
        data = ctypes.c_void_p()
        self._call(
            "XGDMatrixCreateFromDense",
            _array_interface(rows),
            ctypes.c_char_p(json.dumps(options).encode()),
            ctypes.byref(data),
        )
        try:
            yield data
        finally:
            self._call("XGDMatrixFree", data)

    def _call(self, function: str, *arguments: object) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            raise NativeCallFailed("XGBoost", self._library.XGBGetLastError().decode())


def _array_interface(rows: NDArray[np.float64]) -> ctypes.c_char_p:
    return ctypes.c_char_p(json.dumps(rows.__array_interface__).encode())


@cache
def _xgboost_options(kind: int) -> bytes:
    options = {
        "type": kind,
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,
        "missing": float("nan"),
        "strict_shape": False,
        "cache_id": 0,
    }
    return json.dumps(options).encode()


def wait_passively() -> None:
    """Let OpenMP threads sleep while they wait; to be called before a booster's library is loaded.

    By default they spin, and training slows down tenfold as soon as another process is busy.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@cache
def _load_library(package: str, stem: str, remedy: str) -> ctypes.CDLL:
    wait_passively()
    specification = find_spec(package)
    for folder in (specification and specification.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob(f"*/{stem}.*")):
            if path.suffix in _LIBRARY_ENDINGS:
                return ctypes.CDLL(str(path))
    raise ModelLibraryMissing(package, remedy)
