"""Published scores that tell pictures of a task's classes from all others."""
