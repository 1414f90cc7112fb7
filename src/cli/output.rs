//! Standard output and error; a reader that went away is no error.

use std::io::{ErrorKind, Write};

/// Writes text and a line end to standard output.
pub fn stdout(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => leave(0),
        Err(error) => {
            stderr(&format!("error: cannot write to standard output: {error}"));
            leave(74);
        }
        Ok(()) => {}
    }
}

/// Writes text and a line end to standard error.
pub fn stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// The columns of the terminal: those that `COLUMNS` names, else those of standard output, if it
/// is a terminal.
pub fn columns() -> Option<usize> {
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()) {
        return Some(columns);
    }
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills in the winsize that it is given, or fails.
    let known = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) } == 0;
    (known && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Lets a write past the file size limit fail as an error instead of killing the process.
pub fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a valid disposition and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Ends the process at once: everything is written by now, and the destructors that libtorch
/// leaves for the end of a process take a fifth of a short run.
pub fn leave(code: u8) -> ! {
    // SAFETY: it returns to nobody.
    unsafe { libc::_exit(i32::from(code)) }
}
