"""Data sets over the API, for the ML team."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.augment.recipe import Recipe
from feira.shop.accounts.authentication import account_of
from feira.shop.datasets import selectors, services
from feira.shop.datasets.access import may_use_datasets
from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import NotReady
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.datasets.recipe_refusals import refusing_in_the_readers_language
from feira.shop.datasets.serializers import (
    AskedSerializer,
    DatasetDetailSerializer,
    DatasetPageAskedSerializer,
    DatasetPageSerializer,
    DatasetSerializer,
    DifferenceAskedSerializer,
    DifferenceSerializer,
    EstimateSerializer,
    FilePageAskedSerializer,
    FilePageSerializer,
    FileSerializer,
    NewDatasetSerializer,
    PreviewAskedSerializer,
    PreviewSerializer,
    RowPageAskedSerializer,
    RowPageSerializer,
    RowSerializer,
    TagSerializer,
    TrainedSerializer,
)

_NAME = OpenApiParameter("name", str, required=True, description="Which tag.")


class MayUseDatasets(BasePermission):
    """Lets the ML team through: whoever has the permission, by a team, or as an administrator."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - fixed by DRF
        """Tell whether this account may ask for data sets."""
        return may_use_datasets(request.user)


class DatasetApiView(APIView):
    """What all addresses of data sets have in common."""

    permission_classes = (IsAuthenticated, MayUseDatasets)
    further_problems: tuple[str, ...] = ("403",)


