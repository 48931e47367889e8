"""/openapi.json and /docs: what the API answers, for programs and for people.

The page is plain HTML made here: it loads nothing, so it reads the same on a closed network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

from creditrisk.serve.security import locality

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from creditrisk.core.settings import ServeSettings

_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:1rem;overflow:auto;max-height:24rem}"
    "code{font-size:.9em}td{padding-right:1rem;vertical-align:top}"
)


def add_documents(app: FastAPI, settings: ServeSettings) -> None:
    """Show the document on this machine, and elsewhere only where the settings say so."""
    if not (settings.documents or locality.is_loopback(settings.host)):
        return

    async def openapi(_request: Request) -> Response:
        content = await asyncio.to_thread(lambda: json.dumps(app.openapi()).encode())
        return Response(content, media_type="application/json")

    async def docs(_request: Request) -> Response:
        page = await asyncio.to_thread(lambda: document_page(app.openapi()))
        return HTMLResponse(page, headers=_POLICY)

    app.add_route("/openapi.json", openapi, include_in_schema=False)
    app.add_route("/docs", docs, include_in_schema=False)


def document_page(document: Mapping[str, Any]) -> str:
    """An OpenAPI document as one page of HTML."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    operations = "".join(
        _operation(method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('summary', ''))} "
        f'For programs: <a href="openapi.json">openapi.json</a>.</p>{operations}</body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"<table>{answers}</table>{''.join(_examples(operation))}"
    )


def _examples(operation: Mapping[str, Any]) -> Iterator[str]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for example in content.get("examples", {}).values():
            body = escape(json.dumps(example["value"], indent=1))
            yield f"<details><summary>{escape(example['summary'])}</summary><pre>{body}</pre></details>"
