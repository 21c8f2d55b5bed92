"""Chunks that come, until they are messages that can be handed out.

::

    data_receiver     takes DATA and FORWARD-TSN, says what to acknowledge (SACK)
    received_tsns     which TSNs have come
    fragments         fragments of messages until they are whole
    reassembly        whole messages, in the order of their stream
"""
