"""How gunicorn serves the floor: the portal's `gunicorn.conf.py` without what only the portal needs."""

worker_class = "gthread"
preload_app = True
timeout = 30
graceful_timeout = 20
keepalive = 15
max_requests = 0
limit_request_line = 4_094
limit_request_fields = 60
limit_request_field_size = 8_190
forwarded_allow_ips = ""
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
