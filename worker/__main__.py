"""The process: ``python -m miso.worker`` or ``miso-worker``, spawned by a controller with descriptors 3 to 6.

Exit codes: 0 closed as asked (or the controller has gone), 1 the process itself failed (memory, its start), 40 cannot
start, 41 no ``MEDIASOUP_VERSION``, 42 wrong settings.
"""

from __future__ import annotations

import os
import signal
import sys

from miso.worker.channel import descriptors
from miso.worker.errors import SettingsError
from miso.worker.settings import Settings, parse_arguments

TYPE_CHECKING = False  # ``typing`` takes long to import
if TYPE_CHECKING:
    from typing import NoReturn

EXIT_CLOSED = 0
EXIT_FAILED = 1
EXIT_CANNOT_START = 40
EXIT_NO_VERSION = 41
EXIT_WRONG_SETTINGS = 42

_IGNORED_SIGNALS = (signal.SIGPIPE, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    """Runs the worker until it is closed; never returns."""
    if {"-h", "-help", "--help"}.intersection(sys.argv[1:]):
        from miso.worker.help import HELP

        sys.stdout.write(HELP)
        sys.exit(EXIT_CLOSED)
    if "MEDIASOUP_VERSION" not in os.environ:
        _leave(
            EXIT_NO_VERSION,
            "controllers start this program (MEDIASOUP_VERSION is not set); miso-worker --help says more",
        )
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    for number in _ENDING_SIGNALS:
        signal.signal(number, _end_at_once)
    try:
        settings = parse_arguments(sys.argv[1:])
        descriptors.check()
        # Not yet where what must be loaded can still refuse the settings, or has to be logged before.
        to_be_seen = settings.dtls_certificate_file or settings.libwebrtc_field_trials
        code = _run(settings, running_said=not to_be_seen and descriptors.say_running())
    except SettingsError as error:
        _leave(EXIT_WRONG_SETTINGS, f"wrong settings: {error}")
    except OSError as error:
        _leave(EXIT_CANNOT_START, f"cannot start: descriptors 3 to 6 must be open: {error}")
    sys.exit(code)


def _run(settings: Settings, running_said: bool) -> int:
    from miso.worker.net.event_loop import new_event_loop

    loop = new_event_loop()

    import asyncio
    import traceback

    from miso.worker.faults import FATAL, faults
    from miso.worker.worker import Worker

    code = EXIT_CLOSED

    def end(message: object, error: BaseException | None) -> None:
        nonlocal code
        sys.stderr.write(f"worker[{os.getpid()}] cannot go on: {message}\n")
        if error is not None:
            traceback.print_exception(error)
        code = EXIT_FAILED
        loop.stop()

    def take_fault(message: str, error: BaseException | None) -> None:
        """The last net, for what no edge of work has caught."""
        if error is not None and not isinstance(error, FATAL):
            faults.record(error, message)
        else:
            end(message, error)

    def on_uncaught(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        message = f"the event loop: {context.get('message')}"
        if error is None:
            error = RuntimeError(message)
        take_fault(message, error if isinstance(error, BaseException) else None)

    def on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
        # The plane's per-packet functions give no errors back: the interpreter would only print theirs.
        message = f"{unraisable.err_msg or 'unraisable exception'}: {unraisable.object!r:.200}"
        take_fault(message, unraisable.exc_value)

    loop.set_exception_handler(on_uncaught)
    sys.unraisablehook = on_unraisable
    worker = Worker(loop, settings, loop.stop)

    def begin() -> None:
        # Not before the loop runs: a signal that uvloop catches earlier is lost, and until now it ends the process too.
        try:
            for number in _ENDING_SIGNALS:
                loop.add_signal_handler(number, worker.close)
            if not running_said:
                worker.announce()
        except Exception as error:  # noqa: BLE001  what cannot start must not stay
            end("it cannot start", error)
        loop.call_soon(worker.load)

    worker.open()
    loop.call_soon(begin)
    loop.run_forever()
    sys.stderr.flush()
    return code


def _end_at_once(number: int, frame: object) -> None:
    """A controller that has heard ``running`` may end the worker while it is still loading: nothing is open yet."""
    os._exit(EXIT_CLOSED)


def _leave(code: int, text: str) -> NoReturn:
    sys.stderr.write(f"miso-worker: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
