"""What wires a run together, in this process."""
