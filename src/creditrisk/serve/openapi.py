"""The OpenAPI document, with the schemas and examples of the model that answers now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from creditrisk.contracts.requests import FEATURES_FORM
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.serve.schemas import ProblemDetails

if TYPE_CHECKING:
    from fastapi import FastAPI

    from creditrisk.serve.model import ServingModel
    from creditrisk.serve.service import Service

_EXAMPLE_ROWS = 2
_ANYTHING = {"description": "What would be posted to /predict; nothing is too wrong to be told."}


def openapi_document(app: FastAPI, service: Service) -> dict[str, Any]:
    """The document; the bodies' schemas are those that the model was sealed with."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    model = service.models.champion
    examples = _examples(model)
    forms = {"oneOf": list(model.checks.json_schemas().values())}
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for item in document["paths"].values():
        if "get" in item:
            item["get"]["responses"].pop("422", None)  # FastAPI's own form, which never leaves
    for path, schema in {"/predict": forms, "/validate": _ANYTHING}.items():
        content = {"application/json": {"schema": schema, "examples": examples}}
        body = {"required": True, "content": content}
        document["paths"][path]["post"]["requestBody"] = body
    return document


def _examples(model: ServingModel) -> dict[str, Any]:
    return {
        "features": {"summary": "Rows of the feature table", "value": _rows(model)},
        "applications": {
            "summary": "A made-up application with its histories",
            "value": model.checks.contract.example,
        },
    }


def _rows(model: ServingModel) -> dict[str, Any]:
    """Made-up rows that were sealed with the model, of which the contract takes each."""
    accepted: list[dict[str, Any]] = []
    for number, row in enumerate(model.scorer.bundle.golden_predictions().rows, start=1):
        record = {APPLICANT_KEY: number, **row}
        errors, _ = model.checks.violations(json.dumps({FEATURES_FORM: [record]}).encode())
        if not errors:
            accepted.append(record)
        if len(accepted) == _EXAMPLE_ROWS:
            break
    return {FEATURES_FORM: accepted}