class DatasetsView(DatasetApiView):
    """All data sets."""

    further_problems = ("403", "404", "409", "422", "503")

    @extend_schema(
        operation_id="datasets",
        summary="List data sets, the newest first",
        tags=["datasets"],
        parameters=[DatasetPageAskedSerializer],
        responses=DatasetPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page."""
        asked = DatasetPageAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = selectors.datasets().prefetch_related("snapshot__tags")
        if "before" in given:
            found = found.filter(pk__lt=given["before"])
        if "hash" in given:
            found = found.filter(snapshot__content_hash__startswith=given["hash"])
        if "tag" in given:
            found = found.filter(snapshot__tags__name=given["tag"])
        rows = list(found.order_by("-pk")[: given["limit"] + 1])
        page = rows[: given["limit"]]
        before = page[-1].pk if len(rows) > len(page) else None
        return Response({"results": DatasetSerializer(page, many=True).data, "next_before": before})

    @extend_schema(
        operation_id="make_dataset",
        summary="Ask for a data set",
        description=(
            "It is checked and estimated first; empty and enormous ones are refused with what to change. Jobs then "
            "make it: follow `progress`. The same request on the same data gives the same hash and the same bytes."
        ),
        tags=["datasets"],
        request=NewDatasetSerializer,
        responses={201: DatasetDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Write the request down."""
        asked = NewDatasetSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        made = services.ask_for_dataset(
            asked.as_asked(),
            by=account_of(request),
            name=given.get("name", ""),
            target=given.get("target", ""),
        )
        return Response(_shown(made.pk), status=201)


class EstimateView(DatasetApiView):
    """What a request would give."""

    further_problems = ("403", "404", "422", "503")

    @extend_schema(
        operation_id="estimate_dataset",
        summary="Tell how large a data set would be and how long it would take",
        tags=["datasets"],
        request=AskedSerializer,
        responses=EstimateSerializer,
    )
    def post(self, request: Request) -> Response:
        """Count and estimate; nothing is written."""
        asked = AskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(EstimateSerializer(services.estimate(asked.as_asked())).data)


class PreviewView(DatasetApiView):
    """What a recipe does."""

    further_problems = ("403", "404", "422", "503")

    @extend_schema(
        operation_id="preview_recipe",
        summary="Show what a recipe of augmentation makes of a few photos",
        tags=["datasets"],
        request=PreviewAskedSerializer,
        responses=PreviewSerializer,
    )
    def post(self, request: Request) -> Response:
        """Augment a few photos in a small size."""
        asked = PreviewAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        about = checked(asked_from_json(given["request"])) if "request" in given else None
        with refusing_in_the_readers_language():
            recipe = Recipe.from_json(given["recipe"])
        found = services.preview_recipe(recipe, asked=about, photos=given["photos"], variants=given["variants"])
        return Response(PreviewSerializer({"results": found}).data)


class DatasetView(DatasetApiView):
    """One data set."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="dataset",
        summary="Show a data set and how far it is",
        tags=["datasets"],
        responses=DatasetDetailSerializer,
    )
    def get(self, request: Request, dataset_id: int) -> Response:  # noqa: ARG002 - fixed by DRF
        """Answer with everything but its rows and files."""
        return Response(_shown(dataset_id))

    @extend_schema(
        operation_id="prune_dataset",
        summary="Delete the files of a data set",
        description="What it was made of stays written down; asking for it again makes the same files.",
        tags=["datasets"],
        responses={204: None},
    )
    def delete(self, request: Request, dataset_id: int) -> Response:  # noqa: ARG002 - fixed by DRF
        """Delete what can be made again."""
        services.prune_snapshot(found_dataset(dataset_id))
        return Response(status=204)


class RowsView(DatasetApiView):
    """What is in a data set."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="dataset_rows",
        summary="List the rows of a data set",
        tags=["datasets"],
        parameters=[RowPageAskedSerializer],
        responses=RowPageSerializer,
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        """Answer with some of them."""
        asked = RowPageAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        snapshot = resolved_snapshot(dataset_id)
        rows = selectors.rows_of(snapshot, after=given["after"], size=given["limit"] + 1, split=given["split"])
        page = rows[: given["limit"]]
        after = page[-1].position if len(rows) > len(page) else None
        return Response({"results": RowSerializer(page, many=True).data, "next_after": after})


class FilesView(DatasetApiView):
    """The files of a data set."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="dataset_files",
        summary="List the files of a data set with their checksums",
        tags=["datasets"],
        parameters=[FilePageAskedSerializer],
        responses=FilePageSerializer,
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        """Answer with some of them."""
        asked = FilePageAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = selectors.files_after(resolved_snapshot(dataset_id), given["after"], size=given["limit"] + 1)
        page = found[: given["limit"]]
        after = page[-1].path if len(found) > len(page) else None
        return Response({"results": FileSerializer(page, many=True).data, "next_after": after})


class DifferenceView(DatasetApiView):
    """What changed between two data sets."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="dataset_diff",
        summary="Compare a data set with an earlier one",
        tags=["datasets"],
        parameters=[DifferenceAskedSerializer],
        responses=DifferenceSerializer,
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        """Answer with rows that were added, removed and changed."""
        asked = DifferenceAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        before = resolved_snapshot(asked.validated_data["since"])
        return Response(DifferenceSerializer(selectors.difference(before, resolved_snapshot(dataset_id))).data)


class TagsView(DatasetApiView):
    """Names of a data set."""

    further_problems = ("403", "404", "409", "422")

    @extend_schema(
        operation_id="tag_dataset",
        summary="Give a data set a name, which also keeps it from being pruned",
        tags=["datasets"],
        request=TagSerializer,
        responses=DatasetDetailSerializer,
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        """Add the name, or move it here."""
        asked = TagSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.tag_snapshot(found_dataset(dataset_id), asked.validated_data["name"], by=account_of(request))
        return Response(_shown(dataset_id))

    @extend_schema(
        operation_id="untag_dataset",
        summary="Take a name off a data set",
        tags=["datasets"],
        parameters=[_NAME],
        responses={204: None},
    )
    def delete(self, request: Request, dataset_id: int) -> Response:
        """Remove the name, if it has it."""
        asked = TagSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        services.untag_snapshot(found_dataset(dataset_id), asked.validated_data["name"])
        return Response(status=204)


class TrainedView(DatasetApiView):
    """Lineage."""

    further_problems = ("403", "404", "409", "422")

    @extend_schema(
        operation_id="note_training",
        summary="Write down that a model was trained from a data set",
        tags=["datasets"],
        request=TrainedSerializer,
        responses=DatasetDetailSerializer,
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        """Keep the note."""
        asked = TrainedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        services.note_trained(resolved_snapshot(dataset_id), model=given["model"], note=given["note"])
        return Response(_shown(dataset_id))


class CancelView(DatasetApiView):
    """Stopping."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="cancel_dataset",
        summary="Stop what is still to be done for a data set",
        tags=["datasets"],
        request=None,
        responses=DatasetDetailSerializer,
    )
    def post(self, request: Request, dataset_id: int) -> Response:  # noqa: ARG002 - fixed by DRF
        """Cancel its jobs."""
        if not services.cancel_dataset(found_dataset(dataset_id)):
            raise NotReady(_("Nothing is under way for this data set, or another one waits for it as well."))
        return Response(_shown(dataset_id))


class RetryView(DatasetApiView):
    """Going on."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="retry_dataset",
        summary="Go on with a data set that failed or was stopped",
        tags=["datasets"],
        request=None,
        responses=DatasetDetailSerializer,
    )
    def post(self, request: Request, dataset_id: int) -> Response:  # noqa: ARG002 - fixed by DRF
        """Open its jobs again; what is done stays done."""
        if not services.retry_dataset(found_dataset(dataset_id)):
            raise NotReady(_("Nothing of this data set failed or was stopped."))
        return Response(_shown(dataset_id))


def found_dataset(dataset_id: int) -> DatasetRequest:
    """Return a data set, or answer that there is none."""
    found = selectors.dataset(dataset_id)
    if found is None:
        raise Http404
    return found


def resolved_snapshot(dataset_id: int) -> Snapshot:
    """Return what a data set was resolved to.

    Raises:
        NotReady: it is still being put together.
    """
    snapshot = found_dataset(dataset_id).snapshot
    if snapshot is None or snapshot.state == Snapshot.State.RESOLVING:
        raise NotReady(_("This data set is still being put together. Try again in a moment."))
    return snapshot


def _shown(dataset_id: int) -> Any:
    return DatasetDetailSerializer(found_dataset(dataset_id)).data
