"""Figures for Prometheus: what runs beside requests, how late, and what waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from .flows.service import FlowService
from .jobs.queue import Queue
from .lifecycle.context import Context
from .lifecycle.messages import Response

# Seconds between when a tick is due and when its run begins.
_LAGS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)


class Metrics:
    """Answers what Prometheus asks.

    Runs and jobs are counted in the database, so that each instance tells the same; what is at
    work, and how late it began, is each instance's own.
    """

    def __init__(self, flows: FlowService, jobs: Queue) -> None:
        self._flows = flows
        self._jobs = jobs
        self._registry = CollectorRegistry()
        self._lag = Histogram(
            "enfyra_flow_start_lag_seconds",
            "Seconds between when a scheduled run is due and when it begins",
            buckets=_LAGS,
            registry=self._registry,
        )
        self._gauges: list[GaugeMetricFamily] = []
        self._registry.register(_Gauges(self._gauges))
        flows.workers.on_lag = self._lag.observe

    async def show(self, _context: Context) -> Response:
        """Answer GET /metrics."""
        self._gauges[:] = [
            await self._runs(),
            self._here(),
            self._scheduled(),
            await self._queues(),
        ]
        return Response(200, generate_latest(self._registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    async def _runs(self) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(
            "enfyra_flow_runs", "Runs of flows that are kept, by status", labels=["status"]
        )
        counts = await self._flows.runs.counts()
        for status in ("pending", "running", "completed", "failed", "cancelled"):
            gauge.add_metric([status], counts.get(status, 0))
        return gauge

    def _here(self) -> GaugeMetricFamily:
        value = self._flows.workers.running
        return GaugeMetricFamily("enfyra_flow_runs_here", "Runs at work in this process", value)

    def _scheduled(self) -> GaugeMetricFamily:
        value = len(self._flows.schedule.upcoming())
        return GaugeMetricFamily("enfyra_flow_schedules", "Flows that have a schedule", value)

    async def _queues(self) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(
            "enfyra_jobs", "Jobs, by name and state", labels=["name", "state"]
        )
        for name, counts in (await self._jobs.counts()).items():
            for state, number in counts._asdict().items():
                gauge.add_metric([name, state], number)
        return gauge


class _Gauges:
    """Gives what was counted a moment ago."""

    def __init__(self, gauges: list[GaugeMetricFamily]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Any]:
        """Give all gauges."""
        yield from self._gauges
