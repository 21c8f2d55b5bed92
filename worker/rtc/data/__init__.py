"""Messages over SCTP or the payload channel, from data producers to data consumers.

::

    data_producer, data_consumer   the commands
    sctp_association     a transport's association: whose messages which stream carries
    sctp_stream          in order or not, for how long
    low_thresholds       who wants to know when little waits
"""
