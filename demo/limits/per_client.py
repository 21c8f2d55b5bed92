"""How much one client may ask for: the numbers. Whoever asks for more gets errors; nobody else notices."""

from __future__ import annotations

MAX_NAME_LENGTH = 256
"""Of a room's or a peer's id, and of what a peer calls itself; characters."""
MAX_STREAM_LENGTH = 512
"""Of a live stream's path; characters."""
MAX_TOKEN_LENGTH = 1_000
"""Of a token to play a live stream; characters."""
MAX_REQUEST_BYTES = 100_000
"""Of one request's data; a browser's capabilities have some 15,000."""
MAX_TOLD_BYTES = 10_000
"""Of data that goes on to everybody in the room: what a peer runs on, how it sends, what it hangs on its producers."""
MAX_TOLD_BYTES_OF_PEER = 200_000
"""Of all such data of one peer that counts at a time: what who joins is told of it at most."""
MAX_TOLD_TEXT_LENGTH = 1_000
"""Of any one text in RTP parameters; characters."""
MAX_SHORT_TEXT_LENGTH = 255
"""Of mid, rid, cname and scalabilityMode; characters. In packets they have a length of one byte."""
MAX_CODECS = 16
"""In the RTP parameters of a producer, and so many ..."""
MAX_HEADER_EXTENSIONS = 32
"""... header extensions, and ..."""
MAX_ENCODINGS = 8
"""... encodings. Browsers send 2, about 10, and 3."""
MAX_TOLD_NUMBER = 2**53
"""Beyond it a number is not what it was when it arrives in a browser."""
MAX_OBJECTS = 64
"""Transports of a peer, and its producers, and its data producers."""
NEWS_PER_S = 5.0
"""Names, pauses and the like of a peer that everybody is told of in the long run ..."""
NEWS_BURST = 60
"""... and in one go, after a silence."""
WORDS_TO_BOT_PER_S = 5.0
"""Messages of a peer that the bot answers in the long run (each answer goes to everybody) ..."""
WORDS_TO_BOT_BURST = 60
"""... and in one go, after a silence."""
MAX_IGNORED_WORDS = 1_000
"""Of so many more the bot takes notice on one data channel, then it listens to that no longer."""
PRODUCES_PER_S = 2.0
"""Producers and data producers that a peer makes in the long run (each is offered to everybody) ..."""
PRODUCES_BURST = 2 * MAX_OBJECTS
"""... and in one go, after a silence."""
MAX_AT_ONCE = 200
"""Requests of a peer that wait for their answers."""
REQUESTS_PER_S = 100.0
"""Requests of a peer in the long run ..."""
REQUESTS_BURST = 500
"""... and in one go, after a silence."""

LOG_LINES_PER_S = 1.0
"""Lines of the log on requests of one peer that failed, in the long run (all of them are counted) ..."""
LOG_LINES_BURST = 20
"""... and in one go, after a silence."""

TOO_MANY = 429
TOO_LARGE = 413
"""Error codes, as of HTTP."""
