"""Where the shop's logs go, and that they can be turned elsewhere."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from feira.settings import Settings
from feira.shop.web.logs import configure_logs


def test_machines_read_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json"))
    structlog.get_logger("tests.json").warning("photo_refused", photo=7)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["photo"]) == ("photo_refused", 7)
    assert (line["level"], line["logger"]) == ("warning", "tests.json")


def test_a_logger_that_spoke_before_follows_when_logs_are_turned_elsewhere() -> None:
    logger = structlog.get_logger("tests.turned")
    configure_logs(Settings())
    logger.warning("before")
    configure_logs(Settings())
    with capture_logs() as logs:
        logger.warning("after")
    assert [entry["event"] for entry in logs] == ["after"]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_says_where_but_not_what_variables_hold(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure_logs(Settings.model_validate({"log_format": log_format}))
    password = "".join(["correct ", "horse"])
    try:
        raise RuntimeError(f"{len(password)} letters")
    except RuntimeError:
        structlog.get_logger("tests.failing").exception("failed")
    written = capsys.readouterr().err
    assert "RuntimeError: 13 letters" in written
    assert "in test_a_traceback_says_where" in written
    assert password not in written
