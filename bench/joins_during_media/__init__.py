"""How much later media comes while people join and leave, by the kernel's times: in turns quiet and with joins.

::

    measure  the worker, its receivers, and the turns
    visits   who joins and leaves
    verdict  what was measured, and whether it is as promised
"""
