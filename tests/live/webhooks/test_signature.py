"""The signature of Standard Webhooks."""

from __future__ import annotations

import pytest

from miso.live.webhooks.signature import read_secret, signed_headers


def test_signs_as_the_specification_s_example_does() -> None:
    # Of the specification's document, "Webhook headers" and its reference libraries' tests.
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_***"])
def test_refuses_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64"):
        read_secret(text)


def test_any_other_text_is_a_key_as_it_stands() -> None:
    assert read_secret("of the house") == b"of the house"
