"""What runs inside the portal's processes: the portal as it is, by a clock that can be moved.

gunicorn is started in this folder, so that it finds ``wsgi`` and ``gunicorn.conf.py`` of the folder; both take the
portal's own and add to them. Nothing of the portal is changed but what ``witness`` says.
"""
