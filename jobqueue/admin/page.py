"""What all pages of the dashboard share: addresses with their rights, the frame, and parts that stay live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, update_wrapper
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import django
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, ProgrammingError, connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.cache import get_conditional_response, patch_cache_control

from jobqueue.admin.rights import may_act, may_see
from jobqueue.conf import get_settings
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.insight.warnings import briefly, warnings
from jobqueue.pool.schema import read_schema

if TYPE_CHECKING:
    Admin = ModelAdmin[Any]
else:
    Admin = ModelAdmin

#: Seconds between two looks of a live page, as far as the settings allow them.
POLL_SECONDS = (2, 5, 15, 60)
#: Seconds between two loads of a page without scripts: from, to.
REFRESH_SECONDS = (5, 3600)
#: After "g", the letters that lead to pages.
LETTERS = {
    "dashboard": "d",
    "job": "j",
    "failure": "f",
    "jobclass": "c",
    "queue": "q",
    "worker": "w",
    "schedule": "s",
}
#: What every page can tell of the site as a whole.
BANNERS = {"banners": "jobqueue/admin/parts/banners.html"}

T = TypeVar("T")
#: What turns the direction of text, beyond what its own letters do.
TURNING = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
View = Callable[..., HttpResponseBase]


class Route(NamedTuple):
    """One address below a model's.

    Attributes:
        path: as ``django.urls.path`` takes it.
        name: the last part of its name: ``<site>:jobqueue_<model>_<name>``.
        view: takes the request and what the path names.
        right: that it takes to come here.
        acts: whether it changes something: by POST, and only where the settings allow acts.
        also: a second right that it takes, to see what is shown here.
    """

    path: str
    name: str
    view: View
    right: str
    acts: bool = False
    also: str = ""


class Crumb(NamedTuple):
    """A step on the way to a page; the last one has no address."""

    label: str
    url: str = ""


class Page(Admin):
    """The pages of one model: only those of ``routes``, none of Django's own forms."""

    #: What it takes to see them at all.
    right = ""

    def routes(self) -> Iterator[Route]:
        """Yield the addresses; the one named ``changelist`` is where navigation and sidebar lead to."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Return only our own addresses."""
        return [
            path(route.path, self.admin_site.admin_view(guarded(route)), name=self._name_of(route.name))
            for route in self.routes()
        ]

    def url(self, page: str, *args: Any, model: str = "") -> str:
        """Return the address of a page on the same site; of another model, if one is named."""
        return reverse(f"{self.admin_site.name}:{self._name_of(page, model)}", args=args)

    def way_back(self, request: HttpRequest, page: str, *args: Any) -> str:
        """Return the address of one of these pages; the admin's own if the user may see none of them."""
        if not may_see(request, self.right):
            return reverse(f"{self.admin_site.name}:index")
        return self.url(page, *args)

    def _name_of(self, page: str, model: str = "") -> str:
        return f"jobqueue_{model or self.opts.model_name}_{page}"

    # Rights as Django asks for them, for its index and sidebar.

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the user sees any of it."""
        return may_see(request, self.right)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may look."""
        return may_see(request, self.right)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed by Django's forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted by Django's pages."""
        return False

    # Answers

    def show(
        self,
        request: HttpRequest,
        template: str,
        context: Mapping[str, Any],
        *,
        title: str,
        crumbs: tuple[Crumb, ...] = (),
        parts: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Answer with a page, or with that part of it which is asked for.

        Args:
            request: of whom; ``?part=NAME`` asks for a part.
            template: of the whole page.
            context: for both. What is costly may be a function without arguments: templates call it when they need it.
            title: the heading.
            crumbs: the way to the page from the model's own; without them this is that page.
            parts: templates of the parts that a script fetches again and again, by name; no part may hold inputs.
        """
        request.current_app = self.admin_site.name
        context = {"banners": looked(scene := self.scene, lambda: briefly(warnings(scene))), **context}
        if "part" not in request.GET:
            frame = {**self.frame(request, title, crumbs), "is_live": bool(parts)}
            return refreshed(request, StraightResponse(request, template, {**frame, **context}))
        templates = {**BANNERS, **(parts or {})}
        if (name := request.GET["part"]) not in templates:
            raise Http404(f"This page has no part {name!r}.")
        return as_part(request, StraightResponse(request, templates[name], context))

    def frame(self, request: HttpRequest, title: str, crumbs: tuple[Crumb, ...]) -> dict[str, Any]:
        """Return what is on every page around its own content."""
        settings, own = get_settings(), str(self.opts.verbose_name_plural)
        here = (Crumb(own[:1].upper() + own[1:], self.url("changelist")), *crumbs) if crumbs else (Crumb(title),)
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "crumbs": here,
            "crumbs_are_list": django.VERSION >= (6, 1),
            "pages": list(self._pages(request)),
            "environment": settings.environment,
            "is_read_only": settings.admin_read_only,
            "poll_seconds": settings.admin_poll_seconds,
            "poll_choices": poll_choices(settings.admin_poll_seconds),
            "part_url": self._part_url(request),
        }

    def _pages(self, request: HttpRequest) -> Iterator[dict[str, Any]]:
        """Yield the pages of the dashboard that the user may see, for the navigation."""
        for model, page in self.admin_site._registry.items():
            if isinstance(page, Page) and may_see(request, page.right):
                yield {
                    "label": model._meta.verbose_name_plural,
                    "url": page.url("changelist"),
                    "is_here": page is self,
                    "key": model._meta.model_name,
                    "letter": LETTERS.get(str(model._meta.model_name), ""),
                }

    def link(self, request: HttpRequest, model: str, page: str = "changelist", *args: Any, **query: str) -> str:
        """Return the address of a page of another model; "" where it is not on this site, or not for this user."""
        found = (pages for each, pages in self.admin_site._registry.items() if each._meta.model_name == model)
        if not any(isinstance(pages, Page) and may_see(request, pages.right) for pages in found):
            return ""
        try:
            address = self.url(page, *args, model=model)
        except NoReverseMatch:
            return ""
        return f"{address}?{urlencode(query)}" if query else address

    def _part_url(self, request: HttpRequest) -> str:
        """Return this page's address, to which the name of a part is appended."""
        query = request.GET.copy()
        query.pop("part", None)
        query["part"] = ""
        return f"{request.path}?{query.urlencode()}"

    @property
    def scene(self) -> Scene:
        """A fresh look at the jobs' database."""
        return Scene(get_settings())


