"""Published scores that separate known pictures from unknown ones."""
