"""Textual's driver for a terminal on the other end of a slow and unreliable line.

Three things differ. Bytes that are no UTF-8 (old X10 mouse reports, which a re-attached tmux may send) are replaced,
not fatal. A terminal that is gone ends the program even where SIGHUP is ignored, as under nohup. And the mouse reports
clicks and the wheel, not every movement, each of which would be answered by a repaint.
"""

import os
import selectors
from codecs import getincrementaldecoder

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver


class HouseDriver(LinuxDriver):
    def _enable_mouse_support(self) -> None:
        if self._mouse:
            self.write("\x1b[?1000h\x1b[?1006h")
            self.flush()

    def run_input_thread(self) -> None:
        """Read the terminal until the program ends, or the terminal does."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    octets = self._read()
                    if not octets:
                        self._loop.call_soon_threadsafe(self._app.exit)
                        return
                    for event in parser.feed(decode(octets)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:  # EIO: the other end of the pseudo-terminal is closed
            return b""
