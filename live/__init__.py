"""The live side: streams that one publishes and many watch."""
