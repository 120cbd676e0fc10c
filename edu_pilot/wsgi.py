"""What a WSGI server loads."""

from edu_pilot import create_app

app = create_app()
