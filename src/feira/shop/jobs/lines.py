"""What jobs write about their work, for the people who watch them."""

from feira.shop.jobs.models import JobLine, Level

KEPT_LINES = 1000
LINE_LENGTH = 1000
TIDY_EVERY = 100


class Lines:
    """Appends lines to one job, and drops the oldest when there are many."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._until_tidy = TIDY_EVERY

    def write(self, text: str, level: Level = Level.INFO) -> None:
        """Append a line, cut to 1,000 characters; inside a transaction it is kept only if that is."""
        JobLine.objects.create(job_id=self._job_id, level=level, text=text[:LINE_LENGTH])
        self._until_tidy -= 1
        if self._until_tidy == 0:
            self._until_tidy = TIDY_EVERY
            self._tidy()

    def _tidy(self) -> None:
        lines = JobLine.objects.filter(job=self._job_id)
        last_to_go = lines.order_by("-pk").values_list("pk", flat=True)[KEPT_LINES : KEPT_LINES + 1].first()
        if last_to_go is not None:
            lines.filter(pk__lte=last_to_go).delete()
