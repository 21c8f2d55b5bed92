"""How a figure is written, in pictures and in tables."""

from __future__ import annotations


def three_digits(value: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
