"""Points of a batch under the resource and scope that they belong to."""

from firstlight.codecs.otlp.regroup import Point, regroup
from firstlight.codecs.otlp.series_cache import Stream
from firstlight.model import Batch, Resource

Scopes = dict[str, list[tuple[Stream, list[Point]]]]


def by_sender(batch: Batch) -> list[tuple[Resource, Scopes]]:
    """Return the metrics of ``batch`` by resource, then by scope.

    A series names its own service and session; where they are the batch's, the whole resource of the batch speaks.
    """
    senders: dict[tuple[str, str], Scopes] = {}
    for (stream, _), points in regroup(batch).items():
        scopes = senders.setdefault((stream.service, stream.session_id), {})
        scopes.setdefault(stream.scope, []).append((stream, points))
    return [(_sender(batch.resource, *key), scopes) for key, scopes in senders.items()]


def _sender(resource: Resource, service: str, session_id: str) -> Resource:
    if (service, session_id) == (resource.service, resource.session_id):
        return resource
    return Resource(service=service, session_id=session_id)
