"""The objects that commands act on: routers, transports, producers, consumers, observers.

::

    router, router_tables    what there is in a router, and who finds whom
    web_rtc/                 transports with ICE and DTLS, alone or on the sockets of a WebRtcServer
    transport/               what all kinds of transport share; plain, pipe and direct ones
    data/                    data producers and data consumers, the SCTP association that carries their messages
    observers/               who is loud, who has the floor
    consumer/                what receivers get: streams and layers
    producer/                what senders send, and what is asked of them
    streams/                 what received and sent streams have in common: scores, clocks, dumps
    rtp_parameters           what senders and receivers agreed on; extension_uris: what header extensions are called
    trace                    the events of ``enableTraceEvent``
    context                  what every object is given: the way to the controller, the clock, sockets, the plane
    deliver                  hands the plane's events to the objects that they concern
    alarm, token_bucket      a timer that is set and stopped; how much is allowed
    log_rate_limit           log lines that a peer can provoke: one a second
"""
