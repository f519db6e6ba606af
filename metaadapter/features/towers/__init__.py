"""Parts inside an encoder's towers: their places, bottlenecks, LoRA and soft prompts."""
