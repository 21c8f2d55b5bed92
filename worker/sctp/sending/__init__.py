"""Messages on their way out, until they are acknowledged or given up.

::

    data_sender               decides: what is sent, sent again, given up (partial reliability), acknowledged
    send_queue                messages that wait to be sent
    outstanding, sent_chunk   what was sent and is not acknowledged, and in which state
    bundler                   puts chunks into packets
    forward_tsn               the chunk that tells what was given up (RFC 3758)
    congestion                how much may be on the way
    retransmission_timeout,
    round_trip_sample,
    tail_loss_probe           when to send again
"""
