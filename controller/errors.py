"""The exceptions of the controller.

::

    ControllerError
    ├── UnsupportedError     the codecs, capabilities or the kind of transport do not allow it
    ├── InvalidStateError    the object, its worker or the channel is closed
    ├── NotFoundError        no object with that id
    ├── RequestError         the worker answered a request with an error
    └── WorkerStartError     the worker process ended, or could not be started, before it was running

Wrong arguments are a ``TypeError``, whether the controller or the worker notices them.
"""

from __future__ import annotations


class ControllerError(Exception):
    """Base of everything the controller raises on purpose, except ``TypeError``."""


class UnsupportedError(ControllerError):
    """What was asked for is not supported by the codecs, the capabilities or the kind of object."""


class InvalidStateError(ControllerError):
    """A call on something closed: the object, its worker, or the channel to it."""


class NotFoundError(ControllerError):
    """No producer or data producer with the given id is known to the router."""


class RequestError(ControllerError):
    """The worker's answer to a request it could not carry out."""


class WorkerStartError(ControllerError):
    """The worker process ended before it said that it is running."""
