"""What a webhook answers: a verdict that can be acted upon, or a documented error."""

from miso.live.access.webhook import MAX_REASON_LENGTH, read_verdict
from miso.live.errors import ParseError
from miso.live.streams.registry import check_path
from miso.live.webhooks.poster import Answer

DOCUMENTED = (ParseError,)
# The first byte chooses the status.
SEEDS = [
    b"\0",
    b'\0{"allow": true}',
    b'\0{"allow": true, "path": "live/b"}',
    b'\0{"allow": false, "reason": "no\\u0000 \\ud83d\\ude00"}',
    b'\1{"allow": false, "reason": "who?"}',
    b"\2<html>",
    b"\3",
]
STATUSES = (200, 401, 403, 204, 500, 301)


def run(data: bytes) -> None:
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    verdict = read_verdict(Answer(status, data[1:]))
    assert verdict.allow <= (status < 300)
    assert len(verdict.reason) <= MAX_REASON_LENGTH
    assert verdict.reason.isprintable()
    if verdict.path is not None:
        check_path(verdict.path)
