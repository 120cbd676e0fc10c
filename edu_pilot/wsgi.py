"""What a WSGI server loads."""

from edu_pilot import create_app, process
from edu_pilot.services import readiness

# Who starts a web process starts another in its place when it ends.
app = create_app(REPLACEABLE=True)
process.at_work(app.config["SETTINGS"].data)
with app.app_context():
    readiness.require_sound(app.config["SETTINGS"])
