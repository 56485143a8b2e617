"""Feature networks as Flax modules."""
