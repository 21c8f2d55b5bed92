"""The SRTP keys of a transport whose application exchanges them (plain and pipe transports)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection

from miso.worker.channel.bodies.transport import SrtpParameters
from miso.worker.errors import BodyError
from miso.worker.srtp_suite import SrtpSuite


class SrtpKeys:
    """A suite and the key that we protect with.

    Attributes:
        suite: Of both directions.
        local_key: Master key and salt.
    """

    def __init__(
        self, random: Callable[[int], bytes], suite: SrtpSuite, allowed: Collection[SrtpSuite] = tuple(SrtpSuite)
    ) -> None:
        """Makes a random key.

        Args:
            random: Gives that many random bytes, fit for secrets.
            suite: Of the key.
            allowed: What the peer may choose instead.
        """
        self._random = random
        self._allowed = allowed
        self._set_suite(suite)

    @property
    def parameters(self) -> SrtpParameters:
        """What the peer has to know."""
        return SrtpParameters(crypto_suite=self.suite.name, key_base64=base64.b64encode(self.local_key).decode())

    def accept(self, remote: SrtpParameters) -> None:
        """The peer's suite counts: when it is another one, we get a new key for it."""
        suite = SrtpSuite[remote.crypto_suite]
        if suite != self.suite:
            self._set_suite(suite)

    def renew(self) -> None:
        """Makes another random key: one that has protected packets must not begin anew (RFC 3711 section 9.1)."""
        self._set_suite(self.suite)

    def check(self, remote: SrtpParameters) -> bytes:
        """The peer's master key and salt.

        Raises:
            BodyError: A suite that is unknown or not allowed, or a key that is not of it.
        """
        if remote.crypto_suite not in SrtpSuite.__members__ or SrtpSuite[remote.crypto_suite] not in self._allowed:
            raise BodyError("invalid/unsupported srtpParameters.cryptoSuite")
        try:
            key = base64.b64decode(remote.key_base64, validate=True)
        except binascii.Error as error:
            raise BodyError(f"invalid srtpParameters.keyBase64 ({error})") from error
        if len(key) != SrtpSuite[remote.crypto_suite].keying_size:
            raise BodyError("invalid decoded SRTP key length")
        return key

    def _set_suite(self, suite: SrtpSuite) -> None:
        self.suite = suite
        self.local_key = self._random(suite.keying_size)


def check_srtp(keys: SrtpKeys | None, remote: SrtpParameters | None) -> bytes:
    """The peer's key, empty for a transport without SRTP.

    Raises:
        BodyError: Parameters without SRTP, SRTP without parameters, or wrong ones.
    """
    if keys is None:
        if remote is not None:
            raise BodyError("invalid srtpParameters (SRTP not enabled)")
        return b""
    if remote is None:
        raise BodyError("missing srtpParameters (SRTP enabled)")
    return keys.check(remote)
