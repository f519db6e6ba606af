"""Parts inside an encoder's towers: their places, bottlenecks and LoRA."""
