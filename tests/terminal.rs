//! A pseudo-terminal in which tests type at the prompt as a person does.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A program in a terminal of its own.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    /// Starts `command` in a terminal of 100 columns and 40 lines.
    pub fn open(mut command: Command) -> std::io::Result<Self> {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: both descriptors and the size are valid for the call, which writes the former.
        let opened = unsafe {
            libc::openpty(
                &mut master,
                &mut slave,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                &size,
            )
        };
        if opened != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: openpty made both descriptors for us alone.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
        // SAFETY: setsid and ioctl may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn()?;
        drop(command);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reader, written) = (master.try_clone()?, screen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Ok(Self { keyboard: master, screen, child })
    }

    /// Types keys; `\r` is Enter, `\t` Tab, `\x03` Ctrl-C.
    pub fn type_keys(&mut self, keys: &str) -> std::io::Result<()> {
        self.keyboard.write_all(keys.as_bytes())
    }

    /// Waits until `text` was written since the last call; what was written up to its end.
    ///
    /// # Errors
    /// It does not come within `seconds`; the error shows what came instead.
    pub fn expect(&mut self, text: &str, seconds: u64) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            {
                let mut screen = self.screen.lock().unwrap();
                let plain = without_escapes(&screen);
                if let Some(at) = plain.find(text) {
                    screen.clear();
                    screen.push_str(&plain[at + text.len()..]);
                    return Ok(plain[..at + text.len()].to_owned());
                }
                if begun.elapsed() > Duration::from_secs(seconds) {
                    return Err(format!("no {text:?} within {seconds} s, but:\n{plain}"));
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end of the program.
    pub fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Text without colours and cursor movements.
fn without_escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            plain.push(c);
            continue;
        }
        if rest.next_if_eq(&'[').is_some() {
            while rest.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else {
            rest.next();
        }
    }
    plain
}
