"""The scenarios as the front page shows them. A test holds that each line of code here stands in its file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A few lines of one of the demo's own files."""

    file: str
    code: str


@dataclass(frozen=True)
class Card:
    """One scenario: its page, and what it takes."""

    slug: str
    page: str
    short: str
    title: str
    text: str
    samples: tuple[Sample, ...]


CARDS = (
    Card(
        slug="hello",
        page="hello:index",
        short="Hello",
        title="Hello, world",
        text="A function becomes a job. The view stores it and answers at once; a worker performs it.",
        samples=(
            Sample(
                "hello/jobs.py",
                """\
@job
def greet(name: str) -> None:
    Greeting.objects.create(text=f"Hello, {name}!")""",
            ),
            Sample("hello/views.py", 'stored = greet.enqueue(form.cleaned_data["name"])'),
        ),
    ),
    Card(
        slug="upload",
        page="videos:index",
        short="Upload",
        title="Encode uploaded videos",
        text="Any method of a model can be sent for later. Premium accounts come first, unverified last.",
        samples=(
            Sample(
                "videos/models.py",
                """\
class Video(SendLater, models.Model):
    def encode(self) -> None:
        ffmpeg.transcode(original, self.encoded_path, progress)""",
            ),
            Sample(
                "videos/views.py",
                'video.send_later("encode", video.priority, max_attempts=2)',
            ),
        ),
    ),
    Card(
        slug="library",
        page="videos:library",
        short="Encode all",
        title="Many jobs in one statement",
        text="Any object with a perform method can be a job. Hundreds of them are stored as quickly as one.",
        samples=(
            Sample(
                "videos/jobs.py",
                """\
class VideoWorker(Performable):
    def __init__(self, video_id: int) -> None:
        self.video_id = video_id

    def perform(self) -> str:
        video = Video.objects.get(pk=self.video_id)
        if video.encoded:
            return "skipped: it was encoded already"
        video.encode()""",
            ),
            Sample("videos/views.py", "enqueue_many(VideoWorker(each.pk) for each in videos)"),
        ),
    ),
    Card(
        slug="reports",
        page="reports:index",
        short="Reports",
        title="Always in the background",
        text="Decorate a method once, and each plain call stores a job. The original is there as now().",
        samples=(
            Sample(
                "reports/models.py",
                """\
class Report(models.Model):
    @handle_asynchronously(queue="reports")
    def build(self) -> None:
        self.text = as_csv(figures())""",
            ),
            Sample(
                "reports/views.py",
                """\
Report.objects.create().build()
Report.objects.create().build.now()""",
            ),
        ),
    ),
    Card(
        slug="payments",
        page="payments:index",
        short="Payments",
        title="A job that stores its successor",
        text="Each payment stores the next one: for next month if it worked, for tomorrow if not.",
        samples=(
            Sample(
                "payments/jobs.py",
                """\
class PaymentWorker(Performable):
    atomic = True

    def charge(self, account: Account, now: datetime) -> None:
        try:
            account.charge(now)
        except CardDeclined:
            self.come_back(URGENT, next_day(now))
        else:
            self.come_back(USUAL, next_month(now))""",
            ),
            Sample(
                "payments/jobs.py",
                """\
later = PaymentWorker.using(priority=priority, run_at=run_at)
later.enqueue(self.account_id)""",
            ),
        ),
    ),
    Card(
        slug="flaky",
        page="flaky:index",
        short="Retries",
        title="Jobs that fail",
        text="A failed job is tried again, later each time, and kept when it has failed for good.",
        samples=(
            Sample(
                "flaky/jobs.py",
                """\
class NeverWorks(Impatient):
    max_attempts = 3

    def perform(self) -> None:
        raise ServiceDown("No answer, as always")""",
            ),
            Sample(
                "flaky/report.py",
                """\
rows = Job.objects.values("name").order_by("name")
counted = rows.annotate(
    total=Count("id"),
    succeeded=Count("id", filter=Q(state=State.SUCCEEDED)),
    failed=Count("id", filter=Q(state=State.FAILED)),
    attempts=Sum("attempts"),
)""",
            ),
        ),
    ),
)


def find_card(slug: str) -> Card:
    """The card of that name."""
    return next(card for card in CARDS if card.slug == slug)
