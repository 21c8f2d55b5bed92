"""``python -m miso.cluster.directory.redis ADDRESS``: looks whether hosts can share rooms over a Redis."""

import sys

from miso.cluster.directory.redis.check import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
