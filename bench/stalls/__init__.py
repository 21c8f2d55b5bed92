"""What control does with thousands of objects: its CPU, and how long media waits for it.

::

    measure   the room of many people, and what is done to it
"""
