"""What clients ask.

::

    dispatcher     takes a request: whether it may be asked, who answers, what goes wrong
    table          every request: row says what its row has, messages what data it brings
    room, media, data, throttle   who answers: a file for each kind
"""
