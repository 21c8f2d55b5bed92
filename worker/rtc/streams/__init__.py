"""What received and sent streams have in common: scores, clocks, dumps."""
