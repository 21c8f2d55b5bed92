"""Plugin "recording": live streams into FLV and MP4 files."""
