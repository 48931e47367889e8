"""Applicants of a month, answered by the API's own lanes and recorded in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger
from creditrisk.mlops.served import read_served
from creditrisk.observability.metrics import ServiceMetrics
from creditrisk.serve.desk import Desk
from creditrisk.serve.dispatch import Answering, Dispatcher, Order
from creditrisk.serve.model import Models, ServingModel
from creditrisk.serve.replies import Refused
from creditrisk.simulation.calendar import SimulatedClock

CALLER = "simulation"
_ANSWER_SECONDS = 600.0  # a simulation is in no hurry


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request and when it comes."""

    moment: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Reception:
    """How many requests were answered and refused."""

    answered: int
    refused: int


def champion(served: Path, settings: Settings) -> ServingModel:
    """The model that is served now, as the API takes it up."""
    return ServingModel.load(served, read_served(served), settings)


def receive(
    arrivals: Iterable[Arrival],
    model: ServingModel,
    ledger: DecisionLedger,
    clock: SimulatedClock,
    settings: Settings,
) -> Reception:
    """Answer requests one after another, each at its moment; all of it is durable at the end."""
    return asyncio.run(_receive(arrivals, model, ledger, clock, settings))


async def _receive(
    arrivals: Iterable[Arrival],
    model: ServingModel,
    ledger: DecisionLedger,
    clock: SimulatedClock,
    settings: Settings,
) -> Reception:
    metrics = ServiceMetrics()
    models = Models(model, metrics)

    def answering() -> Answering:
        from creditrisk.features.request_features import RequestFeatures

        return Desk(models, RequestFeatures(), ledger, settings=settings, metrics=metrics).answer

    bounds = (settings.serve.queue_records, settings.serve.max_records)
    dispatcher = Dispatcher(answering, metrics, *bounds, _ANSWER_SECONDS)
    await dispatcher.start()
    answered = refused = 0
    try:
        for number, arrival in enumerate(arrivals):
            clock.set(arrival.moment)
            order = Order(f"{CALLER}-{arrival.moment:%Y%m}-{number}", CALLER, arrival.moment)
            try:
                await dispatcher.answer(order, arrival.body)
                answered += 1
            except Refused:
                refused += 1
    finally:
        await dispatcher.close()
    return Reception(answered, refused)