def guarded(route: Route) -> View:
    """Return a view that asks for the route's right, and takes POST only where something is changed."""
    allowed = ["GET", "HEAD", *(["POST"] if route.acts else [])]
    may = may_act if route.acts else may_see

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may(request, route.right) or (route.also and not may_see(request, route.also)):
            raise PermissionDenied
        if request.method not in allowed:
            return HttpResponseNotAllowed(allowed)
        return route.view(request, *args, **kwargs)

    if route.acts:
        # What is done here is done when the answer says so, also where requests have a transaction of their own.
        for alias in connections:
            transaction.non_atomic_requests(using=alias)(view)
    view.route = route  # type: ignore[attr-defined]
    return update_wrapper(view, route.view)


class StraightResponse(TemplateResponse):
    """A page on which nothing that is stored turns the text behind it round, to be read otherwise than it is."""

    @property
    def rendered_content(self) -> str:
        """The page, with the characters that would do so written out."""
        return super().rendered_content.translate(TURNING)


def refreshed(request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
    """Have the browser load a page again and again, if ``?refresh=SECONDS`` asks for it: for those without scripts."""
    if (asked := request.GET.get("refresh", "")).isascii() and asked.isdigit():
        low, high = REFRESH_SECONDS
        response["Refresh"] = str(min(max(int(asked[:9]), low), high))
    return response


def poll_choices(floor: float) -> list[str]:
    """Return the seconds between two looks that readers may choose from: no fewer than the settings say."""
    return [f"{each:g}" for each in sorted({floor, *(each for each in POLL_SECONDS if each > floor)})]


def as_part(request: HttpRequest, response: TemplateResponse) -> HttpResponse:
    """Return a part, or nothing but "not modified" if the browser has it as it is."""
    return once(request, response.render())


def once(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return what a script asks for again and again, or "not modified" if the browser has it as it is."""
    response["ETag"] = f'"{blake2b(response.content, digest_size=12).hexdigest()}"'
    patch_cache_control(response, no_cache=True, private=True)
    found = get_conditional_response(request, etag=response["ETag"], response=response)
    assert found is not None
    return found


def looked(scene: Scene, read: Callable[[], T]) -> Callable[[], T | None]:
    """Return a function for templates that reads once, and gives None if the database takes too long.

    Args:
        scene: whose database.
        read: does the reading.
    """

    @cache
    def look() -> T | None:
        try:
            with scene.store.looking(PATIENCE):
                return read()
        except ProgrammingError:
            if read_schema(scene.alias).trouble:
                return None  # slow.html says so
            raise
        except OperationalError:
            return None

    return look
