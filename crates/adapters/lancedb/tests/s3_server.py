"""moto's S3 on 127.0.0.1, for tests: python s3_server.py PORT

moto looks for an object and saves it in two steps, between which other requests are served; what S3 promises of
`If-None-Match: *` is that they are one. So whatever changes something takes its turn here.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def serve(environ, start_response):
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return moto(environ, start_response)
    with turn:
        return list(moto(environ, start_response))


class Quiet(WSGIRequestHandler):
    # Connections are kept.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


run_simple("127.0.0.1", int(sys.argv[1]), serve, request_handler=Quiet, threaded=True)
