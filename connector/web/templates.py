"""Rendering of pages: templates that escape what they show and refuse what they were not given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import aiohttp_jinja2
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

Filters: TypeAlias = Mapping[str, Callable[..., Any]]
Templates: TypeAlias = web.AppKey[Environment]
"""The templates of one package, by which an application keeps them."""


def prepare(
    app: web.Application, templates: Templates, package: str, filters: Mapping[str, Callable[..., Any]]
) -> None:
    """Give `app` the templates of `package`, with filters of its own."""
    aiohttp_jinja2.setup(
        app,
        app_key=templates,
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=filters,
    )


def rendered(
    request: web.Request,
    templates: Templates,
    name: str,
    context: Mapping[str, Any],
    *,
    headers: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    """A page."""
    response = aiohttp_jinja2.render_template(name, request, dict(context), app_key=templates, status=status)
    response.headers.update(headers)
    return response
