//! Packed pictures: killed, raced and cramped builds end with the same file.

use crate::lab::{Lab, Ran};
use libtest_mimic::{Failed, Trial};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        Trial::test("packing::a_build_killed_again_and_again_ends_with_the_same_bytes", killed),
        Trial::test("packing::two_processes_build_a_file_once", raced),
        Trial::test("packing::a_full_disk_is_an_error_and_keeps_what_was_packed", full_disk),
    ]
}

/// Reads a picture, and builds the file for it.
const READ: &str = "let d = dataset::image_folder(\"pets\", #{ size: 32 }).pack(#{ size: 300 });\n\
                    print(d.test.images(0..1).mean); print(d.train.address);";
const PICTURES: usize = 200;

/// A laboratory with pictures of one class, which are as long as they are different.
fn lab() -> Lab {
    let lab = Lab::new();
    let folder = lab.path().join("data/pets/cat");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..PICTURES {
        let (width, height) = (40 + number % 17, 48);
        let pixel = |at: usize| (at * (number + 3) % 251) as u8;
        let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
        bytes.extend((0..width * height * 3).map(pixel));
        fs::write(folder.join(format!("{number:03}.ppm")), bytes).unwrap();
    }
    lab.script("s.rhai", READ);
    lab
}

fn reading(lab: &Lab) -> Command {
    lab.command(&["--data", "data", "--checkpoint-seconds", "0", "s.rhai"])
}

fn read(lab: &Lab) -> Ran {
    reading(lab).output().unwrap().into()
}

/// The files of packed pictures, whole or growing.
fn packs(lab: &Lab) -> Vec<PathBuf> {
    let mut files = lab.files("runs/blobs");
    files.retain(|path| path.to_string_lossy().contains("pictures.pack"));
    files
}

/// The bytes that were written so far.
fn length(lab: &Lab) -> u64 {
    packs(lab).iter().filter_map(|path| fs::metadata(path).ok()).map(|facts| facts.len()).sum()
}

/// The bytes of the only file, which is whole.
fn packed(lab: &Lab) -> Vec<u8> {
    let files = packs(lab);
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].ends_with("pictures.pack"), "{files:?}");
    fs::read(&files[0]).unwrap()
}

fn killed() -> Result<(), Failed> {
    let whole = lab();
    let expected = read(&whole);
    assert_eq!(expected.code, Some(0), "{}", expected.err);
    assert!(expected.err.contains("pack image_folder: 200 steps\n"), "{}", expected.err);

    let lab = lab();
    let mut struck = 0;
    for attempt in 0..8u64 {
        let mut child = reading(&lab).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let deadline = Instant::now() + Duration::from_secs(20);
        let before = length(&lab);
        while length(&lab) == before && child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(attempt * 7 % 20));
        child.kill()?;
        child.wait()?;
        struck += usize::from(packs(&lab).iter().any(|path| !path.ends_with("pictures.pack")));
    }
    assert!(struck >= 1, "no kill struck a build");
    let ended = read(&lab);
    assert_eq!((ended.code, &ended.out), (Some(0), &expected.out), "{}", ended.err);
    assert!(packed(&lab) == packed(&whole), "other bytes");

    let again = read(&lab);
    assert_eq!(again.out, expected.out);
    assert!(!again.err.contains("pack "), "built again:\n{}", again.err);
    Ok(())
}

fn raced() -> Result<(), Failed> {
    let lab = lab();
    let start = || reading(&lab).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let (first, second) = (start()?, start()?);
    let [first, second]: [Ran; 2] =
        [first.wait_with_output()?.into(), second.wait_with_output()?.into()];
    assert_eq!([first.code, second.code], [Some(0); 2], "{}\n{}", first.err, second.err);
    assert_eq!(first.out, second.out);
    let both = format!("{}{}", first.err, second.err);
    assert_eq!(both.matches("pack image_folder").count(), 1, "{both}");
    packed(&lab);
    Ok(())
}

/// Limits the size of the files that a program may write, as a full disk does.
fn cramped(mut command: Command, bytes: u64) -> Command {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: two plain calls that may be made between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            match libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    command
}

fn full_disk() -> Result<(), Failed> {
    let lab = lab();
    let ran: Ran = cramped(reading(&lab), 20 << 20).output()?.into();
    assert_eq!(ran.code, Some(74), "{}", ran.err);
    assert!(ran.err.contains("pictures.pack.part"), "{}", ran.err);
    assert!(ran.err.contains("free space and run again"), "{}", ran.err);
    let ended = read(&lab);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("pack image_folder: 200 steps, from step "), "{}", ended.err);
    packed(&lab);
    Ok(())
}
