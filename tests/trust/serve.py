"""python -m tests.trust.serve PORT WORKERS: the real server, over the tests' application."""

import sys

from edu_pilot import server

if __name__ == "__main__":
    server.web("127.0.0.1", int(sys.argv[1]), app="tests.trust.wsgi:app", workers=int(sys.argv[2]))
