"""How the API describes itself: OpenAPI 3.1 in which every operation names the problems it may answer with."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

PROBLEM_COMPONENT: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Further members carry the facts, such as `reason` or `field`.",
    "properties": {
        "type": {"type": "string", "description": "A URN that ends in the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do next."},
        "code": {"type": "string", "description": "Stable; for programs."},
        "errors": {
            "type": "object",
            "additionalProperties": True,
            "description": "With the code `invalid`: complaints by field.",
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}

PROBLEMS = {
    "400": "The request cannot be understood.",
    "401": "Nobody is signed in, or the token is unknown.",
    "403": "It is there, but not yours to change; or a browser sent no CSRF token.",
    "404": "There is no such thing, or you may not see it.",
    "406": "No media type that is asked for can be given.",
    "409": "It is not in a state in which that can be done.",
    "410": "It was there once.",
    "413": "The body has too many bytes.",
    "415": "The body's media type is not taken here.",
    "416": "There are no such bytes in it.",
    "422": "The content cannot be used.",
    "429": "Too many requests; `Retry-After` says when to go on.",
    "503": "Not available right now; `Retry-After` says when to come again.",
}


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes `Authorization: Bearer feira_…`."""

    target_class = "feira.shop.accounts.authentication.BearerTokenAuthentication"
    name = "token"

    def get_security_definition(self, _auto_schema: AutoSchema) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token from `/api/v1/tokens/`."}


class ProblemAwareSchema(AutoSchema):
    """Adds to each operation the problem documents it may answer with.

    They follow from the method and the address; a view names others in `further_problems`, as in `("404",)`.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with its problems; those that the view documents itself stay as they are."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            reference = self._problem_component().ref
            content = {"application/problem+json": {"schema": reference}}
            responses = operation.setdefault("responses", {})
            for status in self._possible_problems(operation):
                responses.setdefault(status, {"description": PROBLEMS[status], "content": content})
        return operation

    def _possible_problems(self, operation: dict[str, Any]) -> list[str]:
        possible = {"400", "401", "406", "429", *getattr(self.view, "further_problems", ())}
        if "{" in self.path:
            possible.add("404")
        if self.method not in ("GET", "HEAD"):
            possible |= {"403", "409", "422"}
        if "requestBody" in operation:
            possible |= {"413", "415"}
        return sorted(possible)

    def _problem_component(self) -> ResolvedComponent:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=PROBLEM_COMPONENT
        )
        self.registry.register_on_missing(component)
        return component
