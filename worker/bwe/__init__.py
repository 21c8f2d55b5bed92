"""Bandwidth estimation: transport-wide feedback and REMB."""
