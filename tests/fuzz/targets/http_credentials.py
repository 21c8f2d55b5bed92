"""The value of an Authorization header."""

import base64

from miso.live.errors import ParseError
from miso.live.web.credentials import read_credentials

DOCUMENTED = (ParseError,)
SEEDS = [
    b"Basic " + base64.b64encode("anna:wörd:2".encode()),
    b"basic  Og==",
    b"Basic YW5uYQ==",
    b"Basic /w==",
    b"Bearer abc",
]


def run(data: bytes) -> None:
    user, password = read_credentials(data.decode("latin-1"))
    assert ":" not in user
    if user or password:
        again = base64.b64encode(f"{user}:{password}".encode()).decode()
        assert read_credentials(f"Basic {again}") == (user, password)
