"""The cluster in simulated time: hundreds of hosts, thousands of people, faults, and what must be true afterwards."""
