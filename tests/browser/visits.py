"""A window on a server. Screenshots go to out/screenshots (not in version control)."""

from pathlib import Path

from playwright.sync_api import Page

SCREENSHOTS = Path(__file__).resolve().parents[2] / "out" / "screenshots"

# Violations of the content security policy, where a test can read them.
WATCH_POLICY = "window.violations = []; addEventListener('securitypolicyviolation', e => violations.push(e.blockedURI))"


class Visit:
    """One browser window on one server, and what must not happen there.

    Attributes:
        page: The window's page.
        errors: Messages of the console that are errors, and exceptions.
        addresses: Every address that was asked for.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.errors: list[str] = []
        self.addresses: list[str] = []
        page.add_init_script(WATCH_POLICY)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", lambda socket: self.addresses.append(socket.url))

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.base + path)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, and no other host was asked."""
        assert self.errors == []
        assert self.page.evaluate("window.violations") == []
        own = (self.base + "/", self.base.replace("http", "ws") + "/", "blob:", "data:")
        assert [each for each in self.addresses if not each.startswith(own)] == []
