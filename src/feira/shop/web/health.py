"""Is this process alive, can it work, and how is it doing."""

from ipaddress import ip_address

from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer as long as the process does."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database is there with all migrations applied, else 503 with what is missing."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        return JsonResponse({"ready": False, "database": str(error)}, status=503)
    ready = not waiting
    return JsonResponse({"ready": ready, "migrations_waiting": len(waiting)}, status=200 if ready else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Expose this web process's figures in Prometheus's text format, to callers on this machine only."""
    direct = "HTTP_X_FORWARDED_FOR" not in request.META
    if not (direct and ip_address(request.META["REMOTE_ADDR"]).is_loopback):
        return HttpResponse("Metrics are read on the machine itself.", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
