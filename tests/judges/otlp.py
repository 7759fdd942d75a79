"""Reads what was exported over OTLP with the generated code of the OpenTelemetry project.

otlp.py TRACES_DIR METRICS_DIR: each file below them is the body of one request.
"""

import json
import pathlib
import sys

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


def read(directory, kind):
    for path in sorted(pathlib.Path(directory).iterdir()):
        yield kind.FromString(path.read_bytes())


spans, metrics = [], []
for request in read(sys.argv[1], ExportTraceServiceRequest):
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                spans.append({
                    "service": attributes(resource.resource.attributes)["service.name"],
                    "name": span.name,
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": Span.SpanKind.Name(span.kind),
                    "attributes": attributes(span.attributes),
                    "events": len(span.events),
                })
for request in read(sys.argv[2], ExportMetricsServiceRequest):
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                points = [
                    {**attributes(point.attributes), "value": point.as_double} for point in data.data_points
                ]
                metrics.append({
                    "name": metric.name,
                    "unit": metric.unit,
                    "description": metric.description,
                    "kind": metric.WhichOneof("data"),
                    "points": points,
                })
json.dump({"spans": spans, "metrics": metrics}, sys.stdout)
