"""The requests of the page: routes, forms, uploads and downloads."""
