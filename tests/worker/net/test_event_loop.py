"""The worker's event loop, in a process of its own: there Python's ``ssl`` has not been imported yet."""

import subprocess
import sys
from pathlib import Path

WITHOUT_SSL = """
import sys
from miso.worker.net.event_loop import new_event_loop
loop = new_event_loop()
assert "_ssl" not in sys.modules and "ssl" not in sys.modules
print(type(loop).__module__.partition(".")[0])
loop.call_soon(loop.stop)
loop.run_forever()
"""
WITH_SSL = """
import ssl
assert issubclass(ssl.SSLWantReadError, ssl.SSLError) and isinstance(ssl.create_default_context(), ssl.SSLContext)
"""
NO_UVLOOP = """
import sys
sys.modules["uvloop"] = None
"""
ANOTHER_UVLOOP = """
import ssl
TAKEN = ssl.OP_NO_TICKET, ssl.SSLContext
import asyncio
new_event_loop = asyncio.new_event_loop
"""


def run(program: str, *paths: Path) -> str:
    program = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n{program}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_is_that_of_uvloop_without_loading_ssl() -> None:
    assert run(WITHOUT_SSL) == "uvloop"


def test_is_that_of_asyncio_where_there_is_no_uvloop() -> None:
    assert run(NO_UVLOOP + WITHOUT_SSL) == "asyncio"


def test_ssl_can_be_imported_afterwards() -> None:
    run(WITHOUT_SSL + WITH_SSL)


def test_ssl_that_was_imported_before_stays() -> None:
    run(WITH_SSL + "from miso.worker.net.event_loop import new_event_loop; new_event_loop()" + WITH_SSL)


def test_what_another_uvloop_takes_beyond_what_is_known_is_that_of_ssl(tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text(ANOTHER_UVLOOP)
    program = "from miso.worker.net.event_loop import new_event_loop; new_event_loop(); import uvloop, ssl"
    assert run(f"{program}; print(uvloop.TAKEN[0] == ssl.OP_NO_TICKET)", tmp_path) == "True"
    run(program + WITH_SSL, tmp_path)
