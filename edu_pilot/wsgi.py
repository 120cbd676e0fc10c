"""What a WSGI server loads."""

from edu_pilot import create_app, process

app = create_app()
process.at_work(app.config["SETTINGS"].data)
