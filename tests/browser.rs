//! Pages in a browser, where one is installed: they work on a narrow screen, ask for nothing, and
//! print.

use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A page with tables, every kind of plot and a script.
const STUDY: &str = r#"
//! Does a page work?
let cells = sweep::grid(#{ arm: ["a", "b", "c"], seed: 0..3 }, |c| #{
    accuracy: #{ a: 0.50, b: 0.75, c: 0.625 }[c.arm] + 0.01 * c.seed,
});
let rows = ["a", "b", "c"].map(|arm| #{ name: arm } + stats::mean([1.0, 2.0, 3.5]));
let plots = [
    plot::forest(rows), plot::lines([1, 2, 4]), plot::scatter([#{ x: [1, 2, 3], y: [1, 3, 2] }]),
    plot::images(dataset::digits().test.images(0..4)),
];
report::write("page", cells, [cells.summary(["arm"], "accuracy")] + plots);
"#;

/// What the page says of itself after a click on the second column of its last sorted table.
const PROBE: &str = r#"<script>
const tables = [...document.querySelectorAll(".wide table")];
const table = tables[tables.length - 1];
const heading = table.tHead.rows[0].cells[1];
const column = (at) => [...table.tBodies[0].rows].map((row) => row.cells[at].textContent);
heading.click();
const up = column(0);
heading.click();
document.body.dataset.found = JSON.stringify({
  up, down: column(0), sort: heading.getAttribute("aria-sort"),
  wide: document.documentElement.scrollWidth <= innerWidth,
  loaded: performance.getEntriesByType("resource").length,
  figures: [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().height > 50).length,
});
</script></body>"#;

/// What any page says of itself.
const FITS: &str = r#"<script>
document.body.dataset.found = JSON.stringify({
  wide: document.documentElement.scrollWidth <= innerWidth,
  loaded: performance.getEntriesByType("resource").length,
  figures: [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().height > 50).length,
});
</script></body>"#;

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![Trial::test("browser::a_page_sorts_fits_a_phone_asks_for_nothing_and_prints", page)]
}

fn browser() -> Option<&'static str> {
    let starts = |name: &&&str| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    BROWSERS.iter().find(starts).copied()
}

fn page() -> Result<(), Failed> {
    let Some(browser) = browser() else {
        println!("browser: skipped, none of {} is installed", BROWSERS.join(", "));
        return Ok(());
    };
    let lab = Lab::new();
    let script = lab.script("study.rhai", STUDY);
    lab.ok(&[&script.to_string_lossy()]);
    let path = lab.path().join("runs/reports/page.html");
    let written = std::fs::read_to_string(&path)?;
    assert!(written.contains("Does a page work?") && written.contains("plot::forest(rows)"));
    std::fs::write(lab.path().join("probed.html"), written.replace("</body>", PROBE))?;

    let found = answer(browser, lab.path(), "probed.html")?;
    assert_eq!(found["up"], serde_json::json!(["a", "c", "b"]), "{found}");
    assert_eq!(found["down"], serde_json::json!(["b", "c", "a"]), "{found}");
    assert_eq!(found["sort"], "descending", "{found}");
    assert_eq!((&found["wide"], &found["loaded"]), (&true.into(), &0.into()), "{found}");
    assert_eq!(found["figures"], 5, "{found}");

    let pdf = lab.path().join("page.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    open(browser, lab.path(), &[&print], "runs/reports/page.html");
    assert!(std::fs::read(&pdf)?.starts_with(b"%PDF"));
    Ok(())
}

/// What a page with a probe says of itself; nothing may have been written to the console.
fn answer(browser: &str, folder: &Path, page: &str) -> Result<Value, Failed> {
    let ran = open(browser, folder, &["--dump-dom"], page);
    assert!(!ran.1.contains("CONSOLE"), "{}", ran.1);
    let found = ran.0.split("data-found=\"").nth(1).and_then(|rest| rest.split('"').next());
    let found = found.unwrap_or_else(|| panic!("no answer:\n{}\n{}", ran.0, ran.1));
    Ok(serde_json::from_str(&found.replace("&quot;", "\""))?)
}

/// Opens all pages of a laboratory, where a browser is installed: each fits a phone, asks for nothing,
/// reports no error and shows its figures.
pub fn every_page_works(lab: &Lab) -> Result<(), Failed> {
    let Some(browser) = browser() else {
        println!("browser: skipped, none of {} is installed", BROWSERS.join(", "));
        return Ok(());
    };
    let mut pages = lab.files("runs/reports");
    pages.retain(|path| path.extension().is_some_and(|end| end == "html"));
    assert!(!pages.is_empty(), "no page was written");
    for path in pages {
        let written = std::fs::read_to_string(&path)?;
        let figures = written.matches("<figure>").count();
        std::fs::write(lab.path().join("probed.html"), written.replace("</body>", FITS))?;
        let found = answer(browser, lab.path(), "probed.html")?;
        let expected = serde_json::json!({ "wide": true, "loaded": 0, "figures": figures });
        assert_eq!(found, expected, "{}", path.display());
    }
    Ok(())
}

/// Opens a page on a screen of a phone's width; gives both outputs of the browser.
fn open(browser: &str, folder: &Path, arguments: &[&str], page: &str) -> (String, String) {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--window-size=500,900", "--enable-logging=stderr", "--virtual-time-budget=2000"])
        .args([&profile, "--no-first-run"])
        .args(arguments)
        .arg(format!("file://{}", folder.join(page).display()))
        .output()
        .expect("the browser starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
