"""The API reference: what the operations say about themselves, as OpenAPI, TypeScript, pages and Markdown.

It reads the views' declarations (``web/operation.py``), the table of errors and the documents of ``docs/``; it serves
no operation itself.
"""
