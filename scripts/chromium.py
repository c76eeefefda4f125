"""Chromium without a window, driven over its own pipe: pages are opened, and pictures of them taken."""

import base64
import json
import os
import select
import subprocess

# Some of its processes end later than the first and write to the profile until then: all are of a process namespace, which is only over when
# the last of them is. It hears on descriptor 3 and answers on 4.
CHROMIUM = """
[ "$(id -u)" -eq 0 ] || user='--user --map-root-user'
exec unshare ${user-} --pid --fork --kill-child --mount-proc sh -c '
chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run \\
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \\
    --window-size="$2" --remote-debugging-pipe --user-data-dir="$1" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1; exit' sh "$1" "$2"
"""
# How long it may be silent, in seconds.
PATIENCE = 60


class Browser:
    """With a profile of its own, in a folder that the caller removes."""

    def __init__(self, profile, width, height):
        self.process = subprocess.Popen(
            ["sh", "-c", CHROMIUM, "sh", str(profile), f"{width},{height}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.latest, self.session, self.unread = 0, {}, b""
        target = self.order("Target.createTarget", url="about:blank")["targetId"]
        attached = self.order("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}

    def order(self, method, **parameters):
        self.latest += 1
        order = {"id": self.latest, "method": method, "params": parameters, **self.session}
        self.process.stdin.write(json.dumps(order).encode() + b"\0")
        self.process.stdin.flush()
        while True:
            message = self.message()
            if message.get("id") == self.latest:
                if "error" in message:
                    raise SystemExit(f"chromium: {method}: {message['error']['message']}")
                return message["result"]

    def message(self):
        heard = self.process.stdout.fileno()
        while b"\0" not in self.unread:
            if not select.select([heard], [], [], PATIENCE)[0]:
                raise SystemExit(f"chromium says nothing for {PATIENCE} s")
            read = os.read(heard, 1 << 20)
            if not read:
                raise SystemExit("chromium has ended: is Debian's package chromium installed?")
            self.unread += read
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def open(self, url):
        self.order("Page.navigate", url=url)

    def value(self, expression):
        """What an expression of JavaScript comes to in the page."""
        answer = self.order("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"chromium: {expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def picture(self, **clip):
        """A PNG of the window; with `clip`, of that part of the page."""
        more = {"clip": {**clip, "scale": 1}, "captureBeyondViewport": True} if clip else {}
        return base64.b64decode(self.order("Page.captureScreenshot", format="png", **more)["data"])

    def close(self):
        """Ends it; the profile can be removed then."""
        self.process.stdin.close()
        self.process.wait(PATIENCE)
