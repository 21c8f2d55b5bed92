"""What streams carry: packets, and how codecs and FLV write them."""
