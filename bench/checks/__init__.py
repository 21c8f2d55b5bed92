"""What it costs a worker to answer the STUN checks by which connected peers consent to be sent to (RFC 7675).

::

    measure  the worker, and its CPU for checks at once and evenly paced, beside that of an idle one
    peers    who checks, and what is answered
"""
