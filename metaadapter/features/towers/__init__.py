"""The parts that an encoder's towers may have: where they go, and what they are."""
