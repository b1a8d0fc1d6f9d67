"""What a client reports of what it was told to do, as far as the portal keeps it.

Whoever holds a client's machine writes these answers: they are stored and shown, so they are typed
and bounded before anything else happens to them.
"""

from collections.abc import Iterable

from .errors import ClientUnavailable

#: Characters that are kept of a text of a client's.
LONGEST_TEXT = 2000
#: Remarks that are kept of one step, and characters of each.
MOST_REMARKS = 100
LONGEST_REMARK = 500


def cut(text: object, longest: int = LONGEST_TEXT) -> str:
    """The beginning of a text, with a sign that there was more; what is no text says nothing."""
    if not isinstance(text, str):
        return ""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def read_report(answer: object, asked: Iterable[str], where: str) -> dict:
    """The report of each step that was asked for: remarks, or the id of what was made.

    :raises ClientUnavailable: this is not what a client answers
    """
    if not isinstance(answer, dict):
        raise ClientUnavailable(f"{where} did not answer as a client does.")
    reports = {key: _read_step(answer[key]) for key in asked if key in answer}
    return {key: report for key, report in reports.items() if report is not None}


def _read_step(report: object) -> list[str] | dict[str, int] | None:
    if isinstance(report, dict):
        number = report.get("id")
        return {"id": number} if type(number) is int else None
    if not isinstance(report, list):
        return None
    remarks = [cut(remark, LONGEST_REMARK) for remark in report[:MOST_REMARKS]]
    if left_out := len(report) - len(remarks):
        remarks.append(f"… (and {left_out} more)")
    return remarks
