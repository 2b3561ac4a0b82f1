"""Probes: small tasks whose memory and credit lengths are known."""
