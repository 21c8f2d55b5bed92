"""The typed bodies of commands and events, one file per object of the reference's model.

``snake_case`` in the code, ``camelCase`` on the wire. Requests end in ``Request``, answers in ``Response``, ``Dump`` or
``Stats``. Shapes and ranges are those of mediasoup 3.12.16's worker.
"""
