"""The bitrate of a stream and of its layers."""

from __future__ import annotations

NOW_US = 10**12
WINDOW_S = 2.5


def filled(load, spatial_layers: int, temporal_layers: int):
    """One packet of each layer: 1000 bytes of the lowest, 1000 more of each next one."""
    rates = load("miso.worker.rtp.layer_rates").LayerRates(spatial_layers, temporal_layers)
    for spatial in range(spatial_layers):
        for temporal in range(temporal_layers):
            rates.update(spatial, temporal, 1000 * (1 + spatial * temporal_layers + temporal), NOW_US)
    return rates


def bps(*thousands: int) -> int:
    return int(sum(thousands) * 1000 * 8 / WINDOW_S)


def test_a_layer_comes_with_those_below_it(load) -> None:
    rates = filled(load, 2, 3)
    assert rates.bitrate(NOW_US) == bps(1, 2, 3, 4, 5, 6)
    assert rates.bitrate(NOW_US, 0) == bps(1, 2, 3)
    assert rates.bitrate(NOW_US, 0, 1) == bps(1, 2)
    assert rates.bitrate(NOW_US, 1, 0) == bps(1, 2, 3, 4)
    assert rates.layer_bitrate(NOW_US, 1, 1) == bps(5)
    assert rates.layer_packets(1) == 3


def test_a_layer_that_is_not_received_has_no_bitrate(load) -> None:
    rates = load("miso.worker.rtp.layer_rates").LayerRates(2, 3)
    rates.update(0, 0, 1000, NOW_US)
    assert rates.bitrate(NOW_US, 0, 2) == 0
    assert rates.bitrate(NOW_US, 2) == rates.layer_bitrate(NOW_US, 0, 3) == rates.layer_packets(2) == 0


def test_what_tells_no_layer_or_one_beyond_counts_to_the_nearest(load) -> None:
    rates = load("miso.worker.rtp.layer_rates").LayerRates(2, 2)
    rates.update(-1, -1, 1000, NOW_US)
    rates.update(7, 7, 2000, NOW_US)
    assert (rates.layer_bitrate(NOW_US, 0, 0), rates.layer_bitrate(NOW_US, 1, 1)) == (bps(1), bps(2))


def test_a_stream_of_one_layer_is_that_layer(load) -> None:
    rates = filled(load, 1, 1)
    assert rates.bitrate(NOW_US, 0, 0) == rates.layer_bitrate(NOW_US, 0, 0) == rates.whole.bitrate(NOW_US) == bps(1)
    assert (rates.layer_packets(0), rates.layer_packets(1)) == (1, 0)
