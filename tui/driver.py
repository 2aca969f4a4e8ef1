"""Textual's driver for a terminal on the other end of a slow and unreliable line.

Nine things differ. Colours are said once, not with every run of text. Bytes that are no UTF-8 (old X10 mouse reports,
which a re-attached tmux may send) are replaced, not fatal. What is pasted is text, never keys. Escape is
heard whatever key is right behind it. What another program left unread is no key. A terminal that is gone
ends the program even where SIGHUP is ignored, as under nohup. The mouse reports clicks and the wheel, not every movement,
each of which would be answered by a repaint. The terminal is told who orders text that is read from the right. And when
nobody reads what we write, so that leaving politely would take for ever, the terminal is put right without it and the
program ends.
"""

import os
import selectors
import signal
import termios
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType
from typing import Final, Protocol, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key

from tui.bidi import EXPLICIT, IMPLICIT
from tui.escapes import Escapes
from tui.pasting import Pastes
from tui.thrift import thrifty

PATIENCE: Final = 3.0  # seconds for a polite end
# Normal screen, cursor, line wrap; no mouse, no paste marks, no focus reports, no kitty keys.
_CLEAN: Final = b"".join(
    b"\x1b[" + each
    for each in (b"<u", b"?1000l", b"?1006l", b"?2004l", b"?1004l", b"?2048l", b"?7h", b"?1049l", b"?25h", b"0m")
)


class Ordering(Protocol):
    orders_bidi: bool


class HouseDriver(LinuxDriver):
    _comes_back = False  # the terminal is lent to another program, such as an editor

    def write(self, data: str) -> None:
        super().write(thrifty(data))

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if cast(Ordering, self._app).orders_bidi and self._writer_thread is not None:
            self.write(EXPLICIT)

    def suspend_application_mode(self) -> None:
        self._comes_back = True
        try:
            super().suspend_application_mode()
        finally:
            self._comes_back = False

    def resume_application_mode(self) -> None:
        """What was typed for the other program and not read by it is no key of ours."""
        if self.input_tty:
            termios.tcflush(self.fileno, termios.TCIFLUSH)
        super().resume_application_mode()

    def stop_application_mode(self) -> None:
        with self._in_time():
            if cast(Ordering, self._app).orders_bidi:
                self.write(IMPLICIT)
            super().stop_application_mode()

    def close(self) -> None:
        with self._in_time():
            super().close()

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """What takes too long ends the program. Where it ends anyway, so does all that follows: whatever does not come to
        its end then (a screen's question, a task) keeps nobody."""
        watchdog = self._watchdog(self._app.return_code or 0)
        try:
            yield
        finally:
            if self._comes_back:
                watchdog.cancel()

    def ends_by(self, *signs: signal.Signals) -> None:
        """These signals end the program, even while a write of ours waits for a reader that is stuck."""

        def end(number: int, frame: FrameType | None) -> None:
            self._watchdog(128 + number)
            self._loop.call_soon_threadsafe(self._app.exit, None, 128 + number)

        for sign in signs:
            signal.signal(sign, end)

    def _watchdog(self, code: int) -> Timer:
        """Ends the program when its polite end takes too long."""
        timer = Timer(PATIENCE, self._end_now, (code,))
        timer.daemon = True
        timer.start()
        return timer

    def _end_now(self, code: int) -> None:
        """What nobody has read is dropped, the terminal put right, and nothing waited for."""
        out = self._file.fileno() if self._file is not None else 2
        try:
            termios.tcflush(out, termios.TCOFLUSH)
            os.set_blocking(out, False)
            os.write(out, (IMPLICIT.encode() if cast(Ordering, self._app).orders_bidi else b"") + _CLEAN)
            os.set_blocking(out, True)
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        except (OSError, termios.error):
            pass  # the terminal is gone, or takes nothing more
        os._exit(code)

    def _enable_mouse_support(self) -> None:
        if self._mouse:
            self.write("\x1b[?1000h\x1b[?1006h")
            self.flush()

    def run_input_thread(self) -> None:
        """Read the terminal until the program ends, or the terminal does."""
        parser = XTermParser(self._debug)
        decode, pastes, escapes = getincrementaldecoder("utf-8")(errors="replace").decode, Pastes(), Escapes()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    octets = self._read()
                    if not octets:
                        self._watchdog(0)
                        self._loop.call_soon_threadsafe(self._app.exit)
                        return
                    for index, sent in enumerate(escapes.parted(pastes.cleaned(decode(octets)))):
                        if index:
                            self._escape()
                        for event in parser.feed(sent) if sent else ():  # the parser takes "" for the end
                            self.process_message(event)
                elif escapes.waited():
                    self._escape()
                for event in parser.tick():
                    self.process_message(event)

    def _escape(self) -> None:
        self.process_message(Key("escape", "\x1b"))

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:  # EIO: the other end of the pseudo-terminal is closed
            return b""
