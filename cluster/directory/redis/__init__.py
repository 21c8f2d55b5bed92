"""The directory of many hosts, on Redis or Valkey: alone, with Sentinel, or as a Cluster."""
