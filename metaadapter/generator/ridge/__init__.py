"""The ridge regression of a task: its weights, its temperature and its left-out answers."""
