"""The timeline of workers as it is drawn: blocks with words, colours and links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from jobqueue.insight.timeline import AXIS, LANE, WIDTH, Block, Drawing, Story, Stretch, draw
from jobqueue.insight.words import short_name
from jobqueue.wording import duration

#: Classes are told apart by so many colours, and by their names.
COLOURS = 8
#: About as wide is a letter.
LETTER = 7.0
#: What stands inside of a block keeps so far from its edges.
MARGIN = 4.0
#: A name is not begun of which less could be read.
SHORTEST = 3
#: Classes that are named of several attempts drawn as one.
NAMED = 3
#: Classes of which the legend tells the colours.
LEGEND = 12
ENDS: dict[str, str | Promise] = {
    "succeeded": pgettext_lazy("end of an attempt", "succeeded"),
    "failed": pgettext_lazy("end of an attempt", "failed"),
    "running": pgettext_lazy("end of an attempt", "running"),
}


class Drawn(NamedTuple):
    """A block as it is drawn."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    label: str
    title: str
    url: str
    is_failed: bool
    is_running: bool

    @property
    def svg(self) -> SafeString:
        """The block with its words, its link, and the sign that it failed. There may be hundreds: not by a template."""
        whole = format_html("{}{}{}</g>", self._block, self._words, self._cross)
        if not self.url:
            return whole
        return format_html('<a href="{}" tabindex="-1" aria-label="{}">{}</a>', self.url, self.title, whole)

    @property
    def _block(self) -> SafeString:
        return format_html(
            '<g class="jq-block {}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="2"/>',
            f"jq-k{self.colour}{' jq-open' if self.is_running else ''}",
            self.title,
            self.x,
            self.y,
            self.width,
            self.height,
        )

    @property
    def _words(self) -> SafeString | str:
        if not self.label:
            return ""
        place = round(self.x + MARGIN, 2), self.y + self.height - 6
        return format_html('<text x="{}" y="{}">{}</text>', *place, self.label)

    @property
    def _cross(self) -> SafeString | str:
        if not self.is_failed:
            return ""
        place = round(self.x + self.width - 4, 2), self.y + self.height / 2 - 4
        return format_html('<path class="jq-cross" d="M{} {}l8 8m0 -8l-8 8"/>', *place)


class DrawnLane(NamedTuple):
    """A worker with its blocks; ``y`` is the line of its name, ``foot`` where it ends."""

    worker: str
    y: float
    foot: float
    busy: float
    blocks: list[Drawn]


class Tick(NamedTuple):
    """A time on the axis."""

    x: float
    label: str


class Colour(NamedTuple):
    """What a colour stands for: its number, and a class."""

    number: int
    name: str


class Gantt(NamedTuple):
    """All of it.

    Attributes:
        lanes: the workers.
        ticks: of the axis.
        legend: the classes that were performed most often, and their colours.
        width, height: of the drawing area.
        axis: the line of the axis's words.
        others: workers that are left out.
    """

    lanes: list[DrawnLane]
    ticks: list[Tick]
    legend: list[Colour]
    width: float
    height: float
    axis: float
    others: int


def gantt(story: Story, minutes: int, url_of: Callable[[int], str]) -> Gantt:
    """Return the timeline of what happened.

    Args:
        story: what happened.
        minutes: how long the span is.
        url_of: tells the address of a job; empty for those who may not see it.
    """
    drawing = draw(story.stretches, story.since, story.until)
    return Gantt(
        list(_lanes(drawing, url_of)),
        list(_ticks(story, minutes)),
        _legend(story),
        WIDTH,
        drawing.height,
        drawing.height - 5,
        drawing.others,
    )


def colour_of(name: str) -> int:
    """Return the number of the colour of a class: always the same."""
    return blake2b(name.encode(errors="replace"), digest_size=1).digest()[0] % COLOURS


def _legend(story: Story) -> list[Colour]:
    names = Counter(stretch.name for stretch in story.stretches)
    return [Colour(colour_of(name), short_name(name)) for name, _number in names.most_common(LEGEND)]


def title_of(stretch: Stretch) -> str:
    """Return all that is known of an attempt, in one line."""
    words = {
        "id": stretch.job_id,
        "name": stretch.name,
        "end": ENDS[stretch.end],
        "duration": duration(max(stretch.seconds, 0.0)),
    }
    return _("#%(id)s %(name)s: %(end)s, %(duration)s") % words


def _lanes(drawing: Drawing, url_of: Callable[[int], str]) -> Iterator[DrawnLane]:
    for lane in drawing.lanes:
        blocks = [_drawn(block, url_of) for block in lane.blocks]
        foot = max((block.y + block.height for block in blocks), default=lane.y)
        yield DrawnLane(lane.worker, lane.y + 15, foot, lane.busy, blocks)


def _drawn(block: Block, url_of: Callable[[int], str]) -> Drawn:
    many, first = len(block.stretches) > 1, block.first
    title = _titles(block) if many else title_of(first)
    return Drawn(
        block.x,
        block.y + 1,
        block.width,
        LANE - 4,
        colour_of(first.name),
        _fitting("" if many else first.name.rpartition(".")[2], block.width),
        title,
        url_of(first.job_id),
        is_failed=block.failed > 0,
        is_running=block.stretches[-1].end == "running",
    )


def _titles(block: Block) -> str:
    number, names = len(block.stretches), list(dict.fromkeys(each.name for each in block.stretches))
    told = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    title = ngettext("%(number)s attempt: %(names)s", "%(number)s attempts: %(names)s", number)
    title = title % {"number": number, "names": told}
    if block.failed:
        failed = ngettext("%(number)s failed", "%(number)s failed", block.failed) % {"number": block.failed}
        title = f"{title}; {failed}"
    return title


def _fitting(name: str, width: float) -> str:
    room = int((width - 2 * MARGIN) / LETTER)
    if room < SHORTEST:
        return ""
    return name if len(name) <= room else f"{name[: room - 1]}…"


def _ticks(story: Story, minutes: int) -> Iterator[Tick]:
    step = max(minutes // 5, 1)
    seconds = (story.until - story.since).total_seconds()
    moment = _whole(story.since, step)
    while moment < story.until:
        x = (moment - story.since).total_seconds() / seconds * WIDTH
        if 2 * AXIS <= x <= WIDTH - 2 * AXIS:
            yield Tick(round(x, 2), date_format(_local(moment), "TIME_FORMAT"))
        moment += timedelta(minutes=step)


def _whole(moment: datetime, step: int) -> datetime:
    """Return the first time from a moment on whose minutes are a multiple of a step."""
    whole = moment.replace(second=0, microsecond=0)
    return whole + timedelta(minutes=step - whole.minute % step)


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
