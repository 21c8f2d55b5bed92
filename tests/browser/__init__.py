"""The room page in Chromium against the whole server: what a person sees and hears."""
