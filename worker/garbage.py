"""What the garbage collector looks at: nothing that stays as long as the process."""

from __future__ import annotations

import gc


def freeze_what_stays() -> None:
    """Takes what is there now, all modules among it, out of the garbage collector's sight.

    A full collection stops media for as long as it takes to look at every object. Python makes one when a quarter more
    has come than the last one has left: the one after the freezing lets it count from nothing, so that cycles do not
    pile up behind 40,000 objects that stay.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
