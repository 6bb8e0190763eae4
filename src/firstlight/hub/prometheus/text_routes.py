"""``/api/v1/format_query``, ``/parse_query``: an expression laid out, and taken apart."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, route
from litestar.status_codes import HTTP_200_OK

from firstlight.errors import QuerySyntaxError
from firstlight.hub.prometheus.answers import plainly
from firstlight.hub.prometheus.failures import BadData
from firstlight.hub.prometheus.parameters import MAX_FORM_BYTES, METHODS, parameters
from firstlight.query.promql.language.parser import TOO_DEEP, parse
from firstlight.query.promql.language.printing import pretty
from firstlight.query.promql.language.syntax import Expr
from firstlight.query.promql.language.tree import tree_of


@route("/api/v1/format_query", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def format_query(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return an expression laid out in lines."""
    return plainly(request, _laid_out(pretty, await _expression(request)))


@route("/api/v1/parse_query", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def parse_query(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return an expression as a tree."""
    return plainly(request, _laid_out(tree_of, await _expression(request)))


def _laid_out(how: Callable[[Expr], Any], expr: Expr) -> Any:
    try:
        return how(expr)
    except RecursionError:
        raise BadData(TOO_DEEP, "query") from None


async def _expression(request: Request[Any, Any, Any]) -> Expr:
    try:
        return parse((await parameters(request)).text("query"))
    except QuerySyntaxError as error:
        raise BadData(str(error), "query") from None
